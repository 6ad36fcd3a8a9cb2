//! What a run writes while it goes on: the log, the times and the picture of the loss.

use std::time::Duration;

use serde::Serialize;

use crate::evaluate::Evaluation;
use crate::learner::StepResult;
use crate::log::svg::{Curve, LOSS_BY_STEP, draw};
use crate::log::{JsonLines, LogError, LogPosition, METRICS_JSONL, MetricsLog, Value, read_rows};
use crate::run_dir::{LOSS_SVG, RunDir, SPEED_JSONL};

/// The columns of the log, beside the step.
const COLUMNS: [&str; 5] = ["loss", "learning_rate", "gradient_norm", "validation_loss", "validation_accuracy"];

/// The open files of a run.
pub(super) struct Reports {
    metrics: MetricsLog,
    speed: JsonLines,
}

/// One line of `speed.jsonl`.
#[derive(Serialize)]
struct Speed {
    step: u64,
    seconds: f64,
    tokens_per_second: f64,
}

impl Reports {
    pub fn create(run: &RunDir) -> Result<Self, LogError> {
        Self::over(MetricsLog::create(run.path(), &COLUMNS)?, run)
    }

    /// Cuts the log back to where it was when the checkpoint was saved.
    pub fn resume(run: &RunDir, position: LogPosition) -> Result<Self, LogError> {
        Self::over(MetricsLog::resume(run.path(), &COLUMNS, position)?, run)
    }

    fn over(metrics: MetricsLog, run: &RunDir) -> Result<Self, LogError> {
        Ok(Reports { metrics, speed: JsonLines::append_to(&run.file(SPEED_JSONL))? })
    }

    pub fn append(
        &mut self,
        result: &StepResult,
        evaluation: Option<&Evaluation>,
        clock: &Clock,
    ) -> Result<(), LogError> {
        let mut values: Vec<(&str, Value)> = vec![
            ("loss", result.loss.into()),
            ("learning_rate", result.learning_rate.into()),
            ("gradient_norm", result.gradient_norm.into()),
        ];
        if let Some(evaluation) = evaluation {
            values.push(("validation_loss", evaluation.loss.into()));
            values.push(("validation_accuracy", evaluation.accuracy.into()));
        }
        self.metrics.append(result.step, &values)?;
        let (seconds, tokens_per_second) = (clock.elapsed.as_secs_f64(), clock.tokens_per_second());
        self.speed.append(&Speed { step: result.step, seconds, tokens_per_second })
    }

    pub fn sync(&self) -> Result<LogPosition, LogError> {
        self.metrics.sync()
    }

    /// Draws the loss of all steps so far.
    pub fn draw(&self, run: &RunDir) -> Result<(), LogError> {
        let rows = read_rows(&run.file(METRICS_JSONL))?;
        let curves = [Curve::of(&rows, "loss", "training"), Curve::of(&rows, "validation_loss", "validation")];
        let name = run.path().file_name().unwrap_or_default().to_string_lossy();
        draw(&run.file(LOSS_SVG), &format!("{name}: loss in nats a token"), LOSS_BY_STEP, &curves)
    }
}

/// The time spent in steps.
#[derive(Default)]
pub(super) struct Clock {
    elapsed: Duration,
    steps: u32,
    tokens: usize,
    flops: u64,
}

impl Clock {
    pub fn add(&mut self, time: Duration, result: &StepResult) {
        self.elapsed += time;
        self.steps = self.steps.saturating_add(1);
        self.tokens += result.tokens;
        self.flops += result.flops;
    }

    /// Tokens a second; 0 before the first step.
    #[expect(clippy::cast_precision_loss, reason = "a speed needs no more than 53 bits")]
    pub fn tokens_per_second(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        if seconds > 0.0 { self.tokens as f64 / seconds } else { 0.0 }
    }

    /// Floating-point operations a token; 0 before the first step.
    pub fn flops_per_token(&self) -> u64 {
        self.flops / (self.tokens as u64).max(1)
    }

    /// The time of so many more steps.
    pub fn remaining(&self, steps: u64) -> Duration {
        let one = self.elapsed / self.steps.max(1);
        one.saturating_mul(u32::try_from(steps).unwrap_or(u32::MAX))
    }
}
