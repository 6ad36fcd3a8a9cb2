//! The score slot: how a query meets a key.

use anther_tensor::{Element, Trans, Var};

/// Scores of every query against every key.
pub trait Score {
    /// `[batch, heads, queries, d]` and `[batch, heads, keys, d]` give `[batch, heads, queries, keys]`.
    fn score<'t, T: Element>(&self, queries: &Var<'t, T>, keys: &Var<'t, T>) -> Var<'t, T>;
}

/// The scaled dot product `s_ij = c ⟨q_i, k_j⟩` (Vaswani et al. 2017, equation 1, with c = 1/√d).
///
/// Cost 2·queries·keys·d a head.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScaledDot {
    /// The factor c.
    pub scale: f64,
}

impl Score for ScaledDot {
    fn score<'t, T: Element>(&self, queries: &Var<'t, T>, keys: &Var<'t, T>) -> Var<'t, T> {
        // Scaling the queries costs queries·d multiplications; scaling the scores would cost queries·keys.
        queries.scale(self.scale).matmul_with(Trans::No, keys, Trans::Yes)
    }
}
