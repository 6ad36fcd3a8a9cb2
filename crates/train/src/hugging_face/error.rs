//! Why a checkpoint of `transformers` could not be read or written.

use std::path::PathBuf;

use anther_transformer::hugging_face::FormError;

use crate::checkpoint::TensorFileError;
use crate::fs::FsError;
use crate::learner::LearnError;
use crate::recipe::RecipeError;
use crate::settings::SettingsError;
use crate::task::TaskError;
use crate::trainer::TrainError;

/// Why a checkpoint of `transformers` could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum HuggingFaceError {
    /// A file is missing.
    #[error("{} has no {file}{hint}", dir.display())]
    Missing {
        /// The directory.
        dir: PathBuf,
        /// The file.
        file: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// The disk.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// A file is not what it should be.
    #[error("{} cannot be used: {reason}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file says something that has no form here.
    #[error("{}: {cause}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What, and why.
        cause: FormError,
    },
    /// The model of a run has no form there.
    #[error("the run cannot be written as a model of Hugging Face: {0}")]
    NoForm(FormError),
    /// A file of tensors is damaged, or the tensors cannot be written.
    #[error(transparent)]
    Tensors(#[from] TensorFileError),
    /// A key that the checkpoint decides.
    #[error(
        "the argument `--set {edit}` cannot be used here: config.json says what the model is, only keys of data and train can be changed"
    )]
    Edit {
        /// The argument.
        edit: String,
    },
    /// There is something in the place of the result.
    #[error("{} exists already; choose another name or remove it", path.display())]
    Exists {
        /// The place.
        path: PathBuf,
    },
    /// The data are not those of the model.
    #[error("the data do not fit the model: {reason}")]
    Data {
        /// Why.
        reason: String,
    },
    /// The recipe.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// The recipe cannot be written down.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The data or the tokenizer.
    #[error(transparent)]
    Task(Box<TaskError>),
    /// The model cannot be built.
    #[error(transparent)]
    Learn(#[from] LearnError),
    /// The run.
    #[error(transparent)]
    Train(Box<TrainError>),
}

impl From<TaskError> for HuggingFaceError {
    fn from(error: TaskError) -> Self {
        HuggingFaceError::Task(Box::new(error))
    }
}

impl From<TrainError> for HuggingFaceError {
    fn from(error: TrainError) -> Self {
        HuggingFaceError::Train(Box::new(error))
    }
}
