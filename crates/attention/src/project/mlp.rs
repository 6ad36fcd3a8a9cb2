//! Projections by small networks (Zhang, arXiv 2310.11398).
//!
//! ```text
//! u = W₁ x + b₁          W₁ [hidden, width], hidden = 2 · width
//! u = LayerNorm(u)       if `norm`; scale and shift [hidden], ε = 10⁻⁵
//! y = W₂ f(u) + b₂       W₂ [width, hidden], f = ReLU
//! ```
//!
//! The network sees one token at a time and the whole width of it: it is not a network per head, and it caches like a linear map. The abstract
//! speaks of queries, keys and values; the released code, which these formulas are read from (the text of the paper was not at hand), has two
//! different modifications, and neither is that one:
//!
//! - [`MlpConfig::marian`]: query, key *and output* with LayerNorm, value linear.
//! - [`MlpConfig::roberta`]: query, key and value without LayerNorm, output linear.
//! - [`MlpConfig::qkv`]: query, key and value with LayerNorm, which is our reading of the abstract.
//!
//! Cost 2·2·width·hidden a token for each network instead of 2·width². The marian form has 13·width² + 22·width parameters, a linear layer 4·width² +
//! 4·width, so a comparison needs controls: [`MlpActivation::None`] (two linear layers, the same parameters, no more expressive than one),
//! [`Project::matched_feed_forward`](super::Project::matched_feed_forward) (a plain model whose feed-forward block has them), and
//! `hidden = width`.
//!
//! Parameters are numbered as in a PyTorch `Sequential`: `q_proj.0`, `q_proj.1` (the norm), `q_proj.3`; without a norm `q_proj.0`, `q_proj.2`.
//! The matrices of a network share one initialiser, but for the last one of an output network, which has that of output projections; variance 1/width keeps
//! the variance of activations for ReLU and `hidden` = 2 · width.

use anther_tensor::layers::{LayerNorm, Linear};
use anther_tensor::{Element, Init, Residual, Scope, Unary, Var};
use serde::{Deserialize, Serialize};

/// The ε of the LayerNorm, that of the released code.
const EPS: f64 = 1e-5;

/// One of the four maps of an attention layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Tokens to queries.
    Query,
    /// Tokens to keys.
    Key,
    /// Tokens to values.
    Value,
    /// Merged heads to the residual stream.
    Output,
}

/// What is between the two layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MlpActivation {
    /// max(u, 0), as in the released code.
    #[default]
    Relu,
    /// u Φ(u), for comparison.
    Gelu,
    /// Nothing: the control with the same parameters that is one linear map.
    None,
}

/// Settings of projections by networks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MlpConfig {
    /// The maps that are networks; the others are linear.
    pub maps: Vec<Role>,
    /// Whether there is a LayerNorm before the activation.
    pub norm: bool,
    /// Width between the two layers; without it twice the width of the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden: Option<usize>,
    /// What is between the two layers.
    pub activation: MlpActivation,
}

impl Default for MlpConfig {
    fn default() -> Self {
        MlpConfig::marian()
    }
}

impl MlpConfig {
    /// As in the released translation model.
    pub fn marian() -> Self {
        let maps = vec![Role::Query, Role::Key, Role::Output];
        MlpConfig { maps, norm: true, hidden: None, activation: MlpActivation::Relu }
    }

    /// As in the released masked language model.
    pub fn roberta() -> Self {
        MlpConfig { norm: false, ..MlpConfig::qkv() }
    }

    /// As the abstract says, with LayerNorm.
    pub fn qkv() -> Self {
        MlpConfig { maps: vec![Role::Query, Role::Key, Role::Value], ..MlpConfig::marian() }
    }
}

/// The network.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mlp {
    first: Linear,
    norm: Option<LayerNorm>,
    activation: Option<Unary>,
    last: Linear,
}

impl Mlp {
    /// A network whose last matrix has an initialiser of its own.
    pub(super) fn new(
        scope: &mut Scope<'_>,
        config: &MlpConfig,
        width: usize,
        bias: bool,
        init: Init,
        last_init: Init,
    ) -> Self {
        let hidden = config.hidden.unwrap_or(2 * width);
        let activation = match config.activation {
            MlpActivation::Relu => Some(Unary::Relu),
            MlpActivation::Gelu => Some(Unary::Gelu),
            MlpActivation::None => None,
        };
        // The places of a PyTorch Sequential, in which an activation counts.
        let place = 1 + usize::from(config.norm) + usize::from(activation.is_some());
        Mlp {
            first: Linear::with_init(&mut scope.child(0), width, hidden, bias, init),
            norm: config.norm.then(|| LayerNorm::new(&mut scope.child(1), hidden, EPS)),
            activation,
            last: Linear::with_init(&mut scope.child(place), hidden, width, bias, last_init),
        }
    }

    /// `[.., width] → [.., width]`, plus `residual` if there is one.
    #[track_caller]
    pub(super) fn forward<'t, T: Element>(&self, x: &Var<'t, T>, residual: Option<Residual<'_, 't, T>>) -> Var<'t, T> {
        let mut u = match (self.norm, self.activation) {
            (None, Some(f)) if !x.tape().is_recording() => {
                return finish(&self.last, &self.first.forward_activated(x, f), residual);
            }
            _ => self.first.forward(x),
        };
        if let Some(norm) = &self.norm {
            u = norm.forward(&u);
        }
        match self.activation {
            Some(f) => self.last.forward_of(f, &u, residual),
            None => finish(&self.last, &u, residual),
        }
    }
}

/// A linear map, added to `residual` if there is one.
#[track_caller]
pub(super) fn finish<'t, T: Element>(
    layer: &Linear,
    x: &Var<'t, T>,
    residual: Option<Residual<'_, 't, T>>,
) -> Var<'t, T> {
    match residual {
        Some(residual) => layer.forward_residual(x, residual),
        None => layer.forward(x),
    }
}
