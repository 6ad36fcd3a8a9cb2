//! The reverse-and-map task: fresh pairs each step, judged by perplexity.

use anther_data::Split;
use anther_data::reverse_map::ReverseMap;
use anther_tensor::Tensor;

use super::{Batches, Metric, Symbols, Task, TaskError};
use crate::batch::Batch;
use crate::recipe::Recipe;

/// A reverse-and-map task with the batches of a recipe.
#[derive(Clone, Debug)]
pub struct ReverseMapTraining {
    task: ReverseMap,
    symbols: Symbols,
    seed: u64,
    batch: usize,
    context: usize,
    eval_batches: usize,
}

impl ReverseMapTraining {
    /// The task of a recipe.
    ///
    /// # Errors
    /// [`TaskError::ReverseMap`] if the table `[data]` makes no task.
    pub fn new(recipe: &Recipe) -> Result<Self, TaskError> {
        Ok(ReverseMapTraining {
            task: ReverseMap::new(recipe.data.reverse_map())?,
            symbols: Symbols::Numbers(recipe.data.n),
            seed: recipe.train.seed,
            batch: recipe.train.batch,
            context: recipe.model.context(),
            eval_batches: recipe.train.eval_batches,
        })
    }
}

impl Task for ReverseMapTraining {
    fn metric(&self) -> Metric {
        Metric::Perplexity
    }

    fn symbols(&self) -> &Symbols {
        &self.symbols
    }

    fn batch(&self, step: u64, batch: &mut Batch) -> Result<(), TaskError> {
        Ok(self.task.refill(self.seed, Split::Train, step, self.batch, self.context, batch.pairs_mut())?)
    }

    fn evaluation(&self) -> Batches<'_> {
        Batches::new(self.eval_batches, |number, batch| {
            let (step, pairs) = (number as u64, batch.pairs_mut());
            Ok(self.task.refill(self.seed, Split::Validation, step, self.batch, self.context, pairs)?)
        })
    }

    fn fixed_embedding(&self, _: usize) -> Result<Tensor<f64>, TaskError> {
        Err(TaskError::Kind)
    }

    fn fingerprint(&self) -> String {
        // Nothing but the recipe.
        "reverse-map".to_owned()
    }
}
