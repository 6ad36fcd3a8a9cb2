//! Text as tokens and back: characters, bytes, words, and byte-pair encoding.
//!
//! ```
//! use anther_data::tokenizer::{Tokenizer, TokenizerConfig, TokenizerKind, UNKNOWN};
//!
//! let config = TokenizerConfig { kind: TokenizerKind::Words, size: 100, least: 1 };
//! let words = Tokenizer::train(&config, ["to be or not to be\n"].into_iter())?;
//! let tokens = words.encode("not to  see\n");
//! assert_eq!((tokens[2], words.decode(&tokens).as_str()), (UNKNOWN, "not to\n"));
//! assert_eq!(Tokenizer::from_json(&words.to_json(), "memory")?, words);
//! # Ok::<(), anther_data::tokenizer::TokenizerError>(())
//! ```

mod config;
mod error;
#[cfg(feature = "tokenizers")]
mod guarded;
#[cfg_attr(not(feature = "tokenizers"), path = "not_built_in.rs")]
mod library;
mod special;
mod table;

use std::fmt;

pub use config::{TokenizerConfig, TokenizerKind};
pub use error::TokenizerError;
pub use special::{BEGIN, END, MASK, PADDING, SPECIAL_NAMES, Special, UNKNOWN};

use library::Library;
use special::SPECIALS;
use table::Table;

/// The most tokens that a tokenizer may have.
pub const MAX_TOKENS: usize = 1 << 22;

/// The most bytes of a stored tokenizer: 64 MiB.
pub const MAX_JSON_BYTES: usize = 64 << 20;

/// Text as tokens and back.
///
/// Those that are trained here have the special tokens 0 to 4 ([`PADDING`], [`UNKNOWN`], [`BEGIN`], [`END`], [`MASK`]) and their own from 5 on. Nothing
/// that a text says is read as a special token: `<s>` in a text is what its characters, bytes or pieces are, and among words it is unknown.
#[derive(Clone, PartialEq, Eq)]
pub struct Tokenizer {
    form: Form,
}

#[derive(Clone, PartialEq, Eq)]
enum Form {
    Table(Table),
    Library(Library),
}

impl Tokenizer {
    /// The tokenizer of some texts. The same texts in the same order give the same tokenizer, for any number of threads.
    ///
    /// - `characters`: the distinct characters in ascending order of their code points.
    /// - `bytes`: all 256, whatever the texts.
    /// - `words`: the most frequent words, the first in the order of their bytes if they are equally frequent. The end of a line is the word `<eos>`, as is
    ///   usual for WikiText, and the `<unk>` of its files is [`UNKNOWN`].
    /// - `bpe`: byte-level byte-pair encoding, cut into words as by GPT-2 (no space is put in front), from the 256 bytes on.
    ///
    /// # Errors
    /// [`TokenizerError`]: no text at all, a `size` that is out of range, or `bpe` in a program without the feature `tokenizers`.
    pub fn train<'a>(config: &TokenizerConfig, texts: impl Iterator<Item = &'a str>) -> Result<Self, TokenizerError> {
        let &TokenizerConfig { kind, size, least } = config;
        let form = match kind {
            TokenizerKind::Characters => Form::Table(Table::characters(texts)?),
            TokenizerKind::Bytes => Form::Table(Table::Bytes),
            TokenizerKind::Words => Form::Table(Table::words(texts, size, least)?),
            TokenizerKind::Bpe => Form::Library(Library::train(texts, size, least)?),
        };
        Ok(Tokenizer { form })
    }

    /// What a token is.
    #[must_use]
    pub fn kind(&self) -> TokenizerKind {
        match &self.form {
            Form::Table(Table::Characters(_)) => TokenizerKind::Characters,
            Form::Table(Table::Bytes) => TokenizerKind::Bytes,
            Form::Table(Table::Words { .. }) => TokenizerKind::Words,
            Form::Library(_) => TokenizerKind::Bpe,
        }
    }

    /// One more than the largest token; a model over these tokens has as many.
    #[expect(clippy::len_without_is_empty, reason = "a tokenizer has special tokens at least")]
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.form {
            Form::Table(table) => SPECIALS as usize + table.len(),
            Form::Library(library) => library.len(),
        }
    }

    /// The special tokens.
    #[must_use]
    pub fn special(&self) -> Special {
        match &self.form {
            Form::Table(_) => Special::OURS,
            Form::Library(library) => library.special(),
        }
    }

    /// The tokens of a text, none of them special but the unknown one, which stands for characters and words that have no token.
    ///
    /// Costs O(`n log v`) for `n` characters or words and a table of `v`. A long text is cut where a line begins and ends with something else than white
    /// space; that changes no token of a tokenizer that was trained here.
    #[must_use]
    pub fn encode(&self, text: &str) -> Vec<u32> {
        match &self.form {
            Form::Table(table) => table.encode(text),
            Form::Library(library) => library.encode(text),
        }
    }

    /// The text of some tokens; special ones, the unknown one among them, and those out of range are left out.
    ///
    /// What `bytes` and `bpe` have encoded comes back as it was, `characters` too as far as they are known; `words` come back with a space between two of
    /// them, and line breaks. Tokens that end amid a character end in U+FFFD.
    #[must_use]
    pub fn decode(&self, tokens: &[u32]) -> String {
        match &self.form {
            Form::Table(table) => table.decode(tokens),
            Form::Library(library) => library.decode(tokens),
        }
    }

    /// How it is stored: `bpe` as a `tokenizer.json` of Hugging Face, the others as JSON of our own.
    #[must_use]
    pub fn to_json(&self) -> String {
        match &self.form {
            Form::Table(table) => table.to_json(),
            Form::Library(library) => library.json().to_owned(),
        }
    }

    /// Reads what [`to_json`](Self::to_json) gives, or the `tokenizer.json` of another program. `origin` is for messages.
    ///
    /// What another program's tokenizer would cut off or fill up is not, and it adds no special tokens; an `encode` is the text and nothing else.
    ///
    /// # Errors
    /// [`TokenizerError::Stored`] for anything else, also for one that draws tokens at random; [`TokenizerError::NotBuiltIn`] for a `tokenizer.json` in a
    /// program without the feature `tokenizers`.
    pub fn from_json(json: &str, origin: &str) -> Result<Self, TokenizerError> {
        if json.len() > MAX_JSON_BYTES {
            return Err(TokenizerError::stored(origin, format!("it has more than {MAX_JSON_BYTES} bytes")));
        }
        let value: serde_json::Value =
            serde_json::from_str(json).map_err(|error| TokenizerError::stored(origin, error.to_string()))?;
        let form = if value.get("model").is_some() {
            Form::Library(Library::from_json(&value, origin)?)
        } else {
            Form::Table(Table::from_json(json, origin)?)
        };
        Ok(Tokenizer { form })
    }
}

/// How many words a text has: what stands between white space, and one for the end of each line, as the usual counts of WikiText have it. The unit of
/// perplexities that texts in different tokens are compared by.
#[must_use]
pub fn count_words(text: &str) -> usize {
    table::words(text).count()
}

impl fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokenizer").field("kind", &self.kind()).field("len", &self.len()).finish()
    }
}
