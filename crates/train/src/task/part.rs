//! The parts of a text that a recipe names, in tokens.

use std::path::{Path, PathBuf};

use anther_data::corpus::{CorpusFiles, PartNames, read_text, split_text};
use anther_data::text::CharText;
use anther_data::tokenizer::{Tokenizer, TokenizerKind, count_words};
use anther_data::{DataDir, Split, Tokens};

use super::{Symbols, TaskError, files};
use crate::recipe::{DataConfig, TaskKind};

/// A part of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TextSplit {
    /// What is measured during training.
    #[default]
    Validation,
    /// What is measured once.
    Test,
}

/// A part of a text in tokens.
#[derive(Clone, Debug)]
pub struct TextPart {
    /// Its tokens.
    pub tokens: Tokens,
    /// Its words, as [`count_words`] counts them.
    pub words: usize,
}

impl TextPart {
    fn new(text: &str, tokenizer: &Tokenizer) -> Self {
        TextPart { tokens: tokenizer.encode(text).into(), words: count_words(text) }
    }

    /// A part of the text of a recipe in these tokens, those of the text or of a model that was trained on it. Reads no other part of a text in several files.
    ///
    /// # Errors
    /// [`TaskError`] if the files are missing or unusable, or there is no such part.
    pub fn read(config: &DataConfig, data: &DataDir, symbols: &Symbols, split: TextSplit) -> Result<Self, TaskError> {
        match (symbols, Source::find(config, data)?) {
            (Symbols::Text(tokenizer), Source::Parts(files)) => {
                let path = match split {
                    TextSplit::Validation => &files.validation,
                    TextSplit::Test => files.test()?,
                };
                Ok(TextPart::new(&read_text(path)?, tokenizer))
            }
            (_, Source::File(_)) if split == TextSplit::Test => Err(TaskError::NoTest),
            (Symbols::Text(tokenizer), Source::File(path)) => {
                Ok(TextPart::new(split_text(&read_text(&path)?, config.train_fraction).1, tokenizer))
            }
            (Symbols::Characters(_), Source::File(path)) => of_characters(&path, config).map(|(text, words)| {
                let tokens = text.tokens(Split::Validation).clone();
                TextPart { tokens, words }
            }),
            _ => Err(TaskError::Kind),
        }
    }
}

/// What a recipe of a text trains on and is measured with.
pub(super) struct TextParts {
    pub(super) symbols: Symbols,
    pub(super) train: Tokens,
    pub(super) validation: Tokens,
}

impl TextParts {
    /// Reads the parts, and makes the tokens from the training part or reads them from the file that the recipe names.
    pub(super) fn read(config: &DataConfig, data: &DataDir) -> Result<Self, TaskError> {
        let source = Source::find(config, data)?;
        if let Source::File(path) = &source
            && config.has_plain_characters()
        {
            let (text, _) = of_characters(path, config)?;
            let symbols = Symbols::Characters(text.vocabulary().clone());
            let tokens = |split| text.tokens(split).clone();
            return Ok(TextParts { symbols, train: tokens(Split::Train), validation: tokens(Split::Validation) });
        }
        let whole;
        let (train, validation) = match &source {
            Source::File(path) => {
                whole = read_text(path)?;
                let (train, validation) = split_text(&whole, config.train_fraction);
                (train.to_owned(), validation.to_owned())
            }
            Source::Parts(files) => (read_text(&files.train)?, read_text(&files.validation)?),
        };
        let tokenizer = match &config.tokenizer_file {
            Some(file) => files::tokenizer(file, data)?,
            None => Tokenizer::train(&config.tokenizer, train.split_inclusive('\n'))?,
        };
        let [train, validation] = [train, validation].map(|text| tokenizer.encode(&text).into());
        Ok(TextParts { symbols: Symbols::Text(tokenizer), train, validation })
    }
}

/// Where a text is.
enum Source {
    File(PathBuf),
    Parts(CorpusFiles),
}

impl Source {
    fn find(config: &DataConfig, data: &DataDir) -> Result<Self, TaskError> {
        config.validate_source().map_err(TaskError::NoData)?;
        if let Some(path) = &config.path {
            return Ok(Source::File(data.named(path, None)?));
        }
        let folder = data.folder(config.name.as_deref().ok_or(TaskError::Kind)?, None)?;
        let names = PartNames {
            train: config.train.as_deref(),
            validation: config.validation.as_deref(),
            test: config.test.as_deref(),
        };
        Ok(Source::Parts(CorpusFiles::find(&folder, &names)?))
    }
}

/// A text whose tokens are all its characters, and the words of its validation part.
fn of_characters(path: &Path, config: &DataConfig) -> Result<(CharText, usize), TaskError> {
    let text = CharText::load(path, config.train_fraction)?;
    let words = count_words(&text.vocabulary().decode(text.tokens(Split::Validation))?);
    Ok((text, words))
}

impl DataConfig {
    /// Whether the tokens are the characters of one whole file, none of which can be unknown.
    fn has_plain_characters(&self) -> bool {
        let own = self.tokenizer_file.is_none() && self.tokenizer.kind == TokenizerKind::Characters;
        self.task == TaskKind::Text && self.path.is_some() && own
    }
}
