//! Attention-BN: attention whose layer is batch-normalised (Nguyen et al., ICLR 2023, arXiv 2406.13781).
//!
//! With μ and σ² the mean and the biased variance, coordinate by coordinate, of the keys that query i sees:
//!
//! ```text
//! s_ij = ((q_i − βμ_i) ⊙ r_i)ᵀ ((k_j − βμ_i) ⊙ r_i) / √d        r_i = (σ²_i + ε)^(−1/2), or 1 without `scale`
//! ```
//!
//! What does not depend on j cancels in the softmax, so this is ordinary attention with a shifted query and keys as they are, exactly:
//!
//! ```text
//! q̃_i = (q_i − βμ_i) ⊙ r_i²
//! ```
//!
//! Cost length·d a head beside the attention itself. "Batch" means the tokens of one sequence: there are no running averages, training and inference
//! are the same, and another sequence of the batch changes nothing. The gradient flows through the statistics.
//!
//! The text of the paper was not at hand: the definition is recalled, β less surely than the rest (there a constant, chosen for each task), and
//! that centring without `scale` is enough is recalled too. ε is that of batch normalisation elsewhere. The forms under a causal mask, under a window
//! and with padding are ours: statistics of what the query sees, because those of the whole sequence would show it the future. With `scale`
//! a query that sees few keys divides by a variance near 0.

use anther_tensor::{Element, Init, KeySpans, ParamId, Scope, Var};
use serde::{Deserialize, Serialize};

use crate::statistics::{span_mean, span_variance};

/// Settings of Attention-BN.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BatchNormConfig {
    /// β: how much of the mean is taken away; with `learned` its first value.
    pub beta: f64,
    /// Whether each head learns its β.
    pub learned: bool,
    /// Whether coordinates are divided by their standard deviation.
    pub scale: bool,
    /// The ε beside the variance.
    pub eps: f64,
}

impl Default for BatchNormConfig {
    fn default() -> Self {
        BatchNormConfig { beta: 1.0, learned: false, scale: false, eps: 1e-5 }
    }
}

/// The query shift of one layer.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchNorm {
    beta: f64,
    learned: Option<ParamId>,
    scale: bool,
    eps: f64,
}

impl BatchNorm {
    /// With the parameter `bn_beta` `[heads]` if β is learned.
    pub(super) fn new(scope: &mut Scope<'_>, config: &BatchNormConfig, heads: usize) -> Self {
        let &BatchNormConfig { beta, learned, scale, eps } = config;
        let learned = learned.then(|| scope.param("bn_beta", [heads], Init::Constant(beta)));
        BatchNorm { beta, learned, scale, eps }
    }

    /// q̃ from queries `[batch, heads, queries, d]` and all keys `[batch, heads, keys, d]`.
    #[track_caller]
    pub(super) fn shift<'t, T: Element>(
        &self,
        queries: &Var<'t, T>,
        keys: &Var<'t, T>,
        spans: Option<&KeySpans>,
    ) -> Var<'t, T> {
        let [_, heads, length, _] = *queries.shape() else { unreachable!("heads have four axes") };
        let mean = span_mean(keys, spans, length);
        let shift = match self.learned {
            Some(beta) => mean * queries.param(beta).reshape([heads, 1, 1]),
            None => mean.scale(self.beta),
        };
        let shifted = queries - shift;
        if self.scale { shifted / span_variance(keys, spans, length).affine(1.0, self.eps) } else { shifted }
    }
}
