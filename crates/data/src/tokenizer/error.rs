//! Why there is no tokenizer.

use thiserror::Error;

/// Why a tokenizer cannot be trained or read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TokenizerError {
    /// There is nothing to train on.
    #[error("the texts to train a tokenizer on are empty; give it at least one word")]
    Empty,
    /// A size that leaves no room for what must be there, or that nothing can hold.
    #[error(
        "a tokenizer of this kind has between {least} and {most} tokens, but {size} are asked for; change the size"
    )]
    Size {
        /// As given.
        size: usize,
        /// The fewest.
        least: usize,
        /// The most.
        most: usize,
    },
    /// Stored text that is no tokenizer.
    #[error("{origin} is no tokenizer: {reason}; restore the file")]
    Stored {
        /// Where the text is from.
        origin: String,
        /// What is wrong.
        reason: String,
    },
    /// The program was built without byte-pair encoding.
    #[error(
        "byte-pair encoding and a tokenizer.json need a program that was built with the feature `tokenizers`; build it with that feature, or use the \
         kind \"words\", \"bytes\" or \"characters\""
    )]
    NotBuiltIn,
    /// The library refuses.
    #[error("byte-pair encoding cannot be trained on these texts: {reason}")]
    Library {
        /// What it says.
        reason: String,
    },
}

impl TokenizerError {
    pub(super) fn stored(origin: &str, reason: impl Into<String>) -> Self {
        TokenizerError::Stored { origin: origin.to_owned(), reason: reason.into() }
    }
}
