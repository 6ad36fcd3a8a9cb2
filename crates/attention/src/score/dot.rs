//! The scaled dot product.

use anther_tensor::{Element, Trans, Var};

use super::Score;
use crate::driver::{Pairs, TileGradients, TileScore};

/// The scaled dot product `s_ij = c ⟨q_i, k_j⟩` (Vaswani et al. 2017, equation 1, with c = 1/√d).
///
/// Cost 2·d a pair.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScaledDot {
    /// The factor c.
    pub scale: f64,
}

impl Score for ScaledDot {
    fn score<'t, T: Element>(&self, queries: &Var<'t, T>, keys: &Var<'t, T>, _: Option<&Var<'t, T>>) -> Var<'t, T> {
        // Scaling the queries costs queries·d multiplications; scaling the scores would cost queries·keys.
        queries.scale(self.scale).matmul_with(Trans::No, keys, Trans::Yes)
    }
}

impl<T: Element> TileScore<T> for ScaledDot {
    fn score(&self, pairs: &Pairs<'_, T>, scores: &mut [T], _: &mut [T]) {
        pairs.dots(self.scale, scores);
    }

    fn differentiate(&self, pairs: &Pairs<'_, T>, dscores: &mut [T], _: &[T], into: &mut TileGradients<'_, T>) {
        pairs.dots_backward(self.scale, dscores, into);
    }

    fn flops(&self, d: usize) -> usize {
        2 * d
    }
}
