//! Examples whose class is to be told: images, series, lists. Epochs in random order, judged by accuracy.

mod images;
mod listops;
mod series;

use std::borrow::Cow;

use anther_data::images::Standard;
use anther_data::{DataDir, LabelledBatch, epoch_batch, hold_out};
use anther_tensor::Tensor;
use anther_transformer::ExampleForm;

use super::{Batches, Metric, Symbols, Task, TaskError};
use crate::batch::Batch;
use crate::recipe::{Recipe, TaskKind};
use crate::task::fingerprint::Fingerprint;

/// Which examples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Train,
    /// Only of data that have one of their own.
    Validation,
    Test,
}

/// Divides training examples of these classes into those that are learned from and those that are held out.
type Split<'a> = &'a dyn Fn(&[u32]) -> (Vec<usize>, Vec<usize>);

/// Where examples come from. What standardises them is of those that are learned from, so that nothing held out is known before it is measured.
trait Source: Send + Sync {
    /// What an example is.
    fn form(&self) -> ExampleForm;

    /// Number of classes.
    fn classes(&self) -> usize;

    /// Number of examples of a part.
    fn count(&self, part: Part) -> usize;

    /// The class of each training example.
    fn labels(&self) -> Vec<u32>;

    /// Examples as they are, in the place of a batch.
    fn plain(&self, part: Part, examples: &[usize], batch: &mut LabelledBatch) -> Result<(), TaskError>;

    /// Training examples as a step of a seed has them.
    fn trained(&self, examples: &[usize], _seed: u64, _step: u64, batch: &mut LabelledBatch) -> Result<(), TaskError> {
        self.plain(Part::Train, examples, batch)
    }

    /// What images are standardised by.
    fn standard(&self) -> Option<&Standard> {
        None
    }

    /// Adds all that the examples depend on beside the recipe.
    fn digest(&self, digest: &mut Fingerprint);
}

/// Examples of one kind with the batches of a recipe.
///
/// A step takes the next examples of an endless series of epochs, each a permutation of the training part ([`epoch_batch`]). An evaluation measures on a whole
/// part, in batches of one size: the validation part that the data have, or what `data.hold_out` holds out of the training part, or else the test part.
pub struct ClassTraining {
    source: Box<dyn Source>,
    symbols: Symbols,
    train: Vec<usize>,
    held_out: Vec<usize>,
    seed: u64,
    batch: usize,
    fingerprint: String,
}

impl ClassTraining {
    /// Reads the data of a recipe.
    ///
    /// # Errors
    /// [`TaskError`] if a file is missing, damaged or not what it should be.
    pub fn new(recipe: &Recipe, data: &DataDir) -> Result<Self, TaskError> {
        let seed = recipe.train.seed;
        let split = |labels: &[u32]| match recipe.data.hold_out {
            share if share > 0.0 => hold_out(labels, share, seed),
            _ => ((0..labels.len()).collect(), Vec::new()),
        };
        let source: Box<dyn Source> = match recipe.data.task {
            TaskKind::Images => Box::new(images::Images::new(&recipe.data, data, &split)?),
            TaskKind::Series => Box::new(series::SeriesSource::new(&recipe.data, data, &split)?),
            TaskKind::Listops => listops::source(recipe, data)?,
            _ => return Err(TaskError::Kind),
        };
        let (train, held_out) = match recipe.data.hold_out {
            share if share > 0.0 => split(&source.labels()),
            _ => ((0..source.count(Part::Train)).collect(), Vec::new()),
        };
        if recipe.data.hold_out > 0.0 && held_out.is_empty() {
            return Err(TaskError::HoldOut { share: recipe.data.hold_out, examples: train.len() });
        }
        let mut digest = Fingerprint::default();
        source.digest(&mut digest);
        Ok(ClassTraining {
            symbols: Symbols::Examples { form: source.form(), classes: source.classes() },
            train,
            held_out,
            seed,
            batch: recipe.train.batch,
            fingerprint: digest.finish(),
            source,
        })
    }

    /// Examples of a part in batches of one size; the last one may be smaller.
    fn batches<'a>(&'a self, part: Part, examples: Cow<'a, [usize]>) -> Batches<'a> {
        Batches::new(examples.len().div_ceil(self.batch), move |number, batch| {
            let first = number * self.batch;
            let examples = &examples[first..examples.len().min(first + self.batch)];
            self.source.plain(part, examples, batch.labelled_mut(self.source.form()))
        })
    }

    fn whole(&self, part: Part) -> Batches<'_> {
        self.batches(part, (0..self.source.count(part)).collect())
    }

    /// Whether evaluations look at something else than the test part.
    fn validates(&self) -> bool {
        !self.held_out.is_empty() || self.source.count(Part::Validation) > 0
    }
}

impl Task for ClassTraining {
    fn metric(&self) -> Metric {
        Metric::Accuracy
    }

    fn symbols(&self) -> &Symbols {
        &self.symbols
    }

    fn batch(&self, step: u64, batch: &mut Batch) -> Result<(), TaskError> {
        let mut examples = epoch_batch(self.seed, step, self.batch, self.train.len());
        examples.iter_mut().for_each(|example| *example = self.train[*example]);
        self.source.trained(&examples, self.seed, step, batch.labelled_mut(self.source.form()))
    }

    fn evaluation(&self) -> Batches<'_> {
        if !self.held_out.is_empty() {
            self.batches(Part::Train, Cow::Borrowed(&self.held_out))
        } else if self.validates() {
            self.whole(Part::Validation)
        } else {
            self.whole(Part::Test)
        }
    }

    fn test(&self) -> Option<Batches<'_>> {
        self.validates().then(|| self.whole(Part::Test))
    }

    fn standard(&self) -> Option<&Standard> {
        self.source.standard()
    }

    fn fixed_embedding(&self, _: usize) -> Result<Tensor<f64>, TaskError> {
        Err(TaskError::Kind)
    }

    fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }
}
