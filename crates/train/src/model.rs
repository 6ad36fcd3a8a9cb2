//! The models that a run can train, behind one name.

use anther_tensor::{ParamSet, Parameters, Scope, Tape, Tensor, Var};
use anther_transformer::{CausalLm, CausalLmConfig, Classifier, EmbeddingKind, EncoderDecoder, MaskedLm, Measure};

use crate::batch::{Inputs, Mixed, Part};
use crate::form::Form;
use crate::learner::LearnError;
use crate::recipe::ModelConfig;
use crate::task::TaskError;

/// A model of one of the kinds that a recipe can ask for.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a process has one or two models")]
pub enum Model {
    /// Predicts each token of a sequence from those before it.
    CausalLm(CausalLm),
    /// Predicts a sequence from another one.
    EncoderDecoder(EncoderDecoder),
    /// Guesses hidden tokens of a sequence.
    MaskedLm(MaskedLm),
    /// Tells the class of an example.
    Classifier(Classifier),
}

impl Model {
    /// The model of a configuration for data of this form, with its first parameters. `fixed` gives the fixed vectors of the tokens for a width, if the
    /// configuration asks for them.
    ///
    /// # Errors
    /// [`LearnError::Config`] if the configuration does not fit the data, [`LearnError::Task`] from `fixed`.
    pub fn build(
        config: &ModelConfig,
        form: Form,
        fixed: impl FnOnce(usize) -> Result<Tensor<f64>, TaskError>,
        seed: u64,
    ) -> Result<(Self, Parameters<f32>), LearnError> {
        let mut set = ParamSet::new();
        let model = Model::define(&mut set.root(), &form.applied_to(config), fixed)?;
        let parameters = Parameters::initialise(&set, seed);
        Ok((model.frozen_at(&parameters), parameters))
    }

    /// The model of a configuration that knows its data, with its parameters in `scope`; see [`Model::build`].
    ///
    /// # Errors
    /// As [`Model::build`].
    pub fn define(
        scope: &mut Scope<'_>,
        config: &ModelConfig,
        fixed: impl FnOnce(usize) -> Result<Tensor<f64>, TaskError>,
    ) -> Result<Self, LearnError> {
        Ok(match config {
            ModelConfig::CausalLm(config) => {
                config.validate()?;
                Model::CausalLm(causal_lm(config, scope, fixed)?)
            }
            ModelConfig::EncoderDecoder(config) => Model::EncoderDecoder(EncoderDecoder::new(scope, config)?),
            ModelConfig::MaskedLm(config) => Model::MaskedLm(MaskedLm::new(scope, config)?),
            ModelConfig::Classifier(config) => Model::Classifier(Classifier::new(scope, config)?),
        })
    }

    /// The same model with first parameters that a frozen output copies; see [`EncoderDecoder::frozen_at`].
    #[must_use]
    pub fn frozen_at(self, parameters: &Parameters<f32>) -> Self {
        match self {
            Model::EncoderDecoder(model) => Model::EncoderDecoder(model.frozen_at(parameters)),
            model @ (Model::CausalLm(_) | Model::MaskedLm(_) | Model::Classifier(_)) => model,
        }
    }

    /// The same model, which computes each block a second time in the backward pass if `recompute` is true; see [`CausalLm::recomputing`].
    #[must_use]
    pub fn recomputing(self, recompute: bool) -> Self {
        match self {
            Model::CausalLm(model) => Model::CausalLm(model.recomputing(recompute)),
            Model::EncoderDecoder(model) => Model::EncoderDecoder(model.recomputing(recompute)),
            Model::MaskedLm(model) => Model::MaskedLm(model.recomputing(recompute)),
            Model::Classifier(model) => Model::Classifier(model.recomputing(recompute)),
        }
    }

    /// The causal language model, if it is one.
    #[must_use]
    pub fn causal_lm(&self) -> Option<&CausalLm> {
        match self {
            Model::CausalLm(model) => Some(model),
            Model::EncoderDecoder(_) | Model::MaskedLm(_) | Model::Classifier(_) => None,
        }
    }

    /// The encoder–decoder, if it is one.
    #[must_use]
    pub fn encoder_decoder(&self) -> Option<&EncoderDecoder> {
        match self {
            Model::CausalLm(_) | Model::MaskedLm(_) | Model::Classifier(_) => None,
            Model::EncoderDecoder(model) => Some(model),
        }
    }

    /// Whether it tells the class of an example.
    #[must_use]
    pub fn tells_classes(&self) -> bool {
        matches!(self, Model::Classifier(_))
    }

    /// The number of tokens or classes that it predicts one of.
    #[must_use]
    pub fn vocabulary(&self) -> usize {
        match self {
            Model::CausalLm(model) => model.config().vocab_size,
            Model::EncoderDecoder(model) => model.config().target_vocabulary,
            Model::MaskedLm(model) => model.config().vocab_size,
            Model::Classifier(model) => model.config().classes,
        }
    }

    /// The mean cross-entropy of a part of a batch, in nats a counted target; of mixed examples, the mean of those of both classes, weighted by their shares.
    ///
    /// # Panics
    /// If the part does not fit the model.
    #[track_caller]
    pub fn loss<'t>(&self, tape: &'t Tape<f32>, part: &Part, smoothing: f64) -> Var<'t, f32> {
        let (targets, weights) = (&part.targets, Some(&part.weights));
        match (self, &part.inputs) {
            (Model::CausalLm(model), Inputs::Sequences(inputs)) => {
                model.loss(tape, inputs, targets, weights, smoothing)
            }
            (Model::EncoderDecoder(model), Inputs::Pairs { source, inputs }) => {
                model.loss(tape, source, inputs, targets, weights, smoothing)
            }
            (Model::MaskedLm(model), Inputs::Sequences(inputs)) => {
                model.loss(tape, inputs, targets, weights, smoothing)
            }
            (Model::Classifier(model), Inputs::Examples { examples, mixed }) => {
                let logits = model.logits(tape, examples);
                let first = logits.cross_entropy(targets, weights, smoothing);
                match mixed {
                    None => first,
                    Some(Mixed { second, share }) => {
                        first.scale(*share) + logits.cross_entropy(second, weights, smoothing).scale(1.0 - share)
                    }
                }
            }
            _ => panic!("{MISFIT}"),
        }
    }

    /// The logits of a part of a batch, `[rows, context, tokens]`, or `[rows, classes]`.
    ///
    /// # Panics
    /// If the part does not fit the model.
    #[track_caller]
    pub fn logits<'t>(&self, tape: &'t Tape<f32>, part: &Part) -> Var<'t, f32> {
        match (self, &part.inputs) {
            (Model::CausalLm(model), Inputs::Sequences(inputs)) => model.logits(tape, inputs),
            (Model::EncoderDecoder(model), Inputs::Pairs { source, inputs }) => model.logits(tape, source, inputs),
            (Model::MaskedLm(model), Inputs::Sequences(inputs)) => model.logits(tape, inputs),
            (Model::Classifier(model), Inputs::Examples { examples, .. }) => model.logits(tape, examples),
            _ => panic!("{MISFIT}"),
        }
    }
}

/// A valid recipe has the kind of model that its task needs, so this is a task of a program's own.
const MISFIT: &str = "a language model takes sequences, an encoder-decoder pairs and a classifier examples, but the task gives another kind";

impl Measure for Model {
    fn trial<'t>(&self, tape: &'t Tape<f32>, batch: usize) -> Var<'t, f32> {
        match self {
            Model::CausalLm(model) => model.trial(tape, batch),
            Model::EncoderDecoder(model) => model.trial(tape, batch),
            Model::MaskedLm(model) => model.trial(tape, batch),
            Model::Classifier(model) => model.trial(tape, batch),
        }
    }

    fn context(&self) -> usize {
        match self {
            Model::CausalLm(model) => model.context(),
            Model::EncoderDecoder(model) => model.context(),
            Model::MaskedLm(model) => model.context(),
            Model::Classifier(model) => model.context(),
        }
    }
}

fn causal_lm(
    config: &CausalLmConfig,
    scope: &mut Scope<'_>,
    fixed: impl FnOnce(usize) -> Result<Tensor<f64>, TaskError>,
) -> Result<CausalLm, LearnError> {
    Ok(match config.embedding {
        EmbeddingKind::Learned | EmbeddingKind::HSoftpos => CausalLm::new(scope, config)?,
        EmbeddingKind::Fixed => {
            let table = fixed(config.width)?;
            CausalLm::with_fixed_embedding(scope, config, table)?
        }
    })
}
