//! Masked text: blocks at random places of the training part with hidden tokens, judged on those hidden in the validation part.

use anther_data::DataDir;
use anther_data::masked::{MaskedBlocks, MaskedEvaluation};
use anther_tensor::Tensor;

use super::part::{TextPart, TextParts, TextSplit};
use super::text::fingerprint;
use super::{Batches, Metric, Symbols, Task, TaskError};
use crate::batch::Batch;
use crate::recipe::Recipe;

/// A text with the masked batches of a recipe.
#[derive(Clone, Debug)]
pub struct MaskedTextTraining {
    symbols: Symbols,
    train: MaskedBlocks,
    validation: MaskedEvaluation,
    fingerprint: String,
    seed: u64,
    batch: usize,
}

impl MaskedTextTraining {
    /// Reads the text of a recipe, found as [`TextTraining`](super::TextTraining) finds it.
    ///
    /// # Errors
    /// [`TaskError`] if a file is missing or no text, has fewer tokens than the context in one of its parts, or if no tokenizer with a mask can be made.
    pub fn new(recipe: &Recipe, data: &DataDir) -> Result<Self, TaskError> {
        let parts = TextParts::read(&recipe.data, data)?;
        let blocks = |tokens: &_| blocks(recipe, &parts.symbols, tokens);
        Ok(MaskedTextTraining {
            train: blocks(&parts.train)?,
            validation: blocks(&parts.validation)?.evaluation(recipe.train.batch, recipe.train.eval_batches)?,
            fingerprint: fingerprint(&parts),
            seed: recipe.train.seed,
            batch: recipe.train.batch,
            symbols: parts.symbols,
        })
    }

    /// All blocks of a part of the text of a recipe in these tokens, with the masks of every evaluation.
    ///
    /// # Errors
    /// As [`MaskedTextTraining::new`].
    pub fn whole_part(
        recipe: &Recipe,
        data: &DataDir,
        symbols: &Symbols,
        split: TextSplit,
    ) -> Result<Batches<'static>, TaskError> {
        let part = TextPart::read(&recipe.data, data, symbols, split)?;
        Ok(batches(blocks(recipe, symbols, &part.tokens)?.evaluation(recipe.train.batch, usize::MAX)?))
    }
}

fn blocks(recipe: &Recipe, symbols: &Symbols, tokens: &anther_data::Tokens) -> Result<MaskedBlocks, TaskError> {
    let Symbols::Text(tokenizer) = symbols else { return Err(TaskError::Kind) };
    Ok(MaskedBlocks::new(tokens.clone(), recipe.model.context(), tokenizer.special(), tokenizer.len())?)
}

fn batches(evaluation: MaskedEvaluation) -> Batches<'static> {
    Batches::new(evaluation.len(), move |number, batch| {
        evaluation.refill(number, batch.sequences_mut());
        Ok(())
    })
}

impl Task for MaskedTextTraining {
    fn metric(&self) -> Metric {
        Metric::MaskedPerplexity
    }

    fn symbols(&self) -> &Symbols {
        &self.symbols
    }

    fn batch(&self, step: u64, batch: &mut Batch) -> Result<(), TaskError> {
        Ok(self.train.refill(self.seed, step, self.batch, batch.sequences_mut())?)
    }

    fn evaluation(&self) -> Batches<'_> {
        batches(self.validation.clone())
    }

    fn fixed_embedding(&self, _: usize) -> Result<Tensor<f64>, TaskError> {
        Err(TaskError::Kind)
    }

    fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }
}
