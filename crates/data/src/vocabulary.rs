//! The vocabulary of character text: which characters there are, and which number each has.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::DataError;

/// Distinct characters in ascending order of their code points; a token is a place in that order.
///
/// It is stored as one string, the characters in order, so that a checkpoint can turn a prompt into tokens and tokens into text.
///
/// ```
/// use anther_data::text::CharVocabulary;
///
/// let vocabulary = CharVocabulary::from_text("hello")?;
/// assert_eq!(vocabulary.encode("hole")?, [1, 3, 2, 0]);
/// assert_eq!(vocabulary.decode(&[1, 3, 2, 0])?, "hole");
/// assert!(vocabulary.encode("jolly").unwrap_err().to_string().contains("'j'"));
/// # Ok::<(), anther_data::DataError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CharVocabulary {
    /// Strictly ascending, never empty.
    characters: Vec<char>,
}

impl CharVocabulary {
    /// The distinct characters of a text.
    ///
    /// Costs O(`n log v`) for `n` characters of which `v` are distinct.
    ///
    /// # Errors
    /// [`DataError::EmptyText`].
    pub fn from_text(text: &str) -> Result<Self, DataError> {
        let characters: Vec<char> = text.chars().collect::<std::collections::BTreeSet<_>>().into_iter().collect();
        if characters.is_empty() {
            return Err(DataError::EmptyText { origin: "given in memory".into() });
        }
        Ok(Self { characters })
    }

    /// Number of characters, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "a vocabulary is never empty")]
    pub fn len(&self) -> usize {
        self.characters.len()
    }

    /// The characters; the place of one is its token.
    pub fn characters(&self) -> &[char] {
        &self.characters
    }

    /// The tokens of a text, one for each character. Costs O(`n log v`).
    ///
    /// # Errors
    /// [`DataError::UnknownCharacter`] with the first character that is not in the vocabulary.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, DataError> {
        let token = |(index, character)| match self.characters.binary_search(&character) {
            Ok(place) => Ok(place as u32),
            Err(_) => Err(DataError::UnknownCharacter { character, index, size: self.len() }),
        };
        text.chars().enumerate().map(token).collect()
    }

    /// The text of some tokens.
    ///
    /// # Errors
    /// [`DataError::UnknownToken`] with the first token that is not below [`len`](Self::len).
    pub fn decode(&self, tokens: &[u32]) -> Result<String, DataError> {
        let character = |(index, &token): (usize, &u32)| {
            let known = self.characters.get(token as usize).copied();
            known.ok_or(DataError::UnknownToken { token, index, size: self.len() })
        };
        tokens.iter().enumerate().map(character).collect()
    }
}

impl TryFrom<String> for CharVocabulary {
    type Error = DataError;

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`DataError::Vocabulary`] unless the characters are distinct, ascending and at least one.
    fn try_from(stored: String) -> Result<Self, DataError> {
        let characters: Vec<char> = stored.chars().collect();
        if characters.is_empty() {
            return Err(DataError::Vocabulary { index: 0 });
        }
        match characters.windows(2).position(|pair| pair[0] >= pair[1]) {
            Some(index) => Err(DataError::Vocabulary { index: index + 1 }),
            None => Ok(Self { characters }),
        }
    }
}

impl From<CharVocabulary> for String {
    /// The stored form: the characters in order.
    fn from(vocabulary: CharVocabulary) -> Self {
        vocabulary.characters.into_iter().collect()
    }
}

impl fmt::Debug for CharVocabulary {
    /// The characters as one string.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CharVocabulary").field(&String::from(self.clone())).finish()
    }
}
