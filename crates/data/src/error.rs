//! What can be wrong with data on disk, with a text, or with the blocks asked of it.

use std::path::PathBuf;

use thiserror::Error;

use crate::{BatchError, MAX_TEXT_BYTES};

/// What can be wrong with data on disk, with a text, or with the blocks asked of it.
#[derive(Debug, Error)]
pub enum DataError {
    /// There is no such file.
    #[error("the file {} does not exist; check the path, or fetch the data set", path.display())]
    Missing {
        /// The path as given.
        path: PathBuf,
    },
    /// A directory or a device where a file was expected.
    #[error("{} is not a regular file but a {kind}; name a text file", path.display())]
    NotAFile {
        /// The path as given.
        path: PathBuf,
        /// What it is instead.
        kind: &'static str,
    },
    /// A file where a folder was expected.
    #[error("{} is a file; name the folder of a data set", path.display())]
    NotAFolder {
        /// The path as given.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("{} cannot be read: {source}", path.display())]
    Io {
        /// The path as given.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// More bytes than [`MAX_TEXT_BYTES`].
    #[error("the text {} has more than {MAX_TEXT_BYTES} bytes; train on a part of it", path.display())]
    TextTooLong {
        /// The path as given.
        path: PathBuf,
    },
    /// Bytes that are not UTF-8.
    #[error("the text {origin} is not UTF-8 at byte {offset}; convert it, for example with iconv")]
    NotUtf8 {
        /// The path, or `given in memory`.
        origin: String,
        /// Offset of the first wrong byte, from 0.
        offset: usize,
    },
    /// A NUL byte: the file is not a text.
    #[error("the text {origin} has a NUL byte at byte {offset}, so it is probably not a text; remove it")]
    Nul {
        /// The path, or `given in memory`.
        origin: String,
        /// Offset of the first NUL byte, from 0.
        offset: usize,
    },
    /// No character at all.
    #[error("the text {origin} is empty; there is nothing to learn from it")]
    EmptyText {
        /// The path, or `given in memory`.
        origin: String,
    },
    /// A training fraction outside `(0, 1)`, or NaN.
    #[error("the fraction of the text to train on must lie between 0 and 1, both excluded, but it is {fraction}")]
    Fraction {
        /// The fraction as given.
        fraction: f64,
    },
    /// Fewer tokens than one block needs.
    #[error(
        "this part of the data has {have} characters (tokens), but a context of {context} needs {needed}; use more text or a smaller \
         context"
    )]
    TooShort {
        /// Tokens there are.
        have: usize,
        /// Tokens in a context.
        context: usize,
        /// Tokens needed.
        needed: usize,
    },
    /// A character that the vocabulary does not have.
    #[error(
        "character number {index} of the text is {character:?}, which is not one of the {size} characters that the \
         vocabulary knows; remove it, or train on a text that has it"
    )]
    UnknownCharacter {
        /// The character.
        character: char,
        /// Its place in the text, counted in characters from 0.
        index: usize,
        /// Size of the vocabulary.
        size: usize,
    },
    /// A token that the vocabulary does not have.
    #[error("token number {index} is {token}, but the vocabulary has tokens 0 to {}; use the vocabulary of the model", size - 1)]
    UnknownToken {
        /// The token.
        token: u32,
        /// Its place in the sequence, from 0.
        index: usize,
        /// Size of the vocabulary.
        size: usize,
    },
    /// A stored vocabulary that is no vocabulary.
    #[error(
        "a stored vocabulary must list distinct characters in ascending order and at least one, but character number \
         {index} breaks this; restore the file"
    )]
    Vocabulary {
        /// Place of the first offending character, from 0.
        index: usize,
    },
    /// A tokenizer that cannot hide a token.
    #[error("the tokenizer has no token that hides others, named <mask> or [MASK]; masked language models need one")]
    NoMask,
    /// An epoch of nothing.
    #[error("there is nothing to put in order: the data have no examples")]
    NoExamples,
    /// A cursor of other data.
    #[error(
        "the cursor stands at position {position} of epoch {epoch}, but the data have only {len} examples; \
         resume with the data and the context that the run began with"
    )]
    Cursor {
        /// The cursor's epoch.
        epoch: u64,
        /// The cursor's position.
        position: u64,
        /// Examples in an epoch.
        len: usize,
    },
    /// An evaluation of no batches.
    #[error("an evaluation needs at least one batch, but the limit is 0; raise it")]
    NoBatches,
    /// An impossible batch.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// A path that would leave the data directory.
    #[error("{relative:?} is not a path inside a data directory; give a relative path without `..`")]
    Outside {
        /// The path as given.
        relative: PathBuf,
    },
    /// A file of a data set that is not where it should be.
    #[error(
        "{} was not found in {} ({origin}); run `cargo xtask fetch {name}` if it is one of `cargo xtask fetch --list`, or point to \
         the data with --data-dir DIR or the variable ANTHER_DATA",
        relative.display(), root.display()
    )]
    NotFound {
        /// The path inside the data directory.
        relative: PathBuf,
        /// The data directory.
        root: PathBuf,
        /// Where the data directory comes from, in words.
        origin: &'static str,
        /// The data set to fetch.
        name: String,
    },
}
