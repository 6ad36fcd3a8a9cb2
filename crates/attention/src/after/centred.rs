//! Centred attention (Ali, Galanti and Wolf, arXiv 2306.01610).
//!
//! ```text
//! y_i = Σ_j a_ij v_j − γ · 1/n_i Σ_{j ∈ S(i)} v_j
//! ```
//!
//! With S(i) the n_i keys that query i sees and γ = 1 the rows of the operator sum to 0, which works against tokens becoming alike with depth;
//! γ = 0 is attention without it. Cost length·d a head.
//!
//! That one term centres the output of the softmax is from the abstract and a summary of it. The form under a mask, the mean of the values that a
//! query *sees*, is derived, and the gain γ is ours. Under a causal mask the first token attends to itself alone and gets zeros, so the layer
//! needs its residual.

use anther_tensor::{Element, Init, ParamId, Scope, Var};
use serde::{Deserialize, Serialize};

use crate::sight::{Sight, Statistics};

/// Settings of centred attention.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CentredConfig {
    /// γ; with `learned` its first value.
    pub gain: f64,
    /// Whether each head learns its γ.
    pub learned: bool,
}

impl Default for CentredConfig {
    fn default() -> Self {
        CentredConfig { gain: 1.0, learned: false }
    }
}

/// The correction of one layer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Centred {
    gain: f64,
    learned: Option<ParamId>,
}

impl Centred {
    /// With the parameter `centring_gain` `[heads]` if γ is learned.
    pub(super) fn new(scope: &mut Scope<'_>, config: &CentredConfig, heads: usize) -> Self {
        let &CentredConfig { gain, learned } = config;
        Centred { gain, learned: learned.then(|| scope.param("centring_gain", [heads], Init::Constant(gain))) }
    }

    /// Corrects what queries gathered, `[batch, heads, queries, d]`, given statistics of the values. `sight` is that of the queries.
    #[track_caller]
    pub(super) fn correct<'t, T: Element>(
        &self,
        mixed: &Var<'t, T>,
        values: &Statistics<'_, 't, T>,
        sight: &Sight,
    ) -> Var<'t, T> {
        let mean = values.mean(mixed.shape()[1], mixed.shape()[2]);
        let correction = match self.learned {
            Some(gain) => mean * sight.per_head(mixed.tape(), gain),
            None => mean.scale(self.gain),
        };
        mixed - correction
    }
}
