//! How tokens are written.

use anther_data::reverse_map::SPECIAL;
use anther_data::text::CharVocabulary;
use anther_data::tokenizer::Tokenizer;
use anther_data::{DataError, PairTokens};
use anther_transformer::ExampleForm;

use crate::codec::CodecError;
use crate::form::Form;
use crate::recipe::{DataConfig, DecoderStart, Recipe, TaskKind};

/// The file of a checkpoint that holds the vocabulary of a text, a JSON string of its characters in order.
const VOCABULARY_FILE: &str = "vocabulary.json";

/// The file of a checkpoint that holds a tokenizer.
const TOKENIZER_FILE: &str = "tokenizer.json";

/// The files of a checkpoint that hold the tokenizers of source and target.
const SIDE_FILES: [&str; 2] = ["source_tokenizer.json", "target_tokenizer.json"];
/// The file of a checkpoint that says what examples are: their form and the number of their classes.
const EXAMPLES_FILE: &str = "examples.json";

/// The tokens of a task as a person writes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Symbols {
    /// One character a token.
    Characters(CharVocabulary),
    /// Pieces of text.
    Text(Tokenizer),
    /// Pieces of text, others on the side that is read than on that which is predicted.
    Sides(Box<[Tokenizer; 2]>),
    /// The numbers from 0 to below this, with spaces between them.
    Numbers(u32),
    /// Examples that are not written but classified.
    Examples {
        /// What an example is.
        form: ExampleForm,
        /// Number of classes.
        classes: usize,
    },
}

/// A text that is not made of the tokens of a model.
#[derive(Debug, thiserror::Error)]
pub enum SymbolError {
    /// A character that the vocabulary does not have, or a token out of range.
    #[error(transparent)]
    Characters(#[from] DataError),
    /// A word that is not one of the numbers.
    #[error("word number {index} is {word:?}, but the model knows the numbers 0 to {}, separated by spaces", symbols - 1)]
    Number {
        /// The word.
        word: String,
        /// Its place, from 1.
        index: usize,
        /// Number of symbols.
        symbols: u32,
    },
    /// A model that tells classes.
    #[error("the model tells the class of images, series or lists, and reads and writes no text")]
    Unwritten,
}

impl Symbols {
    /// What they fix of a model.
    #[must_use]
    pub fn form(&self) -> Form {
        match self {
            Symbols::Characters(vocabulary) => Form::Tokens(vocabulary.len()),
            Symbols::Text(tokenizer) => Form::Tokens(tokenizer.len()),
            Symbols::Sides(sides) => Form::Pairs { source: sides[0].len(), target: sides[1].len() },
            Symbols::Numbers(symbols) => Form::Tokens(*symbols as usize),
            &Symbols::Examples { form, classes } => Form::Examples { form, classes },
        }
    }

    /// The files of a checkpoint that hold what the recipe does not say of them: names and contents.
    pub(crate) fn files(&self) -> Result<Vec<(String, Vec<u8>)>, CodecError> {
        match self {
            Symbols::Characters(vocabulary) => {
                let json =
                    serde_json::to_vec(vocabulary).map_err(|error| CodecError::Encode { reason: error.to_string() })?;
                Ok(vec![(VOCABULARY_FILE.to_owned(), json)])
            }
            Symbols::Text(tokenizer) => Ok(vec![(TOKENIZER_FILE.to_owned(), tokenizer.to_json().into_bytes())]),
            Symbols::Sides(sides) => {
                let file = |(name, side): (&str, &Tokenizer)| (name.to_owned(), side.to_json().into_bytes());
                Ok(SIDE_FILES.into_iter().zip(&**sides).map(file).collect())
            }
            Symbols::Numbers(_) => Ok(Vec::new()),
            Symbols::Examples { form, classes } => {
                let json = serde_json::to_vec(&(form, classes));
                let json = json.map_err(|error| CodecError::Encode { reason: error.to_string() })?;
                Ok(vec![(EXAMPLES_FILE.to_owned(), json)])
            }
        }
    }

    /// The symbols of a recipe and of the files of a checkpoint of it, or what is wrong with the files.
    pub(crate) fn restored(recipe: &Recipe, files: &[(String, Vec<u8>)]) -> Result<Self, String> {
        let known = |name: &str| files.iter().find(|(known, _)| known == name).map(|(_, bytes)| &bytes[..]);
        let file = |name: &str| known(name).ok_or_else(|| format!("the checkpoint has no {name}"));
        let tokenizer = |name: &str| {
            let json = std::str::from_utf8(file(name)?).map_err(|error| format!("{name}: {error}"))?;
            Tokenizer::from_json(json, name).map_err(|error| error.to_string())
        };
        match recipe.data.task {
            TaskKind::Nt | TaskKind::ReverseMap => Ok(Symbols::Numbers(recipe.data.n)),
            TaskKind::Images | TaskKind::Series | TaskKind::Listops => {
                let examples = serde_json::from_slice(file(EXAMPLES_FILE)?);
                let (form, classes) = examples.map_err(|error| format!("{EXAMPLES_FILE}: {error}"))?;
                Ok(Symbols::Examples { form, classes })
            }
            TaskKind::Text | TaskKind::MaskedText if known(VOCABULARY_FILE).is_some() => {
                let vocabulary = serde_json::from_slice(file(VOCABULARY_FILE)?);
                vocabulary.map(Symbols::Characters).map_err(|error| format!("{VOCABULARY_FILE}: {error}"))
            }
            TaskKind::Translation if known(SIDE_FILES[0]).is_some() => {
                let [source, target] = SIDE_FILES.map(tokenizer);
                Ok(Symbols::Sides(Box::new([source?, target?])))
            }
            TaskKind::Text | TaskKind::MaskedText | TaskKind::Translation => {
                tokenizer(TOKENIZER_FILE).map(Symbols::Text)
            }
        }
    }

    /// What begins, ends and fills up a sequence on either side, if these symbols have tokens for it.
    pub(crate) fn pair_tokens(&self, config: &DataConfig) -> Option<PairTokens> {
        let tokens = match self {
            Symbols::Characters(_) | Symbols::Examples { .. } => None,
            Symbols::Numbers(_) => Some(SPECIAL),
            Symbols::Text(tokenizer) => of_text(tokenizer),
            // Those that are trained here have the same special tokens.
            Symbols::Sides(sides) => of_text(&sides[1]),
        }?;
        Some(match config.decoder_start {
            DecoderStart::Begin => tokens,
            DecoderStart::Padding => PairTokens { begin: tokens.padding, ..tokens },
        })
    }

    /// The tokens of a text that is to be predicted; [`Symbols::encode`] is for what is read.
    ///
    /// # Errors
    /// As [`Symbols::encode`].
    pub fn encode_target(&self, text: &str) -> Result<Vec<u32>, SymbolError> {
        match self {
            Symbols::Sides(sides) => Ok(sides[1].encode(text)),
            _ => self.encode(text),
        }
    }

    /// The tokens of a text.
    ///
    /// # Errors
    /// [`SymbolError`] naming the first character or word that is no token.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, SymbolError> {
        match self {
            Symbols::Characters(vocabulary) => Ok(vocabulary.encode(text)?),
            Symbols::Text(tokenizer) => Ok(tokenizer.encode(text)),
            Symbols::Sides(sides) => Ok(sides[0].encode(text)),
            Symbols::Examples { .. } => Err(SymbolError::Unwritten),
            &Symbols::Numbers(symbols) => {
                let number = |(i, word): (usize, &str)| {
                    let token = word.parse().ok().filter(|&token: &u32| token < symbols);
                    let shown = || word.chars().take(20).collect();
                    token.ok_or_else(|| SymbolError::Number { word: shown(), index: i + 1, symbols })
                };
                text.split_whitespace().enumerate().map(number).collect()
            }
        }
    }

    /// The text of tokens. Of characters and numbers, the texts of two parts joined are the text of the whole; of pieces of text they need not be, because a part
    /// may end amid a character and words have spaces between them.
    ///
    /// # Errors
    /// [`SymbolError::Characters`] for a token out of range.
    pub fn decode(&self, tokens: &[u32]) -> Result<String, SymbolError> {
        match self {
            Symbols::Characters(vocabulary) => Ok(vocabulary.decode(tokens)?),
            Symbols::Text(tokenizer) => Ok(tokenizer.decode(tokens)),
            Symbols::Sides(sides) => Ok(sides[1].decode(tokens)),
            Symbols::Examples { .. } => Err(SymbolError::Unwritten),
            &Symbols::Numbers(symbols) => {
                if let Some(index) = tokens.iter().position(|&token| token >= symbols) {
                    let (token, size) = (tokens[index], symbols as usize);
                    return Err(DataError::UnknownToken { token, index, size }.into());
                }
                Ok(tokens.iter().map(|token| format!("{token} ")).collect())
            }
        }
    }
}

/// What begins, ends and fills up a sequence in these tokens; what a tokenizer of another program does not have is done by its end.
fn of_text(tokenizer: &Tokenizer) -> Option<PairTokens> {
    let special = tokenizer.special();
    let end = special.end?;
    Some(PairTokens { padding: special.padding.unwrap_or(end), begin: special.begin.unwrap_or(end), end })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_words() {
        let symbols = Symbols::Numbers(12);
        assert_eq!(symbols.encode(" 3 11\n0 ").unwrap(), [3, 11, 0]);
        assert_eq!(symbols.decode(&[3, 11, 0]).unwrap(), "3 11 0 ");
        for (text, word) in [("3 12", "\"12\""), ("x", "\"x\""), ("1 2 -1", "word number 3"), ("1.0", "\"1.0\"")] {
            let error = symbols.encode(text).unwrap_err().to_string();
            assert!(error.contains(word) && error.contains("0 to 11"), "{error}");
        }
        assert!(symbols.decode(&[0, 12]).unwrap_err().to_string().contains("token number 1 is 12"));
    }

    #[test]
    fn characters_are_those_of_the_vocabulary() {
        let symbols = Symbols::Characters(CharVocabulary::from_text("hello").unwrap());
        assert_eq!(symbols.form(), Form::Tokens(4));
        assert_eq!(symbols.decode(&symbols.encode("hole").unwrap()).unwrap(), "hole");
        assert!(symbols.encode("help").unwrap_err().to_string().contains("'p'"));
    }
}
