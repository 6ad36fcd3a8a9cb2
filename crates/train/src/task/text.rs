//! Character text: blocks at random places of the training part, judged by the loss on the rest.

use anther_data::text::CharText;
use anther_data::{DataDir, RandomBlocks, SequentialBlocks, Split};
use anther_tensor::Tensor;
use sha2::{Digest, Sha256};

use super::{Metric, Symbols, Task, TaskError, files};
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
    /// Reads the text of a recipe: the path as it is if there is such a file, otherwise below the data directory.
    ///
    /// # Errors
    /// [`TaskError::Data`] if the file is missing or no text, or has too few characters for the context in one of its parts.
    pub fn new(recipe: &Recipe, data: &DataDir) -> Result<Self, TaskError> {
        let path = files::find(recipe.data.path.as_deref().ok_or(TaskError::Kind)?, data)?;
        Self::of_text(recipe, &CharText::load(path, recipe.data.train_fraction)?)
    }

    /// The same for a text that is in memory.
    ///
    /// # Errors
    /// [`TaskError::Data`] if one of its parts has too few characters for the context.
    pub fn of_text(recipe: &Recipe, text: &CharText) -> Result<Self, TaskError> {
        let (context, config) = (recipe.model.context(), &recipe.train);
        Ok(TextTraining {
            symbols: Symbols::Characters(text.vocabulary().clone()),
            train: text.random_blocks(Split::Train, context)?,
            validation: text.sequential_blocks(Split::Validation, context, config.batch, config.eval_batches)?,
            fingerprint: fingerprint(text),
            seed: config.seed,
            batch: config.batch,
        })
    }
}

/// SHA-256 of the vocabulary and of all tokens in order.
fn fingerprint(text: &CharText) -> String {
    let mut hasher = Sha256::new();
    hasher.update(String::from(text.vocabulary().clone()));
    for split in [Split::Train, Split::Validation] {
        hasher.update((text.tokens(split).len() as u64).to_le_bytes());
        for part in text.tokens(split).chunks(4096) {
            let bytes: Vec<u8> = part.iter().flat_map(|token| token.to_le_bytes()).collect();
            hasher.update(bytes);
        }
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Task for TextTraining {
    fn metric(&self) -> Metric {
        Metric::Loss
    }

    fn symbols(&self) -> &Symbols {
        &self.symbols
    }

    fn batch(&self, step: u64, batch: &mut Batch) -> Result<(), TaskError> {
        Ok(self.train.refill(self.seed, step, self.batch, batch.sequences_mut())?)
    }

    fn evaluation(&self) -> Result<Vec<Batch>, TaskError> {
        Ok(self.validation.batches().map(Batch::Sequences).collect())
    }

    fn fixed_embedding(&self, _: usize) -> Result<Tensor<f64>, TaskError> {
        Err(TaskError::Kind)
    }

    fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }
}
