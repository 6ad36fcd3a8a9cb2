//! Character text: one UTF-8 file, a vocabulary, and a fixed split into training and validation.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::Path;

use crate::blocks::{BlockEpochs, RandomBlocks, SequentialBlocks};
use crate::lines::without_mark;
use crate::{Cursor, DataError, Split, Tokens};

pub use crate::vocabulary::CharVocabulary;

/// Most bytes that a text may have: 1 GiB. Its tokens take up to four times that.
pub const MAX_TEXT_BYTES: u64 = 1 << 30;

/// A text as tokens, split in two.
///
/// The vocabulary is that of the *whole* text, so the validation split has no unknown character. The first
/// `floor(n * train_fraction)` of the `n` characters are for training and the rest for validation, as is usual for Tiny Shakespeare
/// (`train_fraction` 0.9: 1,003,854 and 111,540 characters). Nothing is normalised: line ends are characters like any other. Only a byte
/// order mark at the very beginning is left out, which says how a file is written and is no part of the text.
#[derive(Clone, Debug)]
pub struct CharText {
    vocabulary: CharVocabulary,
    train: Tokens,
    validation: Tokens,
}

impl CharText {
    /// Reads a file.
    ///
    /// # Errors
    /// [`DataError`] if the fraction is not in `(0, 1)`, or if the path is missing, no regular file, unreadable, over
    /// [`MAX_TEXT_BYTES`], empty, not UTF-8, or holds a NUL byte.
    pub fn load(path: impl AsRef<Path>, train_fraction: f64) -> Result<Self, DataError> {
        let path = path.as_ref();
        check_fraction(train_fraction)?;
        Self::from_named(read_limited(path)?, &path.display().to_string(), train_fraction)
    }

    /// Takes a text that is in memory already.
    ///
    /// # Errors
    /// As [`load`](Self::load), as far as they apply.
    pub fn from_text(text: &str, train_fraction: f64) -> Result<Self, DataError> {
        Self::from_named(text.into(), "given in memory", train_fraction)
    }

    fn from_named(bytes: Vec<u8>, origin: &str, train_fraction: f64) -> Result<Self, DataError> {
        check_fraction(train_fraction)?;
        let origin = || origin.to_owned();
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let offset = error.utf8_error().valid_up_to();
                return Err(DataError::NotUtf8 { origin: origin(), offset });
            }
        };
        if let Some(offset) = text.bytes().position(|byte| byte == 0) {
            return Err(DataError::Nul { origin: origin(), offset });
        }
        let text = without_mark(text);
        if text.is_empty() {
            return Err(DataError::EmptyText { origin: origin() });
        }
        let vocabulary = CharVocabulary::from_text(&text)?;
        let tokens = Tokens::from(vocabulary.encode(&text)?);
        let boundary = (tokens.len() as f64 * train_fraction) as usize;
        let (train, validation) = (tokens.part(0..boundary), tokens.part(boundary..tokens.len()));
        Ok(Self { vocabulary, train, validation })
    }

    /// The vocabulary of the whole text.
    pub fn vocabulary(&self) -> &CharVocabulary {
        &self.vocabulary
    }

    /// The tokens of one split.
    pub fn tokens(&self, split: Split) -> &Tokens {
        match split {
            Split::Train => &self.train,
            Split::Validation => &self.validation,
        }
    }

    /// Blocks at random places of a split; see [`RandomBlocks`].
    ///
    /// # Errors
    /// As [`RandomBlocks::new`].
    pub fn random_blocks(&self, split: Split, context: usize) -> Result<RandomBlocks, DataError> {
        RandomBlocks::new(self.tokens(split).clone(), split, context)
    }

    /// Blocks of the training split, each once an epoch; see [`BlockEpochs`].
    ///
    /// # Errors
    /// As [`BlockEpochs::new`].
    pub fn block_epochs(&self, context: usize, seed: u64, cursor: Cursor) -> Result<BlockEpochs, DataError> {
        BlockEpochs::new(self.train.clone(), context, seed, cursor)
    }

    /// Blocks of a split in order, for evaluation; see [`SequentialBlocks`].
    ///
    /// # Errors
    /// As [`SequentialBlocks::new`].
    pub fn sequential_blocks(
        &self,
        split: Split,
        context: usize,
        batch: usize,
        max_batches: usize,
    ) -> Result<SequentialBlocks, DataError> {
        SequentialBlocks::new(self.tokens(split).clone(), context, batch, max_batches)
    }
}

fn check_fraction(fraction: f64) -> Result<(), DataError> {
    match fraction > 0.0 && fraction < 1.0 {
        true => Ok(()),
        false => Err(DataError::Fraction { fraction }),
    }
}

/// All bytes of a regular file of at most [`MAX_TEXT_BYTES`].
fn read_limited(path: &Path) -> Result<Vec<u8>, DataError> {
    let failed = |source: std::io::Error| match source.kind() {
        ErrorKind::NotFound => DataError::Missing { path: path.into() },
        _ => DataError::Io { path: path.into(), source },
    };
    let metadata = fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        let kind = if metadata.is_dir() { "directory" } else { "device or a pipe" };
        return Err(DataError::NotAFile { path: path.into(), kind });
    }
    let mut bytes = Vec::new();
    // The limit holds for what is read, not for the size that was reported a moment ago.
    let file = File::open(path).map_err(failed)?;
    file.take(MAX_TEXT_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_TEXT_BYTES {
        return Err(DataError::TextTooLong { path: path.into() });
    }
    Ok(bytes)
}
