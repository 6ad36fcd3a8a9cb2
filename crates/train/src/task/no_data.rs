//! No data: the task of a model that was imported, until its recipe names some.

use anther_tensor::Tensor;
use anther_transformer::ConfigError;

use super::{Batches, Metric, Symbols, Task, TaskError};
use crate::batch::Batch;

/// Nothing to train on and nothing to be measured with.
pub(crate) struct NoData {
    pub(crate) symbols: Symbols,
    pub(crate) metric: Metric,
}

impl Task for NoData {
    fn metric(&self) -> Metric {
        self.metric
    }

    fn symbols(&self) -> &Symbols {
        &self.symbols
    }

    fn batch(&self, _: u64, _: &mut Batch) -> Result<(), TaskError> {
        Err(TaskError::NoData(ConfigError::new("data.name", "it names no folder")))
    }

    fn evaluation(&self) -> Batches<'_> {
        Batches::none()
    }

    fn fixed_embedding(&self, _: usize) -> Result<Tensor<f64>, TaskError> {
        Err(TaskError::Kind)
    }

    fn fingerprint(&self) -> String {
        "no data".to_owned()
    }
}
