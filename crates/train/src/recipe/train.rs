//! The table `[train]`.

use serde::{Deserialize, Serialize};

use crate::optim::{OptimizerConfig, OptimizerKind};
use crate::schedule::{Schedule, ScheduleKind};

/// How to train.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    /// Steps of the optimiser.
    pub steps: u64,
    /// Sequences a step.
    pub batch: usize,
    /// Parts that the batch of a step is computed in, one after the other, to save memory; divides `batch`. The gradient is that
    /// of the whole batch.
    pub accumulate: usize,
    /// Whether each block keeps its input only and is computed a second time in the backward pass, to save memory; changes no number of
    /// the run.
    pub recompute: bool,
    /// The highest learning rate.
    pub learning_rate: f64,
    /// The learning rate at the end, or the lowest one.
    pub min_learning_rate: f64,
    /// The course of the learning rate.
    pub schedule: ScheduleKind,
    /// Steps in which the learning rate rises to its highest.
    pub warmup: u64,
    /// Schedule `step`: steps between two decays; 0 for none.
    pub decay_every: u64,
    /// Schedule `step`: the factor of a decay.
    pub decay_factor: f64,
    /// The optimiser.
    pub optimizer: OptimizerKind,
    /// Adam: the decay of the mean of gradients.
    pub beta1: f64,
    /// Adam: the decay of the mean of squared gradients.
    pub beta2: f64,
    /// Adam: added to the root of the mean of squares.
    pub eps: f64,
    /// SGD: the decay of the velocity.
    pub momentum: f64,
    /// The decay of parameters of two and more dimensions.
    pub weight_decay: f64,
    /// The largest norm of a gradient; a longer one is shortened to it. 0 for no limit.
    pub clip: f64,
    /// How much probability the targets give away to all tokens.
    pub label_smoothing: f64,
    /// The seed of parameters, data and dropout.
    pub seed: u64,
    /// Steps between two evaluations.
    pub eval_every: u64,
    /// Batches of an evaluation.
    pub eval_batches: usize,
    /// Steps between two checkpoints.
    pub checkpoint_every: u64,
    /// Checkpoints to keep, beside the best one.
    pub keep: usize,
    /// Evaluations without improvement after which the run ends; 0 for never.
    pub early_stopping: u64,
    /// The decay of the moving average of the weights that evaluations use; 0 for none.
    pub ema: f64,
    /// Steps between two lines of the log.
    pub log_every: u64,
    /// The value of the metric that ends the run when it is reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<f64>,
}

impl Default for TrainConfig {
    fn default() -> Self {
        TrainConfig {
            steps: 2000,
            batch: 32,
            accumulate: 1,
            recompute: false,
            learning_rate: 1e-3,
            min_learning_rate: 0.0,
            schedule: ScheduleKind::Cosine,
            warmup: 0,
            decay_every: 0,
            decay_factor: 0.1,
            optimizer: OptimizerKind::AdamW,
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            momentum: 0.9,
            weight_decay: 0.01,
            clip: 1.0,
            label_smoothing: 0.0,
            seed: 0,
            eval_every: 200,
            eval_batches: 10,
            checkpoint_every: 500,
            keep: 2,
            early_stopping: 0,
            ema: 0.0,
            log_every: 10,
            target: None,
        }
    }
}

impl TrainConfig {
    /// The learning rates of the run.
    #[must_use]
    pub fn schedule(&self) -> Schedule {
        Schedule {
            kind: self.schedule,
            peak: self.learning_rate,
            last: self.min_learning_rate,
            warmup: self.warmup,
            total: self.steps,
            every: self.decay_every,
            factor: self.decay_factor,
        }
    }

    /// The optimiser of the run.
    #[must_use]
    pub fn optimizer(&self) -> OptimizerConfig {
        OptimizerConfig {
            kind: self.optimizer,
            beta1: self.beta1,
            beta2: self.beta2,
            eps: self.eps,
            momentum: self.momentum,
            weight_decay: self.weight_decay,
        }
    }
}
