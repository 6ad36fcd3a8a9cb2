//! Where a run stands: what a checkpoint keeps beside tensors, and when a run is over.

use serde::{Deserialize, Serialize};

use super::outcome::Reason;
use crate::log::LogPosition;
use crate::recipe::TrainConfig;
use crate::task::Metric;

/// The value of a metric after a step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The step.
    pub step: u64,
    /// The value.
    pub value: f64,
}

/// The state of a run, as `state.bin` keeps it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// Steps taken. Everything random and every batch follows from it and the seed.
    pub step: u64,
    /// The last evaluation.
    pub last: Option<Measured>,
    /// The best evaluation.
    pub best: Option<Measured>,
    /// Evaluations since the best one.
    pub without_improvement: u64,
    /// Where the log ends.
    pub log: LogPosition,
    /// Name and shape of the parameters in the order of the slabs.
    pub layout: Vec<(String, Vec<u64>)>,
    /// The digest of the data.
    pub data: String,
}

impl Progress {
    /// Notes an evaluation; whether it is the best so far.
    pub fn note(&mut self, metric: Metric, measured: Measured) -> bool {
        let improved = self.best.is_none_or(|best| metric.is_better(measured.value, best.value));
        self.last = Some(measured);
        if improved {
            self.best = Some(measured);
            self.without_improvement = 0;
        } else {
            self.without_improvement += 1;
        }
        improved
    }

    /// Why there is no further step to take, if there is none. Depends on nothing but the state, so a run that was over is over
    /// when it is resumed.
    pub fn ended(&self, config: &TrainConfig, metric: Metric) -> Option<Reason> {
        let reached = |target| self.last.is_some_and(|last| metric.is_reached(last.value, target));
        if config.target.is_some_and(reached) {
            Some(Reason::Target)
        } else if self.step >= config.steps {
            Some(Reason::Finished)
        } else if config.early_stopping > 0 && self.without_improvement >= config.early_stopping {
            Some(Reason::EarlyStopping)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(values: &[f64]) -> Progress {
        let mut progress = Progress::default();
        for (step, &value) in (1..).zip(values) {
            progress.note(Metric::Loss, Measured { step, value });
            progress.step = step;
        }
        progress
    }

    #[test]
    fn patience_counts_evaluations_since_the_best() {
        let config = TrainConfig { early_stopping: 2, ..TrainConfig::default() };
        let ended = |values: &[f64]| after(values).ended(&config, Metric::Loss);
        assert_eq!(ended(&[3.0, 2.0, 2.5]), None);
        assert_eq!(ended(&[3.0, 2.0, 2.5, 2.0]), Some(Reason::EarlyStopping));
        assert_eq!(ended(&[3.0, 2.0, 2.5, 1.9, 2.0]), None);
        assert_eq!(ended(&[3.0, f64::NAN, f64::NAN]), Some(Reason::EarlyStopping));
        let patient = TrainConfig::default();
        assert_eq!(after(&[1.0, 2.0, 3.0, 4.0]).ended(&patient, Metric::Loss), None);
    }

    #[test]
    fn the_best_is_the_first_of_equals() {
        let progress = after(&[3.0, 2.0, 2.0, 2.5]);
        assert_eq!(progress.best, Some(Measured { step: 2, value: 2.0 }));
        assert_eq!(progress.last, Some(Measured { step: 4, value: 2.5 }));
    }

    #[test]
    fn a_target_that_is_reached_goes_before_the_last_step() {
        let config = TrainConfig { steps: 2, target: Some(1.0), ..TrainConfig::default() };
        assert_eq!(after(&[2.0]).ended(&config, Metric::Loss), None);
        assert_eq!(after(&[2.0, 1.5]).ended(&config, Metric::Loss), Some(Reason::Finished));
        assert_eq!(after(&[1.0]).ended(&config, Metric::Loss), Some(Reason::Target));
    }
}
