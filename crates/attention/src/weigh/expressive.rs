//! Expressive attention.

use anther_kernels as kernels;
use anther_tensor::{Element, Var};

use super::{Weigh, only_shown, seen_part};
use crate::driver::{Normaliser, Rows, TileWeigh};
use crate::pattern::Seen;

/// The weighing of expressive attention (Gros, arXiv 2407.18601):
///
/// ```text
/// u_ij = s_ij² / (1 + s_ij²)        a_ij = w_ij / (ε + Σ_l w_il),   w_ij = m_ij e^{b_ij} u_ij
/// ```
///
/// Parallel and antiparallel queries and keys attract, orthogonal ones do not; there is no softmax. The mask m multiplies
/// before the sum: filling a score with a large negative number would give the *largest* weight here. An additive bias b
/// becomes a positive factor. For ε = 0 the same weights are
/// `softmax(2 ln|s| − ln(1 + s²) + b)`.
///
/// The squared product is the paper's own; the form `u` and the normaliser are read from a third-party program that cites it;
/// ε is ours, and makes a row of zero scores give zeros instead of 0/0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expressive {
    /// The ε of the normaliser. With 0, which configurations refuse, weights whose sum is denormal are infinite.
    pub eps: f64,
}

impl Weigh for Expressive {
    fn prepare_bias<'t, T: Element>(&self, bias: Var<'t, T>) -> Var<'t, T> {
        bias.exp()
    }

    fn weigh<'t, T: Element>(
        &self,
        scores: &Var<'t, T>,
        factors: Option<&Var<'t, T>>,
        sinks: Option<&Var<'t, T>>,
        seen: &Seen,
    ) -> Var<'t, T> {
        assert!(sinks.is_none(), "only a softmax has sinks");
        let attraction = scores.squash();
        let weights = match factors {
            Some(factors) => attraction * factors,
            None => attraction,
        };
        only_shown(&weights, seen).normalize(seen.spans.as_ref(), self.eps)
    }
}

impl<T: Element> TileWeigh<T> for Expressive {
    fn multiplies(&self) -> bool {
        true
    }

    /// A score of 0 attracts nothing.
    fn hidden(&self) -> T {
        T::ZERO
    }

    fn weigh(&self, tile: &mut [T], keys: usize, rows: &Rows<'_, T>, state: &mut Normaliser<'_, T>) -> bool {
        let Some(factors) = rows.factors else {
            kernels::online_squash(tile, keys, rows.spans, state.sum);
            return false;
        };
        let mut without = [T::ZERO; kernels::TILE_STRIDE];
        kernels::online_squash(tile, keys, rows.spans, &mut without[..rows.spans.len()]);
        for (r, &span) in rows.spans.iter().enumerate() {
            let weights = seen_part(tile, keys, r, span);
            let factors = &factors.row(r)[span.start as usize..][..weights.len()];
            weights.iter_mut().zip(factors).for_each(|(weight, &factor)| *weight *= factor);
            state.sum[r] += weights.iter().copied().sum();
        }
        false
    }

    /// The number kept is the denominator, ε + the sum.
    fn finish(&self, _: T, sum: T, _: T, _: T) -> (T, T) {
        let denominator = T::from_f64(self.eps) + sum;
        (if denominator == T::ZERO { T::ZERO } else { T::ONE / denominator }, denominator)
    }

    fn differentiate(
        &self,
        scores: &mut [T],
        dweights: &mut [T],
        keys: usize,
        rows: &Rows<'_, T>,
        sums: &[T],
        mean: &[T],
    ) {
        kernels::squash_tile_backward(scores, dweights, keys, rows.spans, sums, mean);
        let Some(factors) = rows.factors else { return };
        for (r, &span) in rows.spans.iter().enumerate() {
            for tile in [&mut *scores, &mut *dweights] {
                let part = seen_part(tile, keys, r, span);
                let factors = &factors.row(r)[span.start as usize..][..part.len()];
                part.iter_mut().zip(factors).for_each(|(x, &factor)| *x *= factor);
            }
        }
    }
}
