//! Which tokenizer is asked for.

use serde::{Deserialize, Serialize};

/// What a token is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenizerKind {
    /// A character of the training texts; any other one is unknown.
    #[default]
    Characters,
    /// A byte of the UTF-8 text; nothing is unknown.
    Bytes,
    /// A word between white space, or the end of a line; rare words are unknown.
    Words,
    /// A sequence of bytes that is frequent in the training texts (byte-pair encoding); nothing is unknown. Needs the feature `tokenizers`. A
    /// `tokenizer.json` of another program is of this kind too, whatever model it has.
    Bpe,
}

/// How a tokenizer is made from texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenizerConfig {
    /// What a token is.
    pub kind: TokenizerKind,
    /// `words`, `bpe`: the most tokens, the special ones among them. There are fewer if the texts do not give so many.
    pub size: usize,
    /// `words`: the fewest occurrences of a word that is a token. `bpe`: the fewest occurrences of a pair that is joined.
    pub least: usize,
}

impl Default for TokenizerConfig {
    fn default() -> Self {
        TokenizerConfig { kind: TokenizerKind::Characters, size: 8192, least: 2 }
    }
}
