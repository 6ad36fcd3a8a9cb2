//! What a run tells while it goes on.

use std::path::Path;
use std::time::Duration;

use crate::evaluate::Evaluation;
use crate::learner::StepResult;
use crate::task::Metric;

/// The start of a run or of the rest of one.
#[derive(Clone, Copy, Debug)]
pub struct Started<'a> {
    /// The run directory.
    pub run_dir: &'a Path,
    /// Steps taken already.
    pub step: u64,
    /// Steps of the whole run.
    pub steps: u64,
    /// Number of parameters.
    pub parameters: usize,
    /// What the user must be told about the checkpoint that is resumed from.
    pub warnings: &'a [String],
}

/// One step.
#[derive(Clone, Copy, Debug)]
pub struct StepReport {
    /// What the step did.
    pub result: StepResult,
    /// Steps of the whole run.
    pub steps: u64,
    /// Tokens a second, over the steps since the start or the resumption, evaluations and checkpoints not counted.
    pub tokens_per_second: f64,
    /// How long the remaining steps will take at that speed.
    pub remaining: Duration,
}

/// One evaluation.
#[derive(Clone, Copy, Debug)]
pub struct EvaluationReport {
    /// The step after which it took place.
    pub step: u64,
    /// What the run is judged by.
    pub metric: Metric,
    /// What the model reaches.
    pub evaluation: Evaluation,
    /// Whether it is the best so far.
    pub improved: bool,
}

/// Is told what happens in a run, to show it. Nothing is computed from what it does.
#[expect(unused_variables, reason = "an observer overrides what it wants to know")]
pub trait Observer {
    /// The run begins or goes on.
    fn started(&mut self, started: &Started<'_>) {}

    /// A step was taken.
    fn step(&mut self, report: &StepReport) {}

    /// The model was measured.
    fn evaluated(&mut self, report: &EvaluationReport) {}

    /// A checkpoint was saved; `path` is its directory.
    fn saved(&mut self, step: u64, path: &Path, best: bool) {}

    /// Something that does not stop the run but should be known.
    fn warning(&mut self, message: &str) {}
}

/// The observer that shows nothing.
impl Observer for () {}
