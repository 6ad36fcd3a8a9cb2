//! Text: blocks at random places of the training part, judged on the validation part.

use anther_data::text::CharText;
use anther_data::{DataDir, RandomBlocks, SequentialBlocks, Split};
use anther_tensor::Tensor;

use super::fingerprint::Fingerprint;
use super::part::TextParts;
use super::{Batches, Metric, Symbols, Task, TaskError};
use crate::batch::Batch;
use crate::recipe::Recipe;

/// A text with the batches of a recipe.
#[derive(Clone, Debug)]
pub struct TextTraining {
    symbols: Symbols,
    train: RandomBlocks,
    validation: SequentialBlocks,
    fingerprint: String,
    seed: u64,
    batch: usize,
}

impl TextTraining {
    /// Reads the text of a recipe: the path or the folder as it is if it is there, otherwise below the data directory.
    ///
    /// # Errors
    /// [`TaskError`] if a file is missing or no text, has too few tokens for the context in one of its parts, or if no tokenizer can be made.
    pub fn new(recipe: &Recipe, data: &DataDir) -> Result<Self, TaskError> {
        Self::of_parts(recipe, TextParts::read(&recipe.data, data)?)
    }

    /// The same for a text that is in memory.
    ///
    /// # Errors
    /// [`TaskError::Data`] if one of its parts has too few characters for the context.
    pub fn of_text(recipe: &Recipe, text: &CharText) -> Result<Self, TaskError> {
        let symbols = Symbols::Characters(text.vocabulary().clone());
        let [train, validation] = [Split::Train, Split::Validation].map(|split| text.tokens(split).clone());
        Self::of_parts(recipe, TextParts { symbols, train, validation })
    }

    fn of_parts(recipe: &Recipe, parts: TextParts) -> Result<Self, TaskError> {
        let (context, config) = (recipe.model.context(), &recipe.train);
        Ok(TextTraining {
            fingerprint: fingerprint(&parts),
            symbols: parts.symbols,
            train: RandomBlocks::new(parts.train, Split::Train, context)?,
            validation: SequentialBlocks::new(parts.validation, context, config.batch, config.eval_batches)?,
            seed: config.seed,
            batch: config.batch,
        })
    }
}

/// SHA-256 of what the tokens are and of all tokens in order.
pub(super) fn fingerprint(parts: &TextParts) -> String {
    let mut digest = Fingerprint::default();
    match &parts.symbols {
        Symbols::Characters(vocabulary) => digest.bytes(String::from(vocabulary.clone())),
        Symbols::Text(tokenizer) => digest.bytes(tokenizer.to_json()),
        Symbols::Sides(_) | Symbols::Numbers(_) | Symbols::Examples { .. } => {}
    }
    digest.tokens(&parts.train);
    digest.tokens(&parts.validation);
    digest.finish()
}

impl Task for TextTraining {
    /// The loss where a token is a character, the perplexity where it is a piece of text.
    fn metric(&self) -> Metric {
        match self.symbols {
            Symbols::Text(_) => Metric::Perplexity,
            _ => Metric::Loss,
        }
    }

    fn symbols(&self) -> &Symbols {
        &self.symbols
    }

    fn batch(&self, step: u64, batch: &mut Batch) -> Result<(), TaskError> {
        Ok(self.train.refill(self.seed, step, self.batch, batch.sequences_mut())?)
    }

    fn evaluation(&self) -> Batches<'_> {
        Batches::new(self.validation.len(), |number, batch| {
            self.validation.refill(number, batch.sequences_mut());
            Ok(())
        })
    }

    fn fixed_embedding(&self, _: usize) -> Result<Tensor<f64>, TaskError> {
        Err(TaskError::Kind)
    }

    fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }
}
