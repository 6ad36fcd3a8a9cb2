//! From hidden states to logits, and to their loss.

use anther_attention::ConfigError;
use anther_tensor::layers::Linear;
use anther_tensor::{Element, Ids, Init, ParamId, Parameters, Scope, Tape, Tensor, Var, Weight};

use super::config::{EncoderDecoderConfig, OutputKind};

/// The last layer.
#[derive(Clone, Debug)]
pub(super) enum Output {
    /// `lm_head`, with a bias.
    Dense(Linear),
    /// The table of the target, and a bias if there is one.
    Tied(Weight, Option<ParamId>),
    /// A copy of this table, once it has been taken.
    Frozen(Weight, Option<Tensor<f64>>),
}

impl Output {
    /// `table` is that of the target, if it has one.
    pub(super) fn new(
        scope: &mut Scope<'_>,
        config: &EncoderDecoderConfig,
        table: Option<Weight>,
    ) -> Result<Self, ConfigError> {
        let table =
            || table.ok_or_else(|| ConfigError::new("model.output", "there is no table to tie to; use \"dense\""));
        Ok(match config.output {
            OutputKind::Dense => {
                let init = config.decoder_block().weight_init(config.width);
                let (width, tokens) = (config.width, config.target_vocabulary);
                Output::Dense(Linear::with_init(&mut scope.child("lm_head"), width, tokens, true, init))
            }
            OutputKind::Tied => {
                let bias =
                    |scope: &mut Scope<'_>| scope.param("final_logits_bias", [config.target_vocabulary], Init::Zeros);
                Output::Tied(table()?, config.output_bias.then(|| bias(scope)))
            }
            OutputKind::Frozen => Output::Frozen(table()?, None),
        })
    }

    /// Takes the copy that a frozen output is.
    pub(super) fn freeze<T: Element>(&mut self, parameters: &Parameters<T>) {
        if let Output::Frozen(table, copy) = self {
            *copy = Some(Tape::inference(parameters).weight(*table).value().cast());
        }
    }

    /// The matrix `[tokens, width]` and the bias.
    #[track_caller]
    fn weights<'t, T: Element>(&self, x: &Var<'t, T>) -> (Var<'t, T>, Option<Var<'t, T>>) {
        match self {
            Output::Dense(layer) => (x.weight(layer.weight), layer.bias.map(|bias| x.param(bias))),
            Output::Tied(table, bias) => (x.weight(*table), bias.map(|bias| x.param(bias))),
            Output::Frozen(_, copy) => {
                let copy = copy.as_ref().expect("a frozen output has no values yet; give it some with `frozen_at`");
                (x.tape().constant(copy.cast()), None)
            }
        }
    }

    /// Logits `[.., tokens]`.
    #[track_caller]
    pub(super) fn logits<'t, T: Element>(&self, hidden: &Var<'t, T>) -> Var<'t, T> {
        if let Output::Dense(layer) = self {
            return layer.forward(hidden);
        }
        let (matrix, bias) = self.weights(hidden);
        hidden.linear(&matrix, bias.as_ref(), None)
    }

    /// The loss, as [`Var::cross_entropy`] has it, without holding the logits.
    #[track_caller]
    pub(super) fn loss<'t, T: Element>(
        &self,
        hidden: &Var<'t, T>,
        targets: &Ids,
        weights: Option<&Tensor<T>>,
        smoothing: f64,
    ) -> Var<'t, T> {
        let (matrix, bias) = self.weights(hidden);
        hidden.linear_cross_entropy(&matrix, bias.as_ref(), targets, weights, smoothing)
    }
}
