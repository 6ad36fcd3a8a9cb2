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
//! Linear attention sees a shift of all scores of a query, so there both sides are normalised, q̂ = (q − βμ) ⊙ r and k̂ = (k − βμ) ⊙ r. Then
//! keys depend on the statistics, and all queries of a sequence must see the same keys: a causal mask has no such form with a running state.
//!
//! The text of the paper was not at hand: the definition is recalled, β less surely than the rest (there a constant, chosen for each task), and
//! that centring without `scale` is enough is recalled too. ε is that of batch normalisation elsewhere. The forms under a causal mask, under a window
//! and with padding are ours: statistics of what the query sees, because those of the whole sequence would show it the future. With `scale`
//! a query that sees few keys divides by a variance near 0.

use anther_tensor::{Element, Init, KeySpans, ParamId, Scope, Var};
use serde::{Deserialize, Serialize};

use crate::project::repeat_heads;
use crate::sight::{Sight, Statistics};

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

    /// Whether it asks for the variance of the keys.
    pub(super) fn scales(&self) -> bool {
        self.scale
    }

    /// q̃ from queries `[batch, heads, queries, d]` and statistics of the keys. `sight` is that of the queries.
    #[track_caller]
    pub(super) fn shift<'t, T: Element>(
        &self,
        queries: &Var<'t, T>,
        keys: &Statistics<'_, 't, T>,
        sight: &Sight,
    ) -> Var<'t, T> {
        let shifted = self.centre(queries, keys, sight);
        if !self.scale {
            return shifted;
        }
        let (heads, rows) = (queries.shape()[1], queries.shape()[2]);
        shifted / keys.variance(heads, rows).affine(1.0, self.eps)
    }

    /// q̂ and k̂ from queries `[batch, heads, queries, d]` and keys `[batch, kv_heads, keys, d]`; as each head may have a β, there are as many of k̂ as of q̂.
    ///
    /// # Panics
    /// If queries of one sequence see different keys.
    #[track_caller]
    pub(super) fn shift_both<'t, T: Element>(
        &self,
        queries: &Var<'t, T>,
        keys: &Var<'t, T>,
        sight: &Sight,
    ) -> (Var<'t, T>, Var<'t, T>) {
        let spans = sight.spans().iter().map(|spans| repeated(spans, keys.shape()[2])).collect();
        let keys = &repeat_heads(keys, queries.shape()[1]);
        let by_keys = Sight::new(spans, sight.heads());
        let normalise = |x: &Var<'t, T>, sight: &Sight| {
            let statistics = Statistics::Of(keys, sight);
            let centred = self.centre(x, &statistics, sight);
            if !self.scale {
                return centred;
            }
            centred / statistics.variance(x.shape()[1], x.shape()[2]).affine(1.0, self.eps).sqrt()
        };
        (normalise(queries, sight), normalise(keys, &by_keys))
    }

    /// `x − βμ`, row by row with the mean of the keys that it sees.
    #[track_caller]
    fn centre<'t, T: Element>(&self, x: &Var<'t, T>, keys: &Statistics<'_, 't, T>, sight: &Sight) -> Var<'t, T> {
        let mean = keys.mean(x.shape()[1], x.shape()[2]);
        let shift = match self.learned {
            Some(beta) => mean * sight.per_head(x.tape(), beta),
            None => mean.scale(self.beta),
        };
        x - shift
    }
}

/// The one span that all queries of a sequence have, once for each of `keys` rows.
#[track_caller]
fn repeated(spans: &KeySpans, keys: usize) -> KeySpans {
    let rows = spans.rows().chunks(spans.queries().max(1)).flat_map(|rows| {
        assert!(
            rows.iter().all(|row| *row == rows[0]),
            "batch-norm under linear attention: queries of one sequence see different keys, and each would need keys of its own"
        );
        vec![rows[0]; keys]
    });
    KeySpans::new(rows.collect(), keys)
}
