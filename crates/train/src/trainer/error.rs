//! Why a run could not start, go on or be resumed.

use std::path::PathBuf;

use crate::checkpoint::{LoadError, SaveError};
use crate::codec::CodecError;
use crate::fs::FsError;
use crate::learner::LearnError;
use crate::lock::LockError;
use crate::log::LogError;
use crate::optim::RestoreError;
use crate::recipe::RecipeError;
use crate::run_dir::{CHECKPOINTS, RunDirError};
use crate::settings::SettingsError;
use crate::task::TaskError;

/// Why a run could not start, go on or be resumed.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The recipe cannot be read.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// The recipe cannot be written down.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The model or the data cannot be made, or a step could not be taken.
    #[error(transparent)]
    Learn(#[from] LearnError),
    /// The run directory.
    #[error(transparent)]
    RunDir(#[from] RunDirError),
    /// Another process has the run.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The disk.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A checkpoint was not saved.
    #[error(transparent)]
    Save(#[from] SaveError),
    /// No checkpoint was loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The training state cannot be encoded or decoded.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The tensors of a checkpoint do not fit.
    #[error("the checkpoint of {} cannot be used: {cause}", run.display())]
    Restore {
        /// The run directory.
        run: PathBuf,
        /// What does not fit.
        cause: RestoreError,
    },
    /// A checkpoint is whole but contradicts itself or the data.
    #[error("the checkpoint of {} cannot be used: {reason}", run.display())]
    Mismatch {
        /// The run directory.
        run: PathBuf,
        /// What contradicts what.
        reason: String,
    },
    /// The data are not those of the model.
    #[error("the model cannot be measured: {reason}")]
    Data {
        /// Why.
        reason: String,
    },
    /// The loss of an evaluation is an infinity or NaN, so nothing was saved.
    #[error(
        "after step {step} the model has a loss of {loss} in its evaluation, so no checkpoint was written; lower the learning rate"
    )]
    NotFiniteEvaluation {
        /// The step.
        step: u64,
        /// The loss.
        loss: f64,
    },
    /// A run has logged more steps than it can have taken without a checkpoint.
    #[error(
        "the run in {} has logged {step} steps but has no checkpoint; put its directory {CHECKPOINTS} back, or start another run",
        run.display()
    )]
    CheckpointsGone {
        /// The run directory.
        run: PathBuf,
        /// The last step in its log.
        step: u64,
    },
    /// A parameter holds an infinity or NaN, so nothing was saved.
    #[error(
        "after step {step} the parameter {parameter} is not finite, so no checkpoint was written; lower the learning rate"
    )]
    NotFinite {
        /// The step.
        step: u64,
        /// The first such parameter.
        parameter: String,
    },
}

impl From<TaskError> for TrainError {
    fn from(error: TaskError) -> Self {
        TrainError::Learn(error.into())
    }
}

impl TrainError {
    /// Whether the numbers of the run, and not its surroundings, are at fault: a loss, a gradient or a parameter is not finite.
    #[must_use]
    pub fn is_not_finite(&self) -> bool {
        matches!(
            self,
            TrainError::NotFinite { .. }
                | TrainError::NotFiniteEvaluation { .. }
                | TrainError::Learn(LearnError::NotFinite { .. })
        )
    }
}
