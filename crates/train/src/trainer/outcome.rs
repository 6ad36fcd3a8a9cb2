//! How a run ends.

use std::path::PathBuf;

use super::progress::Measured;
use crate::evaluate::Evaluation;

/// A signal that asks a run to end early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// The system asks the process to end.
    Terminate,
}

impl Signal {
    /// The exit code of a process that ends because of it: 128 and the number of the signal.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Signal::Interrupt => 130,
            Signal::Terminate => 143,
        }
    }
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// All steps were taken.
    Finished,
    /// The metric reached `train.target`.
    Target,
    /// The metric did not improve for `train.early_stopping` evaluations.
    EarlyStopping,
    /// A signal; the run can be resumed.
    Signal(Signal),
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Steps taken, over all resumptions.
    pub steps: u64,
    /// What the run is judged by: `accuracy` or `loss`.
    pub metric_name: &'static str,
    /// The last evaluation, if there was one.
    pub last: Option<Measured>,
    /// The best evaluation, if there was one.
    pub best: Option<Measured>,
    /// What the best model reaches on the test part, for data that have one beside what evaluations look at. Measured once, when the run is over.
    pub test: Option<Evaluation>,
    /// Tokens a second in the steps of this process; 0 if there were none.
    pub tokens_per_second: f64,
    /// Floating-point operations of the products of this process's steps, forward and backward, divided by their tokens; 0 if there were none.
    pub flops_per_token: u64,
    /// Number of parameters.
    pub parameters: usize,
    /// The run directory.
    pub run_dir: PathBuf,
    /// Why the run ended.
    pub stopped: Reason,
}
