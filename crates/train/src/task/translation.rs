//! Translation: pairs of sentences in tokens, batches of about the same length, judged by perplexity.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use anther_data::DataDir;
use anther_data::parallel::{self, BatchLimit, PairBatches, PairEpoch, ParallelText, Part};
use anther_data::tokenizer::Tokenizer;
use anther_tensor::Tensor;

use super::fingerprint::Fingerprint;
use super::{Batches, Metric, Symbols, Task, TaskError, files};
use crate::batch::Batch;
use crate::recipe::{DataConfig, Recipe};

/// A parallel text with the batches of a recipe.
pub struct TranslationTraining {
    symbols: Symbols,
    train: PairBatches,
    validation: PairBatches,
    /// The epoch that was asked for last, and its number.
    epoch: Mutex<Option<(u64, PairEpoch)>>,
    /// Pairs of either part that were left out because a side is empty.
    empty: [usize; 2],
    seed: u64,
    fingerprint: String,
}

/// All sentences of a part of the data of a recipe, to be answered and scored.
///
/// # Errors
/// [`TaskError::Parallel`] if files are missing or unusable.
pub(crate) fn scored_sentences(config: &DataConfig, data: &DataDir, part: Part) -> Result<ParallelText, TaskError> {
    let [source, target] = find(config, data, part)?;
    Ok(ParallelText::read_all(&source, &target)?)
}

/// The sentences of a part that can be learned from or measured.
fn learned_sentences(config: &DataConfig, data: &DataDir, part: Part) -> Result<ParallelText, TaskError> {
    let [source, target] = find(config, data, part)?;
    Ok(ParallelText::read(&source, &target)?)
}

fn find(config: &DataConfig, data: &DataDir, part: Part) -> Result<[PathBuf; 2], TaskError> {
    config.validate_source().map_err(TaskError::NoData)?;
    let (Some(name), Some(source), Some(target)) = (&config.name, &config.source, &config.target) else {
        return Err(TaskError::Kind);
    };
    let file = match part {
        Part::Train => &config.train,
        Part::Validation => &config.validation,
        Part::Test => &config.test,
    };
    Ok(parallel::find(&data.folder(name, None)?, [source, target], part, file.as_deref())?)
}

impl TranslationTraining {
    /// Reads the training and the validation part, and makes the tokens of the training part, or of both sides of it if they are joint.
    ///
    /// # Errors
    /// [`TaskError`] if files are missing or unusable, no pair fits the context, or there are no tokens.
    pub fn new(recipe: &Recipe, data: &DataDir) -> Result<Self, TaskError> {
        let config = &recipe.data;
        let train = learned_sentences(config, data, Part::Train)?;
        let validation = learned_sentences(config, data, Part::Validation)?;
        Self::of_texts(recipe, symbols(config, data, &train)?, [&train, &validation])
    }

    /// The same for texts that are in memory, training first, in these tokens.
    ///
    /// # Errors
    /// [`TaskError`] if no pair fits the context, or the symbols are not those of a text.
    pub fn of_texts(recipe: &Recipe, symbols: Symbols, texts: [&ParallelText; 2]) -> Result<Self, TaskError> {
        let (context, config) = (recipe.model.context(), &recipe.train);
        let limit = recipe.data.max_tokens.map_or(BatchLimit::Rows(config.batch), BatchLimit::Tokens);
        let tokens = symbols.pair_tokens(&recipe.data).ok_or(TaskError::Kind)?;
        let mut digest = Fingerprint::default();
        let mut batches = |part: Part, text: &ParallelText| {
            let pairs = encoded(text, &symbols)?;
            if !pairs.iter().any(|pair| pair.iter().all(|side| side.len() < context)) {
                return Err(TaskError::TooLong { part: part.name(), pairs: pairs.len(), context });
            }
            pairs.iter().flatten().for_each(|side| digest.tokens(side));
            Ok(PairBatches::new(pairs, limit, context, tokens)?)
        };
        let [train, validation] = [batches(Part::Train, texts[0])?, batches(Part::Validation, texts[1])?];
        for (_, file) in symbols.files().unwrap_or_default() {
            digest.bytes(file);
        }
        let fingerprint = digest.finish();
        let (epoch, empty) = (Mutex::new(None), texts.map(|text| text.dropped));
        Ok(TranslationTraining { symbols, train, validation, epoch, empty, seed: config.seed, fingerprint })
    }
}

/// The tokens that a recipe asks for: of a stored tokenizer for both sides, or made of the training part.
fn symbols(config: &DataConfig, data: &DataDir, train: &ParallelText) -> Result<Symbols, TaskError> {
    if let Some(file) = &config.tokenizer_file {
        return Ok(Symbols::Text(files::tokenizer(file, data)?));
    }
    let side = |side: usize| train.pairs.iter().map(move |pair| &pair[side][..]);
    if config.joint {
        return Ok(Symbols::Text(Tokenizer::train(&config.tokenizer, side(0).chain(side(1)))?));
    }
    let of_side = |number| Tokenizer::train(&config.tokenizer, side(number));
    Ok(Symbols::Sides(Box::new([of_side(0)?, of_side(1)?])))
}

fn encoded(text: &ParallelText, symbols: &Symbols) -> Result<Vec<[Vec<u32>; 2]>, TaskError> {
    let encode = |[source, target]: &[String; 2]| Ok([symbols.encode(source)?, symbols.encode_target(target)?]);
    text.pairs.iter().map(encode).collect()
}

impl Task for TranslationTraining {
    fn metric(&self) -> Metric {
        Metric::Perplexity
    }

    fn symbols(&self) -> &Symbols {
        &self.symbols
    }

    fn batch(&self, step: u64, batch: &mut Batch) -> Result<(), TaskError> {
        let all = self.train.len() as u64;
        let (number, place) = (step / all, (step % all) as usize);
        // Set by one assignment, so it is whole whatever a thread died of.
        let mut epoch = self.epoch.lock().unwrap_or_else(PoisonError::into_inner);
        if epoch.as_ref().is_none_or(|(known, _)| *known != number) {
            *epoch = Some((number, self.train.epoch(self.seed, number)));
        }
        let (_, order) = epoch.as_ref().expect("made above");
        self.train.refill(order, place, batch.pairs_mut());
        Ok(())
    }

    /// All pairs of the validation part that fit the context.
    fn evaluation(&self) -> Batches<'_> {
        let order = self.validation.in_order();
        Batches::new(self.validation.len(), move |number, batch| {
            self.validation.refill(&order, number, batch.pairs_mut());
            Ok(())
        })
    }

    fn fixed_embedding(&self, _: usize) -> Result<Tensor<f64>, TaskError> {
        Err(TaskError::Kind)
    }

    fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }

    fn warnings(&self) -> Vec<String> {
        let parts = [("training", &self.train, self.empty[0]), ("validation", &self.validation, self.empty[1])];
        let told = |(name, part, empty): (&str, &PairBatches, usize)| {
            let all = part.pairs() + part.dropped() + empty;
            let of = |count: usize, what: &str| {
                (count > 0).then(|| format!("{count} of {all} {name} pairs have {what} and are left out"))
            };
            [of(empty, "an empty side"), of(part.dropped(), "a side of more tokens than model.context")]
        };
        parts.into_iter().flat_map(told).flatten().collect()
    }
}
