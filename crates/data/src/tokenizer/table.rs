//! Tokens that a table lists: characters, bytes, words.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::special::{SPECIAL_NAMES, SPECIALS, UNKNOWN};
use super::{MAX_TOKENS, TokenizerError};

/// What the end of a line is among words, as in the word counts of WikiText.
pub(super) const LINE_END: &str = "<eos>";

/// A table of tokens; the special ones come before its first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Table {
    /// Strictly ascending.
    Characters(Vec<char>),
    Bytes,
    Words {
        /// The most frequent one first.
        words: Vec<String>,
        /// The places in `words`, in the order of the words.
        sorted: Vec<u32>,
    },
}

/// How a table is stored.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
enum Stored {
    Characters { characters: String },
    Bytes {},
    Words { words: Vec<String> },
}

impl Table {
    pub(super) fn characters<'a>(texts: impl Iterator<Item = &'a str>) -> Result<Self, TokenizerError> {
        let all: BTreeSet<char> = texts.flat_map(str::chars).collect();
        if all.is_empty() {
            return Err(TokenizerError::Empty);
        }
        Ok(Table::Characters(all.into_iter().collect()))
    }

    /// The `size` most frequent words that occur `least` times, of equals the first in the order of their bytes.
    pub(super) fn words<'a>(
        texts: impl Iterator<Item = &'a str>,
        size: usize,
        least: usize,
    ) -> Result<Self, TokenizerError> {
        let fewest = SPECIALS as usize + 1;
        if !(fewest..=MAX_TOKENS).contains(&size) {
            return Err(TokenizerError::Size { size, least: fewest, most: MAX_TOKENS });
        }
        let mut counts = BTreeMap::<&str, usize>::new();
        for word in texts.flat_map(words) {
            *counts.entry(word).or_default() += 1;
        }
        if counts.is_empty() {
            return Err(TokenizerError::Empty);
        }
        // The name of a special token in a text is a word without a token, or a text could say what only the program may say.
        counts.retain(|word, count| *count >= least && !SPECIAL_NAMES.contains(word));
        let mut words: Vec<_> = counts.into_iter().collect();
        words.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        words.truncate(size - SPECIALS as usize);
        Ok(Table::of_words(words.into_iter().map(|(word, _)| word.to_owned()).collect()))
    }

    fn of_words(words: Vec<String>) -> Self {
        let mut sorted: Vec<u32> = (0..words.len() as u32).collect();
        sorted.sort_by(|&a, &b| words[a as usize].cmp(&words[b as usize]));
        Table::Words { words, sorted }
    }

    /// Tokens, the special ones not counted.
    pub(super) fn len(&self) -> usize {
        match self {
            Table::Characters(characters) => characters.len(),
            Table::Bytes => 256,
            Table::Words { words, .. } => words.len(),
        }
    }

    pub(super) fn encode(&self, text: &str) -> Vec<u32> {
        let known = |place: Option<u32>| place.map_or(UNKNOWN, |place| place + SPECIALS);
        match self {
            Table::Characters(characters) => {
                let token = |character| known(characters.binary_search(&character).ok().map(|place| place as u32));
                text.chars().map(token).collect()
            }
            Table::Bytes => text.bytes().map(|byte| u32::from(byte) + SPECIALS).collect(),
            Table::Words { words: all, sorted } => {
                let place = |word| sorted.binary_search_by(|&place| all[place as usize].as_str().cmp(word)).ok();
                words(text).map(|word| known(place(word).map(|at| sorted[at]))).collect()
            }
        }
    }

    pub(super) fn decode(&self, tokens: &[u32]) -> String {
        let places = tokens.iter().filter_map(|token| token.checked_sub(SPECIALS)).map(|place| place as usize);
        match self {
            Table::Characters(characters) => places.filter_map(|place| characters.get(place)).collect(),
            Table::Bytes => {
                let bytes: Vec<u8> = places.filter_map(|place| u8::try_from(place).ok()).collect();
                String::from_utf8_lossy(&bytes).into_owned()
            }
            Table::Words { words, .. } => joined(places.filter_map(|place| words.get(place))),
        }
    }

    pub(super) fn to_json(&self) -> String {
        let stored = match self {
            Table::Characters(characters) => Stored::Characters { characters: characters.iter().collect() },
            Table::Bytes => Stored::Bytes {},
            Table::Words { words, .. } => Stored::Words { words: words.clone() },
        };
        serde_json::to_string(&stored).expect("texts and lists of texts are JSON")
    }

    pub(super) fn from_json(json: &str, origin: &str) -> Result<Self, TokenizerError> {
        let wrong = |reason: String| TokenizerError::stored(origin, reason);
        let stored: Stored = serde_json::from_str(json).map_err(|error| wrong(error.to_string()))?;
        match stored {
            Stored::Bytes {} => Ok(Table::Bytes),
            Stored::Characters { characters } => {
                let characters: Vec<char> = characters.chars().collect();
                if characters.is_empty() || !characters.is_sorted_by(|a, b| a < b) {
                    return Err(wrong("its characters are not distinct and ascending".to_owned()));
                }
                Ok(Table::Characters(characters))
            }
            Stored::Words { words: all } => {
                if all.len() > MAX_TOKENS {
                    return Err(wrong(format!("it has more than {MAX_TOKENS} words")));
                }
                let odd = |word: &&String| words(word).ne([word.as_str()]) || SPECIAL_NAMES.contains(&word.as_str());
                if let Some(word) = all.iter().find(odd) {
                    let word: String = word.chars().take(20).collect();
                    return Err(wrong(format!("{word:?} is not a word")));
                }
                let distinct: BTreeSet<&String> = all.iter().collect();
                if distinct.len() < all.len() {
                    return Err(wrong("it has a word twice".to_owned()));
                }
                Ok(Table::of_words(all))
            }
        }
    }
}

/// The words of a text: what stands between white space, and [`LINE_END`] for each line break.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive('\n').flat_map(|line| {
        let end = line.ends_with('\n').then_some(LINE_END);
        line.split_whitespace().chain(end)
    })
}

/// Words with a space between two of them, but none beside the end of a line.
fn joined<'a>(words: impl Iterator<Item = &'a String>) -> String {
    let mut text = String::new();
    for word in words {
        if word == LINE_END {
            text.push('\n');
            continue;
        }
        if !text.is_empty() && !text.ends_with('\n') {
            text.push(' ');
        }
        text.push_str(word);
    }
    text
}
