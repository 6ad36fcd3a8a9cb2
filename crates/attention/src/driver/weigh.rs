//! What a weighing tells the driver: how a tile of scores becomes weights, and how weights become a gradient of scores.

use anther_kernels::{self as kernels, Span};
use anther_tensor::Element;

use crate::weigh::{Expressive, Softmax};

/// Running numbers of a block of queries, one a query each.
pub struct Normaliser<'a, T> {
    /// The greatest score so far, for weighings that need one; starts at −∞.
    pub max: &'a mut [T],
    /// The sum of weights so far; starts at 0.
    pub sum: &'a mut [T],
    /// What the sums so far must be multiplied by before this tile is added.
    pub factor: &'a mut [T],
}

/// A weighing by tiles. A tile lies in memory as [`anther_kernels`] describes: rows are queries, [`anther_kernels::TILE_STRIDE`] apart, and
/// each sees a span of its first `keys` columns.
pub trait TileWeigh: Clone + Send + Sync + 'static {
    /// Turns the scores of a tile into weights that lack only their normaliser, zeros outside of the spans, and brings the running numbers
    /// up to date. Returns whether any factor may differ from 1.
    fn weigh<T: Element>(&self, tile: &mut [T], keys: usize, spans: &[Span], state: &mut Normaliser<'_, T>) -> bool;

    /// Of a query whose running numbers are these: what its sum of weighted values is to be multiplied by, and the one number from which
    /// [`TileWeigh::differentiate`] finds the weights again.
    fn finish<T: Element>(&self, max: T, sum: T) -> (T, T);

    /// From the scores of a tile, the number that [`TileWeigh::finish`] kept for each query, `dweights = ∂L/∂a` and `mean = Σ a · ∂L/∂a`:
    /// puts the weights a in place of the scores, and `∂L/∂s` in place of `dweights`. Both zero outside of the spans.
    fn differentiate<T: Element>(
        &self,
        scores: &mut [T],
        dweights: &mut [T],
        keys: usize,
        spans: &[Span],
        kept: &[T],
        mean: &[T],
    );
}

impl TileWeigh for Softmax {
    fn weigh<T: Element>(&self, tile: &mut [T], keys: usize, spans: &[Span], state: &mut Normaliser<'_, T>) -> bool {
        kernels::online_softmax(tile, keys, spans, state.max, state.sum, state.factor);
        true
    }

    /// The number kept is the log-sum-exp.
    fn finish<T: Element>(&self, max: T, sum: T) -> (T, T) {
        if sum == T::ZERO { (T::ZERO, T::ZERO) } else { (T::ONE / sum, max + sum.ln()) }
    }

    fn differentiate<T: Element>(
        &self,
        scores: &mut [T],
        dweights: &mut [T],
        keys: usize,
        spans: &[Span],
        lse: &[T],
        mean: &[T],
    ) {
        kernels::softmax_tile_backward(scores, dweights, keys, spans, lse, mean);
    }
}

impl TileWeigh for Expressive {
    fn weigh<T: Element>(&self, tile: &mut [T], keys: usize, spans: &[Span], state: &mut Normaliser<'_, T>) -> bool {
        kernels::online_squash(tile, keys, spans, state.sum);
        false
    }

    /// The number kept is the denominator, ε + the sum.
    fn finish<T: Element>(&self, _: T, sum: T) -> (T, T) {
        let denominator = T::from_f64(self.eps) + sum;
        (if denominator == T::ZERO { T::ZERO } else { T::ONE / denominator }, denominator)
    }

    fn differentiate<T: Element>(
        &self,
        scores: &mut [T],
        dweights: &mut [T],
        keys: usize,
        spans: &[Span],
        sums: &[T],
        mean: &[T],
    ) {
        kernels::squash_tile_backward(scores, dweights, keys, spans, sums, mean);
    }
}
