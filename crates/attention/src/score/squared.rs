//! The squared dot product.

use anther_tensor::{Element, Var};

use super::{DotScore, ScaledDot, Score};

/// `s_ij = (c ⟨q_i, k_j⟩)²`: parallel and antiparallel pairs attract alike, as in expressive attention (arXiv 2407.18601), but under whatever
/// weighing follows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SquaredDot {
    /// The factor c on the dot product.
    pub scale: f64,
}

impl Score for SquaredDot {
    fn score<'t, T: Element>(
        &self,
        queries: &Var<'t, T>,
        keys: &Var<'t, T>,
        params: Option<&Var<'t, T>>,
    ) -> Var<'t, T> {
        ScaledDot { scale: self.scale }.score(queries, keys, params).square()
    }
}

impl DotScore for SquaredDot {
    #[inline(always)]
    fn value<T: Element>(&self, dot: T, _: T) -> T {
        let dot = T::from_f64(self.scale) * dot;
        dot * dot
    }

    #[inline(always)]
    fn slopes<T: Element>(&self, dot: T, _: T) -> (T, T) {
        (T::from_f64(2.0 * self.scale * self.scale) * dot, T::ZERO)
    }
}
