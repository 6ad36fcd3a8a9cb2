//! What a recipe trains on: one trait for all kinds of data.
//!
//! The batch of a step is a pure function of the seed and the step, so a run resumes from its step alone.

mod batches;
mod classes;
mod files;
mod fingerprint;
mod masked_text;
mod metric;
mod no_data;
mod nt;
mod part;
mod reverse_map;
mod standard;
mod symbols;
mod text;
mod translation;

use anther_data::corpus::CorpusError;
use anther_data::images::{ImageError, Standard};
use anther_data::listops::ListOpsError;
use anther_data::nt::NtError;
use anther_data::parallel::ParallelError;
use anther_data::reverse_map::ReverseMapError;
use anther_data::series::SeriesError;
use anther_data::tokenizer::TokenizerError;
use anther_data::{BatchError, DataDir, DataError, ReadError};
use anther_tensor::Tensor;
use anther_transformer::ConfigError;

pub use batches::Batches;
pub use classes::ClassTraining;
pub use masked_text::MaskedTextTraining;
pub use metric::Metric;
pub(crate) use no_data::NoData;
pub use nt::NtTraining;
pub use part::{TextPart, TextSplit};
pub use reverse_map::ReverseMapTraining;
pub use symbols::{SymbolError, Symbols};
pub use text::TextTraining;
pub use translation::TranslationTraining;
pub(crate) use translation::scored_sentences;

pub(crate) use files::tokenizer;
pub(crate) use standard::{restored_standard, standard_file};

use crate::batch::Batch;
use crate::recipe::{Recipe, TaskKind};

/// What can be wrong with the data of a recipe.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// The NT task cannot be made, or not with these batches.
    #[error(transparent)]
    Nt(#[from] NtError),
    /// The reverse-and-map task cannot be made, or not with these batches.
    #[error(transparent)]
    ReverseMap(#[from] ReverseMapError),
    /// The text cannot be read, or has too few characters.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A parallel text is missing or has not two sides.
    #[error(transparent)]
    Parallel(#[from] ParallelError),
    /// A file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// There are no tokens to write a text in.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// A text has something that is no token.
    #[error(transparent)]
    Symbol(#[from] SymbolError),
    /// No batch can be made of a parallel text.
    #[error("the pairs make no batch: {0}")]
    Batch(#[from] BatchError),
    /// No pair of a parallel text is short enough.
    #[error(
        "all {pairs} {part} pairs have a side of more than {context} tokens, its end included; raise model.context"
    )]
    TooLong {
        /// Which part.
        part: &'static str,
        /// How many pairs it has.
        pairs: usize,
        /// The tokens of a side that fit.
        context: usize,
    },
    /// The files of the text are not what they should be.
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    /// One file is divided into two parts, and none of them is for tests.
    #[error(
        "the text is one file, of which one part is for training and the other for validation; a test part needs a folder of parts, data.name"
    )]
    NoTest,
    /// The images cannot be read.
    #[error(transparent)]
    Images(#[from] ImageError),
    /// What images are standardised by is not for these images.
    #[error(
        "data.mean and data.std have {given} numbers, but the images have {channels} channels; give one for each, or leave them out"
    )]
    Channels {
        /// Numbers of a mean.
        given: usize,
        /// Channels of an image.
        channels: usize,
    },
    /// A share of the training part to validate on that is less than one example of each class.
    #[error(
        "data.hold_out = {share} holds none of the {examples} training examples out, because it is less than half an example of each class; raise it, or \
         set it to 0"
    )]
    HoldOut {
        /// The share.
        share: f64,
        /// Training examples.
        examples: usize,
    },
    /// The series cannot be read.
    #[error(transparent)]
    Series(#[from] SeriesError),
    /// The lists cannot be read or drawn.
    #[error(transparent)]
    ListOps(#[from] ListOpsError),
    /// A model that was imported without data.
    #[error("the model has no data ({0}); import it once more and name some, with --set data.name=FOLDER")]
    NoData(ConfigError),
    /// A recipe of another kind of task.
    #[error("the recipe does not describe a task of this kind; set data.task and data.path")]
    Kind,
}

/// Data to train on and to be measured with.
///
/// Whatever a task keeps between two calls, such as the order of an epoch, changes nothing that it gives: batches may be made in any order and by any thread.
pub trait Task: Send + Sync {
    /// What evaluations are judged by.
    fn metric(&self) -> Metric;

    /// The tokens.
    fn symbols(&self) -> &Symbols;

    /// The batch of the step that follows `step` steps taken, put in the place of `batch`. The same step gives the same batch.
    ///
    /// # Errors
    /// [`TaskError`] if the data cannot give such a batch; what works for one step works for all.
    fn batch(&self, step: u64, batch: &mut Batch) -> Result<(), TaskError>;

    /// The batches of an evaluation, always the same and none of them ever trained on.
    fn evaluation(&self) -> Batches<'_>;

    /// The batches of a test, for data that have a test part beside what evaluations look at; nothing for others.
    fn test(&self) -> Option<Batches<'_>> {
        None
    }

    /// The fixed vectors of the tokens, `[tokens, width]`, for a model that does not learn its own.
    ///
    /// # Errors
    /// [`TaskError`] if the task has none or not of that width.
    fn fixed_embedding(&self, width: usize) -> Result<Tensor<f64>, TaskError>;

    /// What images are standardised by, for data that are images.
    fn standard(&self) -> Option<&Standard> {
        None
    }

    /// What a person who trains on the data should know of them.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// A digest of everything that the batches depend on beside the recipe: a resumed run must find the same.
    fn fingerprint(&self) -> String;
}

/// The task of a recipe. `data` says where the files of data sets are.
///
/// # Errors
/// [`TaskError`] if a file is missing or unusable, or the values do not make a task.
pub fn of_recipe(recipe: &Recipe, data: &DataDir) -> Result<Box<dyn Task>, TaskError> {
    recipe.data.validate_source().map_err(TaskError::NoData)?;
    Ok(match recipe.data.task {
        TaskKind::Nt => Box::new(NtTraining::new(recipe)?),
        TaskKind::Text => Box::new(TextTraining::new(recipe, data)?),
        TaskKind::MaskedText => Box::new(MaskedTextTraining::new(recipe, data)?),
        TaskKind::ReverseMap => Box::new(ReverseMapTraining::new(recipe)?),
        TaskKind::Translation => Box::new(TranslationTraining::new(recipe, data)?),
        TaskKind::Images | TaskKind::Series | TaskKind::Listops => Box::new(ClassTraining::new(recipe, data)?),
    })
}
