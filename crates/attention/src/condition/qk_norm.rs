//! Query–key normalisation: every query and every key gets the same size before they meet.
//!
//! ```text
//! q ← γ_q ⊙ q / √(mean(q²) + ε)        k ← γ_k ⊙ k / √(mean(k²) + ε)
//! ```
//!
//! over the d coordinates of a head, with gains γ `[d]` that all heads share, first 1. It bounds the scores by √d·|γ_q ⊙ γ_k|. Henry et al. 2020
//! (arXiv 2010.04245) divide by the length and learn one factor for the scores; the form here, with the root of the mean square and a gain for each
//! coordinate, before rotation, is that of common language models. Cost length·d a head.

use anther_tensor::layers::RmsNorm;
use anther_tensor::{Element, Scope, Var};
use serde::{Deserialize, Serialize};

/// Settings of query–key normalisation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QkNormConfig {
    /// The ε beside the mean square.
    pub eps: f64,
}

impl Default for QkNormConfig {
    fn default() -> Self {
        QkNormConfig { eps: 1e-6 }
    }
}

/// The two norms of one layer.
#[derive(Clone, Copy, Debug)]
pub(super) struct QkNorm {
    queries: RmsNorm,
    keys: RmsNorm,
}

impl QkNorm {
    /// With the parameters `q_norm.weight` and `k_norm.weight`, `[d]`.
    pub(super) fn new(scope: &mut Scope<'_>, config: &QkNormConfig, d: usize) -> Self {
        QkNorm {
            queries: RmsNorm::new(&mut scope.child("q_norm"), d, config.eps),
            keys: RmsNorm::new(&mut scope.child("k_norm"), d, config.eps),
        }
    }

    #[track_caller]
    pub(super) fn on_queries<'t, T: Element>(&self, queries: &Var<'t, T>) -> Var<'t, T> {
        self.queries.forward(queries)
    }

    #[track_caller]
    pub(super) fn on_keys<'t, T: Element>(&self, keys: &Var<'t, T>) -> Var<'t, T> {
        self.keys.forward(keys)
    }
}
