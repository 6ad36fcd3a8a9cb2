//! A trained model out of its run directory, to be measured and to generate with.

use std::path::Path;

use anther_data::DataDir;
use anther_data::images::Standard;
use anther_tensor::{Ids, ParamSet, Parameters, Precision, Scope, Tape, Tensor};
use anther_transformer::{AttentionMap, ExampleForm};

use crate::checkpoint::Loaded;
use crate::evaluate::Evaluation;
use crate::form::Form;
use crate::learner::LearnError;
use crate::model::Model;
use crate::perplexity::{Perplexity, Protocol};
use crate::recipe::{Recipe, TaskKind};
use crate::run_dir::RunDir;
use crate::task::{
    self, Batches, MaskedTextTraining, Metric, NtTraining, Symbols, Task, TaskError, TextPart, TextSplit,
    restored_standard,
};
use crate::trainer::{TrainError, restore_weights};

/// The largest size of an example, and the most classes, that a checkpoint may claim. Shapes made of such numbers can be counted in 64 bits.
const LARGEST: usize = 1 << 20;

/// Which checkpoint of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The newest one.
    Latest,
    /// The one with the best metric.
    Best,
    /// The one of this step.
    Step(u64),
}

/// A model as a checkpoint has it. Where the recipe keeps a moving average of the weights, these are the weights.
pub struct TrainedModel {
    /// The recipe it was trained by.
    pub recipe: Recipe,
    /// The model.
    pub model: Model,
    /// Its weights.
    pub parameters: Parameters<f32>,
    /// Its tokens.
    pub symbols: Symbols,
    /// What its images are standardised by, if it reads some and the checkpoint says it.
    pub standard: Option<Standard>,
    /// Steps it was trained for.
    pub step: u64,
    /// What loading the checkpoint found that should be known.
    pub warnings: Vec<String>,
}

impl TrainedModel {
    /// Loads a checkpoint of the run in `dir`. Needs no data and no lock; a `strict` load takes nothing but what was asked for.
    ///
    /// # Errors
    /// [`TrainError`]: no run there, no such checkpoint, or one that is damaged.
    ///
    /// # Example
    /// ```no_run
    /// use anther_train::generate::Sampling;
    /// use anther_train::trained::{TrainedModel, Which};
    /// let model = TrainedModel::load("runs/shakespeare-1".as_ref(), Which::Best, true)?;
    /// let sampling = Sampling { temperature: 0.8, top_k: 40, ..Sampling::default() };
    /// model.generate("ROMEO:", 200, &sampling, 1, &mut |text| print!("{text}"))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn load(dir: &Path, which: Which, strict: bool) -> Result<Self, TrainError> {
        let store = RunDir::open(dir)?.store();
        let loaded = match which {
            Which::Latest => store.load_latest(strict),
            Which::Best => store.load_best(),
            Which::Step(step) => store.load_step(step),
        }?;
        let origin = format!("the recipe of {}", dir.display());
        let recipe = Recipe::read_of_model(&loaded.recipe, &origin, &[] as &[&str])?;
        let symbols = symbols(dir, &recipe, &loaded)?;
        let standard = restored_standard(&loaded.extra);
        let standard = standard.map_err(|reason| TrainError::Mismatch { run: dir.to_path_buf(), reason })?;
        let standard = standard.or_else(|| recipe.data.standard());
        let mut set = ParamSet::new();
        let config = symbols.form().applied_to(&recipe.model);
        let model = Model::define(&mut set.root(), &config, |width| fixed_vectors(&recipe, width))?;
        check_size(dir, &set, &loaded)?;
        let mut parameters = Parameters::initialise(&set, recipe.train.seed);
        let model = model.frozen_at(&parameters);
        restore_weights(dir, &mut parameters, &loaded)?;
        let Loaded { step, warnings, .. } = loaded;
        Ok(TrainedModel { model, parameters, symbols, standard, step, warnings, recipe })
    }

    /// The same model with its weights held in this precision: in bf16 a token costs half the memory traffic, and its scores change as the weights
    /// do, by up to 2⁻⁸ of each.
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        TrainedModel { parameters: self.parameters.with_precision(precision), ..self }
    }

    /// The same model with its weights packed once for all products with some hundred rows, such as those of [`translate`](Self::translate): see
    /// [`Parameters::with_packed_weights`].
    #[must_use]
    pub fn with_packed_weights(self) -> Self {
        TrainedModel { parameters: self.parameters.with_packed_weights(), ..self }
    }

    /// The model once more, with all layers dense but for what the scope makes of them.
    pub(crate) fn define(&self, scope: &mut Scope<'_>) -> Result<Model, LearnError> {
        let config = self.symbols.form().applied_to(&self.recipe.model.without_chains());
        Model::define(scope, &config, |width| fixed_vectors(&self.recipe, width))
    }

    /// Measures the model on the evaluation of its recipe; also says what the task is judged by.
    ///
    /// # Errors
    /// [`TrainError`] if the data cannot be used or have other tokens than the model.
    pub fn evaluate(&self, data: &DataDir) -> Result<(Metric, Evaluation), TrainError> {
        let task = self.task(data)?;
        Ok((task.metric(), self.measure(&*task)?))
    }

    /// Measures the model on the evaluation of its [task](Self::task), which costs reading the data once for several measurements.
    ///
    /// # Errors
    /// [`TrainError`] if the data cannot give the batches.
    pub fn measure(&self, task: &dyn Task) -> Result<Evaluation, TrainError> {
        self.measured(&task.evaluation())
    }

    /// Measures a causal language model on a whole part of its text; see [`Protocol`].
    ///
    /// # Errors
    /// [`TrainError`] if the data cannot be used or have no such part, if the model does not go on with text, or if the protocol does not fit its context.
    pub fn perplexity(&self, data: &DataDir, split: TextSplit, protocol: Protocol) -> Result<Perplexity, TrainError> {
        let refuse = |reason: String| Err(TrainError::Data { reason });
        let Some(model) = self.model.causal_lm().filter(|_| self.recipe.data.task == TaskKind::Text) else {
            return refuse("perplexity of a text needs a causal language model that was trained on text".to_owned());
        };
        let context = model.config().context;
        match protocol {
            Protocol::Sliding { stride } if !(1..=context).contains(&stride) => {
                return refuse(format!("a stride of {stride} tokens is not between 1 and the context of {context}"));
            }
            Protocol::Paper2Overlap if context < 2 => {
                return refuse("half a context of one token is none; the protocol needs two".to_owned());
            }
            _ => {}
        }
        let part = TextPart::read(&self.recipe.data, data, &self.symbols, split)?;
        if protocol.windows(part.tokens.len(), context).is_empty() {
            let tokens = part.tokens.len();
            return refuse(format!("the text has {tokens} tokens, too few for one window of a context of {context}"));
        }
        Ok(Perplexity::measure(&self.model, &self.parameters, &part, protocol))
    }

    /// Measures a masked language model on all blocks of a part of its text, with the masks of every evaluation.
    ///
    /// # Errors
    /// [`TrainError`] if the data cannot be used or have no such part, or for a model of another task.
    pub fn masked_evaluation(&self, data: &DataDir, split: TextSplit) -> Result<Evaluation, TrainError> {
        let batches = MaskedTextTraining::whole_part(&self.recipe, data, &self.symbols, split)?;
        self.measured(&batches)
    }

    /// Measures the model on the test part of its [task](Self::task), if there is one beside what the evaluation is made of.
    ///
    /// # Errors
    /// [`TrainError`] if the data cannot give the batches.
    pub fn test(&self, task: &dyn Task) -> Result<Option<Evaluation>, TrainError> {
        task.test().map(|batches| self.measured(&batches)).transpose()
    }

    fn measured(&self, batches: &Batches<'_>) -> Result<Evaluation, TrainError> {
        Ok(Evaluation::measure(&self.model, &self.parameters, batches)?)
    }

    /// The first sequence that the model is evaluated on to predict: as many tokens as it reads at once.
    ///
    /// # Errors
    /// [`TrainError`] if the data cannot be used or have other tokens than the model.
    pub fn passage(&self, data: &DataDir) -> Result<Vec<u32>, TrainError> {
        let task = self.task(data)?;
        let first = task.evaluation().iter().next().transpose()?;
        let predicted = first.as_ref().and_then(|batch| batch.predicted());
        Ok(predicted.map_or(Vec::new(), |batch| batch.inputs[..batch.context].to_vec()))
    }

    /// What the attention of each block looks at when the model reads these tokens, at most as many as it reads at once; the first block first. See
    /// [`CausalLm::attention_maps`](anther_transformer::CausalLm::attention_maps). Nothing for a model that is no causal language model.
    ///
    /// # Panics
    /// If there are more tokens, or one that the model does not have.
    #[must_use]
    pub fn attention_maps(&self, tokens: &[u32]) -> Vec<AttentionMap<f32>> {
        let ids = Ids::new([1, tokens.len()], tokens.to_vec());
        let model = self.model.causal_lm();
        model.map_or(Vec::new(), |model| model.attention_maps(&Tape::inference(&self.parameters), &ids))
    }

    /// The task of the recipe.
    ///
    /// # Errors
    /// [`TrainError`] if the data cannot be used or have other tokens than the model.
    pub fn task(&self, data: &DataDir) -> Result<Box<dyn Task>, TrainError> {
        let task = task::of_recipe(&self.recipe, data)?;
        if *task.symbols() == self.symbols {
            return Ok(task);
        }
        let reason =
            "the data have other characters, tokens, sizes or classes than those the model was trained on; restore them"
                .to_owned();
        Err(TrainError::Data { reason })
    }
}

/// The fixed vectors of the tokens of a recipe that has some; needs no data.
pub(crate) fn fixed_vectors(recipe: &Recipe, width: usize) -> Result<Tensor<f64>, TaskError> {
    match recipe.data.task {
        TaskKind::Nt => NtTraining::new(recipe)?.fixed_embedding(width),
        _ => Err(TaskError::Kind),
    }
}

/// The tokens of a checkpoint.
fn symbols(dir: &Path, recipe: &Recipe, loaded: &Loaded) -> Result<Symbols, TrainError> {
    let mismatch = |reason| TrainError::Mismatch { run: dir.to_path_buf(), reason };
    let symbols = Symbols::restored(recipe, &loaded.extra).map_err(mismatch)?;
    if let Form::Examples { form, classes } = symbols.form() {
        let [a, b, c] = match form {
            ExampleForm::Images { shape } => shape,
            ExampleForm::Series { channels, longest } => [channels, longest, 1],
            ExampleForm::Tokens { vocabulary, longest } => [vocabulary, longest, 1],
        };
        if let Some(size) = [classes, a, b, c].into_iter().find(|&size| size > LARGEST) {
            return Err(mismatch(format!(
                "it claims classes or examples of a size of {size}, more than {LARGEST}; use another checkpoint"
            )));
        }
    }
    Ok(symbols)
}

/// Refuses parameters that are more than the numbers of the checkpoint that they are to hold, before there is memory for them: a recipe that was
/// exchanged can ask for more than any machine has.
fn check_size(dir: &Path, set: &ParamSet, loaded: &Loaded) -> Result<(), TrainError> {
    let made = set.specs().iter().fold(0_usize, |sum, spec| sum.saturating_add(spec.shape.numel()));
    let found = loaded.tensors.iter().map(|tensor| tensor.data.len()).sum::<usize>();
    if made <= found {
        return Ok(());
    }
    let reason =
        format!("its recipe makes a model of {made} numbers, but it has {found}; use the recipe it was saved with");
    Err(TrainError::Mismatch { run: dir.to_path_buf(), reason })
}
