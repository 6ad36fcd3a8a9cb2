//! What a model costs: parameters, floating-point operations, memory.

use anther_tensor::{Element, Ids, Parameters, Randomness, Shape, Tape, Tensor, Var};

use crate::causal_lm::CausalLm;
use crate::classifier::{Classifier, ExampleForm, Examples};
use crate::encoder_decoder::{EncoderDecoder, Sentences};
use crate::masked_lm::MaskedLm;

/// How many times the products of a forward pass a training step costs: the backward pass has two products for each. What `train.recompute` runs a second time
/// is not counted, as is usual.
pub const TRAINING_COST: u64 = 3;

/// One parameter in a [`ModelSummary`].
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterRow {
    /// Dotted name.
    pub name: String,
    /// Shape.
    pub shape: Shape,
}

/// Parameters, operations and memory of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelSummary {
    /// Every parameter in definition order, without running statistics.
    pub rows: Vec<ParameterRow>,
    /// Number of scalar parameters.
    pub parameters: usize,
    /// Bytes of the parameters in `f32`.
    pub parameter_bytes: usize,
    /// Floating-point operations of a forward pass at full context, divided by the tokens that it predicts (of an encoder–decoder, those of the target; of a classifier, all
    /// that its blocks see).
    /// Products only; training costs [`TRAINING_COST`] times as much.
    pub forward_flops_per_token: u64,
    /// The most bytes of tensors that are alive at once in a training step of the given batch, beside parameters, gradients and
    /// optimiser state.
    pub activation_bytes: usize,
}

/// A model that can be trained for a step on nothing, to see what that takes.
pub trait Measure {
    /// The loss of `batch` sequences of zeros, at full context.
    fn trial<'t>(&self, tape: &'t Tape<f32>, batch: usize) -> Var<'t, f32>;

    /// The most tokens of a sequence.
    fn context(&self) -> usize;
}

impl Measure for CausalLm {
    fn trial<'t>(&self, tape: &'t Tape<f32>, batch: usize) -> Var<'t, f32> {
        let ids = zeros(batch, self.context());
        self.loss(tape, &ids, &ids, None, 0.0)
    }

    fn context(&self) -> usize {
        self.config().context
    }
}

impl Measure for MaskedLm {
    fn trial<'t>(&self, tape: &'t Tape<f32>, batch: usize) -> Var<'t, f32> {
        let ids = zeros(batch, self.context());
        // About as many places as are hidden in training.
        let weights = Tensor::from_fn([batch, self.context()], |place| if place % 7 == 0 { 1.0 } else { 0.0 });
        self.loss(tape, &ids, &ids, Some(&weights), 0.0)
    }

    fn context(&self) -> usize {
        self.config().context
    }
}

impl Measure for EncoderDecoder {
    fn trial<'t>(&self, tape: &'t Tape<f32>, batch: usize) -> Var<'t, f32> {
        let ids = zeros(batch, self.context());
        let sentences = Sentences::whole(ids.clone());
        self.loss(tape, &sentences, &sentences, &ids, None, 0.0)
    }

    fn context(&self) -> usize {
        self.config().context
    }
}

impl Measure for Classifier {
    fn trial<'t>(&self, tape: &'t Tape<f32>, batch: usize) -> Var<'t, f32> {
        let examples = match self.config().form {
            ExampleForm::Images { shape: [channels, rows, columns] } => {
                Examples::images(Tensor::zeros([batch, channels, rows, columns]))
            }
            ExampleForm::Series { channels, longest } => {
                Examples::series(Tensor::zeros([batch, longest, channels]), vec![longest; batch])
            }
            ExampleForm::Tokens { longest, .. } => Examples::tokens(zeros(batch, longest), vec![longest; batch]),
        };
        self.loss(tape, &examples, &Ids::new([batch], vec![0; batch]), None, 0.0)
    }

    /// The tokens that its blocks see of the longest example.
    fn context(&self) -> usize {
        self.config().positions()
    }
}

fn zeros(batch: usize, length: usize) -> Ids {
    Ids::new([batch, length], vec![0; batch * length])
}

impl ModelSummary {
    /// Measures a model by running one training step on a batch of zeros at full context.
    ///
    /// Nothing else may use tensors meanwhile. Buffers are counted as the pool hands them out, up to an eighth larger than
    /// the tensors; what products pack their operands into is not counted.
    pub fn measure(model: &impl Measure, parameters: &Parameters<f32>, batch: usize) -> Self {
        let pool = f32::pool();
        let before = pool.live_bytes();
        pool.reset_peak();
        let tape = Tape::training(parameters, Randomness { seed: 0, step: 0 });
        let loss = model.trial(&tape, batch);
        let flops = tape.flops();
        tape.backward(&loss, None, &mut parameters.gradients());
        let rows: Vec<_> = parameters
            .ids()
            .map(|id| parameters.spec(id))
            .filter(|spec| spec.trained)
            .map(|spec| ParameterRow { name: spec.name.clone(), shape: spec.shape })
            .collect();
        ModelSummary {
            rows,
            parameters: parameters.count(),
            parameter_bytes: parameters.count() * size_of::<f32>(),
            forward_flops_per_token: flops / (batch * model.context()).max(1) as u64,
            activation_bytes: pool.peak_bytes().saturating_sub(before),
        }
    }
}
