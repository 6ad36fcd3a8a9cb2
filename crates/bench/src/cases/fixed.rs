//! Training on the same batch at each step.

use anther_tensor::Tensor;
use anther_train::batch::Batch;
use anther_train::learner::Learner;
use anther_train::optim::OptimizerKind;
use anther_train::recipe::{DataConfig, ModelConfig, Recipe, TrainConfig};
use anther_train::schedule::ScheduleKind;
use anther_train::task::{Batches, Metric, Symbols, Task, TaskError};

/// A learner of this model that trains on the same batch at each step, with AdamW. `data` is a table that fits the model.
///
/// # Panics
/// If the configuration makes no model.
#[must_use]
pub fn learner(model: ModelConfig, data: DataConfig, symbols: Symbols, batch: Batch) -> Learner {
    let train = TrainConfig {
        batch: batch.rows(),
        learning_rate: 3e-4,
        schedule: ScheduleKind::Constant,
        optimizer: OptimizerKind::AdamW,
        weight_decay: 0.01,
        clip: 0.0,
        ..TrainConfig::default()
    };
    let task = Box::new(FixedBatch { symbols, batch });
    Learner::new(&Recipe { model, train, data }, task).expect("the sizes make a model")
}

/// So many different tokens.
#[must_use]
pub fn numbers(tokens: usize) -> Symbols {
    Symbols::Numbers(u32::try_from(tokens).expect("a vocabulary fits 32 bits"))
}

/// One batch for ever.
struct FixedBatch {
    symbols: Symbols,
    batch: Batch,
}

impl Task for FixedBatch {
    fn metric(&self) -> Metric {
        Metric::Loss
    }

    fn symbols(&self) -> &Symbols {
        &self.symbols
    }

    fn batch(&self, _: u64, batch: &mut Batch) -> Result<(), TaskError> {
        batch.clone_from(&self.batch);
        Ok(())
    }

    fn evaluation(&self) -> Batches<'_> {
        Batches::none()
    }

    fn fixed_embedding(&self, _: usize) -> Result<Tensor<f64>, TaskError> {
        Err(TaskError::Kind)
    }

    fn fingerprint(&self) -> String {
        "one random batch".to_owned()
    }
}
