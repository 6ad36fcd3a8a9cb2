//! ListOps (arXiv 1804.06028), the long sequences of the Long Range Arena (arXiv 2011.04006): nested lists of digits under MIN, MAX, MED (the whole part of the median) and
//! SM (the sum modulo 10), to be classified by their value.
//!
//! Rules and sizes are those of the generator released with the Long Range Arena, told in other words: a part below the greatest depth is an operator with
//! probability 0.25 and a digit otherwise, has 2 to 10 parts itself, and lists are kept if they have more than 500 and less than 2,000 tokens. Brackets that
//! only group two parts are left out, as the programs do that read them. That generator throws a list away that it has drawn before; here each is drawn by itself,
//! which among lists of more than 500 tokens, with as many choices in each, comes to the same.
//!
//! ```
//! use anther_data::Split;
//! use anther_data::listops::{ListOps, ListOpsConfig, encode, value};
//!
//! let tokens = encode("( ( ( [MAX 2 ) ( ( ( [SM 7 ) 6 ) ] ) ) ] )")?;
//! assert_eq!(tokens, encode("[MAX 2 [SM 7 6 ] ]")?);
//! assert_eq!(value(&tokens), Ok(3));
//!
//! let task = ListOps::new(ListOpsConfig { shortest: 20, longest: 60, ..ListOpsConfig::default() })?;
//! let mut tokens = Vec::new();
//! let label = task.example(1, Split::Train, 10, &mut tokens);
//! assert_eq!(value(&tokens), Ok(label));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod expression;
mod generator;
mod table;

use thiserror::Error;

pub use expression::{ExpressionError, encode, value};
pub use generator::{ListOps, ListOpsConfig};
pub use table::ListOpsTable;

use crate::packed::ReadError;
use crate::{BatchError, DataError, LabelledBatch};

/// The token that fills rows up.
pub const PADDING: u32 = 0;
/// The digit 0; the others follow.
pub const ZERO: u32 = 1;
/// MIN; MAX, MED and SM follow.
pub const MIN: u32 = 11;
/// The end of a list.
pub const CLOSE: u32 = 15;
/// Number of tokens, padding among them.
pub const TOKENS: usize = 16;
/// Number of classes.
pub const CLASSES: usize = 10;

/// Why there are no such lists.
#[derive(Debug, Error)]
pub enum ListOpsError {
    /// A setting out of its range.
    #[error("{value} is not between {least} and {most}")]
    Setting {
        /// Which one.
        key: &'static str,
        /// As given.
        value: usize,
        /// The least.
        least: usize,
        /// The most.
        most: usize,
    },
    /// No list has such a length, or hardly any.
    #[error(
        "less than one in 10,000 lists of depth {depth} with up to {arguments} parts has {shortest} to {longest} tokens; widen the lengths"
    )]
    Rare {
        /// The greatest depth.
        depth: usize,
        /// The most parts.
        arguments: usize,
        /// The fewest tokens.
        shortest: usize,
        /// The most tokens.
        longest: usize,
    },
    /// A file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// There is no such folder.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A line that is not what it should be.
    #[error("{origin}, line {line}: {reason}")]
    Line {
        /// The file.
        origin: String,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong, and how to mend it.
        reason: String,
    },
    /// A batch that cannot be made.
    #[error(transparent)]
    Batch(#[from] BatchError),
}

impl LabelledBatch {
    /// Adds a row of tokens, filled up to `longest`.
    pub(crate) fn push_tokens(&mut self, tokens: &[u32], longest: usize, label: u32) {
        debug_assert!(tokens.len() <= longest);
        self.tokens.extend_from_slice(tokens);
        self.tokens.resize(self.tokens.len() + longest - tokens.len(), PADDING);
        self.lengths.push(tokens.len());
        self.labels.push(label);
    }
}
