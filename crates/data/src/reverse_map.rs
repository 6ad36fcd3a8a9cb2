//! The reverse-and-map task: each token is replaced by another one, and the sequence is reversed.
//!
//! It is the smallest translation there is: every token has one meaning, and the order changes. A model needs attention to another sequence to
//! solve it, and nothing else. The tokens are 0 (padding), 1 ("begin"), 2 ("end") and ordinary ones from 3 on; a source is some ordinary tokens
//! and "end", its target the images of these tokens, the last one first, and "end".
//!
//! ```
//! use anther_data::reverse_map::{ReverseMap, ReverseMapConfig};
//! use anther_data::{PairBatch, Split};
//!
//! let task = ReverseMap::new(ReverseMapConfig { tokens: 20, ..ReverseMapConfig::default() })?;
//! let mut batch = PairBatch::default();
//! task.refill(1, Split::Train, 10, 4, 12, &mut batch)?;
//! let source = batch.source_row(0);
//! let (inputs, targets, _) = batch.target.row(0);
//! assert_eq!(inputs[0], 1);
//! assert_eq!(targets[..source.len()], task.answer(source));
//! # Ok::<(), anther_data::reverse_map::ReverseMapError>(())
//! ```

use thiserror::Error;

use crate::random::{Purpose, below, generator};
use crate::{BatchError, PairBatch, PairTokens, Split};

/// The token that fills rows up.
pub const PADDING: u32 = 0;
/// The token that the first prediction follows.
pub const BEGIN: u32 = 1;
/// The token that ends a sequence.
pub const END: u32 = 2;
/// The first ordinary token.
pub const FIRST: u32 = 3;
/// The three of them that are no words.
pub const SPECIAL: PairTokens = PairTokens { padding: PADDING, begin: BEGIN, end: END };

/// The most tokens.
pub const MAX_TOKENS: u32 = 1 << 20;

/// What makes a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReverseMapConfig {
    /// Number of tokens, the three that are not ordinary among them.
    pub tokens: u32,
    /// The fewest ordinary tokens of a source.
    pub shortest: usize,
    /// The most ordinary tokens of a source.
    pub longest: usize,
    /// The seed of the map.
    pub table_seed: u64,
}

impl Default for ReverseMapConfig {
    fn default() -> Self {
        ReverseMapConfig { tokens: 400, shortest: 3, longest: 8, table_seed: 0 }
    }
}

/// Why there is no such task, or no such batch.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReverseMapError {
    /// Too few tokens, or too many.
    #[error(
        "{tokens} tokens are not between {} and {MAX_TOKENS}; padding, begin and end are three of them, so one more is the least",
        FIRST + 1
    )]
    Tokens {
        /// As given.
        tokens: u32,
    },
    /// Lengths that no source has.
    #[error(
        "sources of {shortest} to {longest} tokens do not exist; give a shortest of 1 or more and a longest that is no shorter"
    )]
    Lengths {
        /// As given.
        shortest: usize,
        /// As given.
        longest: usize,
    },
    /// Rows that do not hold a source.
    #[error("a context of {context} is too short for sources of up to {longest} tokens and the token that ends them; use {} or more", longest.saturating_add(1))]
    ContextTooShort {
        /// As given.
        context: usize,
        /// The longest source, without its end.
        longest: usize,
    },
    /// Impossible sizes.
    #[error(transparent)]
    Batch(#[from] BatchError),
}

/// A validated task with its map drawn.
#[derive(Clone, Debug)]
pub struct ReverseMap {
    config: ReverseMapConfig,
    /// The image of each ordinary token.
    images: Vec<u32>,
}

impl ReverseMap {
    /// Checks a configuration and draws the map, a permutation of the ordinary tokens of which every one is equally likely.
    ///
    /// # Errors
    /// [`ReverseMapError::Tokens`] and [`ReverseMapError::Lengths`].
    pub fn new(config: ReverseMapConfig) -> Result<Self, ReverseMapError> {
        let ReverseMapConfig { tokens, shortest, longest, table_seed } = config;
        if !(FIRST + 1..=MAX_TOKENS).contains(&tokens) {
            return Err(ReverseMapError::Tokens { tokens });
        }
        if shortest == 0 || longest < shortest {
            return Err(ReverseMapError::Lengths { shortest, longest });
        }
        let mut rng = generator(table_seed, Purpose::ReverseMapTable, 0);
        let mut images: Vec<u32> = (FIRST..tokens).collect();
        for last in (1..images.len()).rev() {
            images.swap(last, below(&mut rng, last as u64 + 1) as usize);
        }
        Ok(ReverseMap { config, images })
    }

    /// The configuration the task was made from.
    pub fn config(&self) -> &ReverseMapConfig {
        &self.config
    }

    /// The target of a source: the images of its ordinary tokens in reverse, and "end". Tokens that are not ordinary have no image and are left out.
    pub fn answer(&self, source: &[u32]) -> Vec<u32> {
        let image = |token: &u32| self.images.get(token.checked_sub(FIRST)? as usize).copied();
        source.iter().rev().filter_map(image).chain([END]).collect()
    }

    /// Fresh data in the place of `data`, whose memory is used again: `batch` pairs, in rows of `context` tokens.
    ///
    /// A pure function of the task and the arguments: the same call gives the same data. Each step has its own stream of random numbers, and the splits
    /// share none. Lengths and ordinary tokens are uniform. Costs O(`batch * context`).
    ///
    /// # Errors
    /// [`ReverseMapError::ContextTooShort`], [`ReverseMapError::Batch`] if the batch is empty or too large; `data` is then as it was.
    pub fn refill(
        &self,
        seed: u64,
        split: Split,
        step: u64,
        batch: usize,
        context: usize,
        data: &mut PairBatch,
    ) -> Result<(), ReverseMapError> {
        let ReverseMapConfig { tokens, shortest, longest, .. } = self.config;
        if context <= longest {
            return Err(ReverseMapError::ContextTooShort { context, longest });
        }
        data.restart(batch, [context; 2])?;
        let purpose = match split {
            Split::Train => Purpose::ReverseMapTrain,
            Split::Validation => Purpose::ReverseMapValidation,
        };
        let mut rng = generator(seed, purpose, step);
        let (mut source, mut target) = (Vec::with_capacity(longest), Vec::with_capacity(longest));
        for _ in 0..batch {
            let length = shortest + below(&mut rng, (longest - shortest) as u64 + 1) as usize;
            source.clear();
            source.extend((0..length).map(|_| FIRST + below(&mut rng, u64::from(tokens - FIRST)) as u32));
            target.clear();
            target.extend(source.iter().rev().map(|token| self.images[(token - FIRST) as usize]));
            data.push(&source, &target, SPECIAL);
        }
        Ok(())
    }
}
