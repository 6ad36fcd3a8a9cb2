//! Byte-pair encoding, and the `tokenizer.json` of others, through the library of Hugging Face. No other file names it.

use std::sync::Arc;

use serde_json::Value;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::models::{ModelWrapper, TrainerWrapper};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, Tokenizer};

use super::guarded::guarded;
use super::special::{SPECIAL_NAMES, SPECIALS, Special};
use super::{MAX_TOKENS, TokenizerError};

/// Longer texts are cut where they may be: the library keeps some 50 bytes for each byte of a text while it is at it.
const PIECE: usize = 1 << 16;

/// Pieces that are encoded at the same time.
const TOGETHER: usize = 64;

/// A text that every tokenizer is tried with.
const SAMPLE: &str = "A line of text, \u{e9}\u{4e2d} 1.";

/// What is said of a file that the library panics for.
const FAILS: &str = "the library that reads it fails with it, so it is damaged or was made by hand; get it once more";

/// A tokenizer of the library with what is asked of it often.
#[derive(Clone)]
pub(super) struct Library {
    inner: Arc<Tokenizer>,
    json: Arc<str>,
    len: usize,
    special: Special,
}

impl Eq for Library {}

impl PartialEq for Library {
    fn eq(&self, other: &Self) -> bool {
        self.json == other.json
    }
}

impl Library {
    pub(super) fn train<'a>(
        texts: impl Iterator<Item = &'a str>,
        size: usize,
        least: usize,
    ) -> Result<Self, TokenizerError> {
        let fewest = SPECIALS as usize + 256;
        if !(fewest..=MAX_TOKENS).contains(&size) {
            return Err(TokenizerError::Size { size, least: fewest, most: MAX_TOKENS });
        }
        let texts: Vec<&str> = texts.flat_map(pieces).collect();
        if texts.iter().all(|text| text.trim().is_empty()) {
            return Err(TokenizerError::Empty);
        }
        let special = SPECIAL_NAMES.map(|name| AddedToken::from(name, true)).to_vec();
        let trainer = BpeTrainer::builder()
            .show_progress(false)
            .vocab_size(size)
            .min_frequency(least as u64)
            .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
            .special_tokens(special)
            .build();
        let byte_level = ByteLevel::new(false, false, true);
        let mut inner = Tokenizer::new(ModelWrapper::BPE(BPE::default()));
        inner.with_pre_tokenizer(Some(byte_level)).with_decoder(Some(byte_level));
        let refused = |error: tokenizers::Error| TokenizerError::Library { reason: error.to_string() };
        inner.train(&mut TrainerWrapper::BpeTrainer(trainer), texts.into_iter()).map_err(refused)?;
        let json = inner.to_string(false).map_err(refused)?;
        // Read again, so that a tokenizer is the same whether it was trained or stored.
        let value: Value = serde_json::from_str(&json).expect("the library writes JSON");
        Library::from_json(&value, "the tokenizer that was trained")
    }

    pub(super) fn from_json(value: &Value, origin: &str) -> Result<Self, TokenizerError> {
        let wrong = |reason: String| TokenizerError::stored(origin, reason);
        let dropout = value["model"].get("dropout").and_then(Value::as_f64);
        if dropout.is_some_and(|dropout| dropout != 0.0) {
            return Err(wrong(
                "its model has a dropout, so that a text has other tokens each time; set it to null".into(),
            ));
        }
        if !charsmaps_are_whole(value) {
            return Err(wrong("its precompiled_charsmap is cut off; get the file once more".into()));
        }
        let text = value.to_string();
        let parsed = guarded(|| text.parse()).ok_or_else(|| wrong(FAILS.into()))?;
        let mut inner: Tokenizer = parsed.map_err(|error: tokenizers::Error| wrong(error.to_string()))?;
        inner.with_truncation(None).map_err(|error| wrong(error.to_string()))?;
        inner.with_padding(None);
        inner.set_encode_special_tokens(true);
        let len = inner.get_vocab(true).into_values().max().map_or(0, |last| last as usize + 1);
        if !(1..=MAX_TOKENS).contains(&len) {
            return Err(wrong(format!("its largest token makes {len} of them, not between 1 and {MAX_TOKENS}")));
        }
        // What is wrong in itself fails for any text and any token.
        let first: Vec<u32> = (0..8.min(len as u32)).collect();
        let tried = guarded(|| (inner.encode_fast(SAMPLE, false).is_ok(), inner.decode(&first, true).is_ok()));
        tried.ok_or_else(|| wrong(FAILS.into()))?;
        let json = inner.to_string(false).map_err(|error| wrong(error.to_string()))?;
        let special = Special::by_name(|name| inner.token_to_id(name));
        Ok(Library { inner: Arc::new(inner), json: json.into(), len, special })
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn json(&self) -> &str {
        &self.json
    }

    pub(super) fn special(&self) -> Special {
        self.special
    }

    pub(super) fn encode(&self, text: &str) -> Vec<u32> {
        let pieces: Vec<&str> = pieces(text).collect();
        let mut tokens = Vec::new();
        // Some pieces at a time, each by a thread of its own; their tokens come back in order.
        for some in pieces.chunks(TOGETHER) {
            match guarded(|| self.inner.encode_batch_fast(some.to_vec(), false)) {
                Some(Ok(all)) => all.iter().for_each(|encoding| tokens.extend_from_slice(encoding.get_ids())),
                _ => some.iter().for_each(|piece| self.encode_into(&mut tokens, piece, self.special.unknown)),
            }
        }
        tokens
    }

    /// What the library refuses is tried in halves, and a character that it refuses is unknown.
    fn encode_into(&self, tokens: &mut Vec<u32>, text: &str, unknown: Option<u32>) {
        if let Some(Ok(encoding)) = guarded(|| self.inner.encode_fast(text, false)) {
            tokens.extend_from_slice(encoding.get_ids());
            return;
        }
        let first = text.chars().next().map_or(0, char::len_utf8);
        if first == text.len() {
            tokens.extend(unknown);
            return;
        }
        let middle = (first..=text.len() / 2).rev().find(|&place| text.is_char_boundary(place)).unwrap_or(first);
        let (one, other) = text.split_at(middle);
        self.encode_into(tokens, one, unknown);
        self.encode_into(tokens, other, unknown);
    }

    pub(super) fn decode(&self, tokens: &[u32]) -> String {
        // A file may name a special token without saying that it is one.
        let Special { padding, unknown, begin, end, mask } = self.special;
        let special = [padding, unknown, begin, end, mask];
        let spoken: Vec<u32> = tokens.iter().copied().filter(|&token| !special.contains(&Some(token))).collect();
        guarded(|| self.inner.decode(&spoken, true)).and_then(Result::ok).unwrap_or_default()
    }
}

/// Whether each table of characters in a file has the bytes that it says it has: the library makes room for as many before it looks.
fn charsmaps_are_whole(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.iter().all(|(key, value)| match (key.as_str(), value) {
            ("precompiled_charsmap", Value::String(text)) => {
                charsmap_bytes(text).is_some_and(|bytes| bytes <= text.len() as u64)
            }
            _ => charsmaps_are_whole(value),
        }),
        Value::Array(values) => values.iter().all(charsmaps_are_whole),
        _ => true,
    }
}

/// What the first four bytes of a text in base64 say: the size of the table after them, little endian.
fn charsmap_bytes(text: &str) -> Option<u64> {
    let digit = |byte: &u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let digits: Option<Vec<u8>> = text.as_bytes().get(..6)?.iter().map(digit).collect();
    let bits = digits?.iter().fold(0, |bits, &digit| bits << 6 | u64::from(digit));
    // 36 bits, of which the last four belong to the fifth byte.
    Some(u64::from(((bits >> 4) as u32).swap_bytes()))
}

/// A long text in parts that end with the end of a line, where neither what is before the line break nor what is after it is white space: no word of GPT-2's rule
/// goes over such a place, and none depends on what is beyond.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let breaks = rest.bytes().enumerate().skip(PIECE).filter(|&(_, byte)| byte == b'\n').map(|(place, _)| place);
        let solid = |character: Option<char>| character.is_some_and(|character| !character.is_whitespace());
        let place = breaks
            .into_iter()
            .find(|&place| solid(rest[..place].chars().next_back()) && solid(rest[place + 1..].chars().next()));
        let (piece, after) = rest.split_at(place.map_or(rest.len(), |place| place + 1));
        rest = after;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::{Library, charsmap_bytes, pieces};

    fn library(text: &str) -> Library {
        Library::train([text].into_iter(), 400, 2).unwrap()
    }

    #[test]
    fn pieces_are_the_text_and_change_no_token() {
        let line = "It's a line,  with  spaces and 1945 numbers.\n\n \n - Größe 😀\ttabs\nplain\n";
        let text = line.repeat(4000);
        let parts: Vec<&str> = pieces(&text).collect();
        assert!(parts.len() > 2 && parts.concat() == text, "{}", parts.len());
        let library = library(line);
        assert_eq!(library.encode(&text), library.inner.encode_fast(text.as_str(), false).unwrap().get_ids());
    }

    #[test]
    fn a_text_without_a_place_to_cut_is_one_piece() {
        let spaces = " \n".repeat(100_000);
        assert_eq!(pieces(&spaces).count(), 1);
        assert_eq!(pieces("").count(), 0);
    }

    #[test]
    fn what_the_library_panics_for_is_refused() {
        let file = |parts: &str| {
            let whole = [
                ("added_tokens", "[]"),
                ("normalizer", "null"),
                ("pre_tokenizer", "null"),
                ("post_processor", "null"),
                ("decoder", "null"),
                ("model", r#"{"type":"WordLevel","vocab":{"a":0,"b":1},"unk_token":"a"}"#),
            ];
            let rest = whole.iter().filter(|(key, _)| !parts.contains(&format!("\"{key}\":")));
            let rest: String = rest.map(|(key, value)| format!(r#","{key}":{value}"#)).collect();
            serde_json::from_str(&format!(r#"{{"version":"1.0","truncation":null,"padding":null,{parts}{rest}}}"#))
                .unwrap()
        };
        let refused = [
            r#""model":{"type":"BPE","vocab":{"a":0,"b":1},"merges":["a b"]}"#,
            r#""pre_tokenizer":{"type":"FixedLength","length":0}"#,
            r#""decoder":{"type":"Strip","content":"a","start":0,"stop":99999}"#,
            r#""normalizer":{"type":"Precompiled","precompiled_charsmap":""}"#,
            r#""normalizer":{"type":"Precompiled","precompiled_charsmap":"AAAA"}"#,
            r#""normalizer":{"type":"Precompiled","precompiled_charsmap":"CAAAAP////////8B"}"#,
            r#""normalizer":{"type":"Sequence","normalizers":[{"type":"Precompiled","precompiled_charsmap":"/////w=="}]}"#,
        ];
        for parts in refused {
            let error = Library::from_json(&file(parts), "my.json").err().unwrap_or_else(|| panic!("{parts} was read"));
            assert!(error.to_string().contains("my.json"), "{error}");
        }
        assert!(Library::from_json(&file(r#""decoder":null"#), "my.json").is_ok());
    }

    #[test]
    fn the_size_of_a_table_of_characters_is_its_first_four_bytes() {
        for (text, bytes) in [("AAAA", None), ("CAAAAP", Some(8)), ("/////w==", Some(u64::from(u32::MAX)))] {
            assert_eq!(charsmap_bytes(text), bytes, "{text}");
        }
    }

    #[test]
    fn what_the_library_refuses_is_unknown_character_by_character() {
        // A word that is not listed has no token here, and no unknown one is named, which is an error of the library.
        let json = r#"{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"normalizer":null,"pre_tokenizer":null,
            "post_processor":null,"decoder":null,"model":{"type":"WordLevel","vocab":{"ä":0,"b":1,"[UNK]":2},"unk_token":"none"}}"#;
        let library = Library::from_json(&serde_json::from_str(json).unwrap(), "a test").unwrap();
        assert!(library.inner.encode_fast("äxb", false).is_err());
        assert_eq!(library.encode("äxb"), [0, 2, 1]);
    }
}
