//! Tokens that stand for no text.

/// Fills a row of a batch up.
pub const PADDING: u32 = 0;
/// Stands for what has no token of its own.
pub const UNKNOWN: u32 = 1;
/// Begins a sequence.
pub const BEGIN: u32 = 2;
/// Ends a sequence.
pub const END: u32 = 3;
/// Hides a token from a model that is to guess it.
pub const MASK: u32 = 4;

/// The names of the five special tokens, in the order of their numbers.
pub const SPECIAL_NAMES: [&str; 5] = ["<pad>", "<unk>", "<s>", "</s>", "<mask>"];

/// How many special tokens a tokenizer has that is trained here; its other tokens follow them.
pub(super) const SPECIALS: u32 = SPECIAL_NAMES.len() as u32;

/// The special tokens of a tokenizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Special {
    /// Fills a row of a batch up.
    pub padding: Option<u32>,
    /// Stands for what has no token of its own.
    pub unknown: Option<u32>,
    /// Begins a sequence.
    pub begin: Option<u32>,
    /// Ends a sequence.
    pub end: Option<u32>,
    /// Hides a token.
    pub mask: Option<u32>,
}

impl Special {
    /// Those of every tokenizer that is trained here.
    pub const OURS: Special = Special {
        padding: Some(PADDING),
        unknown: Some(UNKNOWN),
        begin: Some(BEGIN),
        end: Some(END),
        mask: Some(MASK),
    };

    /// Those of a tokenizer of another program, found by the names that are usual.
    #[cfg(feature = "tokenizers")]
    pub(super) fn by_name(number: impl Fn(&str) -> Option<u32>) -> Self {
        let first = |names: &[&str]| names.iter().find_map(|name| number(name));
        Special {
            padding: first(&["<pad>", "[PAD]", "<|pad|>"]),
            unknown: first(&["<unk>", "[UNK]"]),
            begin: first(&["<s>", "[CLS]", "<bos>", "<|begin_of_text|>", "<|endoftext|>"]),
            end: first(&["</s>", "[SEP]", "<eos>", "<|end_of_text|>", "<|endoftext|>"]),
            mask: first(&["<mask>", "[MASK]"]),
        }
    }
}
