//! NT tasks: fresh sequences each step, judged by accuracy.

use anther_data::Split;
use anther_data::nt::{NtEmbedding, NtTask};
use anther_tensor::Tensor;

use super::{Batches, Metric, Symbols, Task, TaskError};
use crate::batch::Batch;
use crate::recipe::Recipe;

/// An NT task with the batches of a recipe.
#[derive(Clone, Debug)]
pub struct NtTraining {
    task: NtTask,
    embedding: NtEmbedding,
    symbols: Symbols,
    seed: u64,
    batch: usize,
    context: usize,
    eval_batches: usize,
}

impl NtTraining {
    /// The NT task of a recipe.
    ///
    /// # Errors
    /// [`TaskError::Nt`] if the table `[data]` makes no task.
    pub fn new(recipe: &Recipe) -> Result<Self, TaskError> {
        Ok(NtTraining {
            task: NtTask::new(recipe.data.nt())?,
            embedding: recipe.data.embedding,
            symbols: Symbols::Numbers(recipe.data.n),
            seed: recipe.train.seed,
            batch: recipe.train.batch,
            context: recipe.model.context(),
            eval_batches: recipe.train.eval_batches,
        })
    }

    /// The task itself.
    #[must_use]
    pub fn task(&self) -> &NtTask {
        &self.task
    }
}

impl Task for NtTraining {
    fn metric(&self) -> Metric {
        Metric::Accuracy
    }

    fn symbols(&self) -> &Symbols {
        &self.symbols
    }

    fn batch(&self, step: u64, batch: &mut Batch) -> Result<(), TaskError> {
        Ok(self.task.refill(self.seed, Split::Train, step, self.batch, self.context, batch.sequences_mut())?)
    }

    fn evaluation(&self) -> Batches<'_> {
        Batches::new(self.eval_batches, |number, batch| {
            let (step, data) = (number as u64, batch.sequences_mut());
            Ok(self.task.refill(self.seed, Split::Validation, step, self.batch, self.context, data)?)
        })
    }

    /// One-hot rows, or orthonormal ones in directions that depend on `data.table_seed`.
    fn fixed_embedding(&self, width: usize) -> Result<Tensor<f64>, TaskError> {
        let config = self.task.config();
        let matrix = self.embedding.matrix(config.symbols as usize, width, config.table_seed)?;
        Ok(Tensor::from_array(&matrix.view().into_dyn()))
    }

    fn fingerprint(&self) -> String {
        // Nothing but the recipe.
        "nt".to_owned()
    }
}
