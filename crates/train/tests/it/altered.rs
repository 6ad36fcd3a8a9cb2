//! A task with other batches.

use anther_tensor::Tensor;
use anther_train::batch::Batch;
use anther_train::task::{Batches, Metric, Symbols, Task, TaskError};

/// A task whose batch of a step is what a function makes of it.
pub struct Altered<F> {
    pub task: Box<dyn Task>,
    /// Is given the task, the step and the place of the batch.
    pub batch: F,
}

impl<F: Fn(&dyn Task, u64, &mut Batch) -> Result<(), TaskError> + Send + Sync> Task for Altered<F> {
    fn metric(&self) -> Metric {
        self.task.metric()
    }
    fn symbols(&self) -> &Symbols {
        self.task.symbols()
    }
    fn batch(&self, step: u64, batch: &mut Batch) -> Result<(), TaskError> {
        (self.batch)(&*self.task, step, batch)
    }
    fn evaluation(&self) -> Batches<'_> {
        self.task.evaluation()
    }
    fn fixed_embedding(&self, width: usize) -> Result<Tensor<f64>, TaskError> {
        self.task.fixed_embedding(width)
    }
    fn fingerprint(&self) -> String {
        self.task.fingerprint()
    }
}
