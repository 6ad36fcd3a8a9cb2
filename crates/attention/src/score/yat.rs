//! The yat score.

use anther_tensor::{Element, Trans, Var};

use super::distance::norms;
use super::{DotScore, Score};

/// `s_ij = c ⟨q_i, k_j⟩² / (|q_i − k_j|² + ε)`: alignment over distance (arXiv 2411.08085, and the library of its authors, which puts 1/√d before it and
/// ε = 1e-5 into it; a factor α that they may learn is left out).
///
/// Where query and key nearly agree the score is about |q|⁴/ε, which only ε bounds: query–key normalisation keeps it small.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Yat {
    /// The factor c.
    pub scale: f64,
    /// The ε beside the squared distance.
    pub eps: f64,
}

impl Score for Yat {
    fn score<'t, T: Element>(&self, queries: &Var<'t, T>, keys: &Var<'t, T>, _: Option<&Var<'t, T>>) -> Var<'t, T> {
        let dots = queries.matmul_with(Trans::No, keys, Trans::Yes);
        let distance = (norms(queries, keys) - dots.scale(2.0)).relu().affine(1.0, self.eps);
        (dots.square() / distance).scale(self.scale)
    }
}

impl DotScore for Yat {
    const NORMS: bool = true;

    #[inline(always)]
    fn value<T: Element>(&self, dot: T, norms: T) -> T {
        // Rounding must not make a distance negative.
        let distance = (norms - dot - dot).max(T::ZERO) + T::from_f64(self.eps);
        T::from_f64(self.scale) * dot * dot / distance
    }

    #[inline(always)]
    fn slopes<T: Element>(&self, dot: T, norms: T) -> (T, T) {
        let gap = norms - dot - dot;
        let ratio = dot / (gap.max(T::ZERO) + T::from_f64(self.eps));
        let scale = T::from_f64(self.scale);
        let dgap = if gap > T::ZERO { scale * ratio * ratio } else { T::ZERO };
        (T::from_f64(2.0) * (scale * ratio + dgap), -dgap)
    }
}
