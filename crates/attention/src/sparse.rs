//! Block-sparse attention: each block of tokens sees the blocks near it and the first ones.
//!
//! ```text
//! block a sees block b   if |a − b| ≤ local  or  b < global  or  a < global
//! ```
//!
//! That is BigBird (Zaheer et al. 2020, arXiv 2007.14062, section 2) without its random blocks, and Longformer (arXiv 2004.05150) with its global tokens at
//! the front and no projections of their own. It intersects with every other mask: under a causal mask the last condition adds nothing. Cost:
//! pairs in the shown blocks, of length · block · (2·local + 1 + global) in both directions; tiles without a shown pair are not visited.

use serde::{Deserialize, Serialize};

use crate::config::ConfigError;
use crate::pattern::Pattern;

/// Settings of block-sparse attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SparseConfig {
    /// Tokens of a block.
    pub block: usize,
    /// How many blocks to each side a block sees beside itself.
    pub local: usize,
    /// How many of the first blocks see all and are seen by all.
    pub global: usize,
}

impl Default for SparseConfig {
    fn default() -> Self {
        SparseConfig { block: 16, local: 1, global: 1 }
    }
}

impl SparseConfig {
    /// Checks the settings.
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        if self.block == 0 {
            return Err(ConfigError::new("model.attention.sparse.block", "a block of no tokens; choose at least 1"));
        }
        Ok(())
    }

    /// The pattern over the positions below `length`.
    pub(crate) fn pattern(&self, length: usize) -> Pattern {
        Pattern::blocks(self.block, length.div_ceil(self.block), |query, key| {
            query.abs_diff(key) <= self.local || key < self.global || query < self.global
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_sees_its_neighbours_and_the_first() {
        let sparse = SparseConfig { block: 2, local: 1, global: 1 };
        let pattern = sparse.pattern(9);
        let row = |query| (0..9).map(|key| u8::from(pattern.shows(0, 0, query, key))).collect::<Vec<_>>();
        assert_eq!(row(7), [1, 1, 0, 0, 1, 1, 1, 1, 1]);
        assert_eq!(row(1), [1; 9]);
        assert_eq!(row(3), [1, 1, 1, 1, 1, 1, 0, 0, 0]);
    }
}
