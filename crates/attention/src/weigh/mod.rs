//! The weighing slot: how the scores of a query become weights on the keys.
//!
//! A weighing owns what masking means. It is told which keys each query sees and gives weight 0 to the others; a query that sees none gets no
//! weight at all. Like a score it has a composed form, [`Weigh`], its definition, and a tiled one, [`TileWeigh`](crate::TileWeigh).

mod expressive;
mod relu_power;
mod sigmoid;
mod softmax;

use anther_kernels::{Span, TILE_STRIDE};
use anther_tensor::{Element, Tensor, Var};

pub use expressive::Expressive;
pub use relu_power::ReluPower;
pub use sigmoid::Sigmoid;
pub use softmax::Softmax;

use crate::pattern::Seen;

/// Weights from scores.
pub trait Weigh {
    /// Turns a bias that is meant to be added to scores, such as that of ALiBi, into the form that [`Weigh::weigh`] takes.
    fn prepare_bias<'t, T: Element>(&self, bias: Var<'t, T>) -> Var<'t, T> {
        bias
    }

    /// Scores `[batch, heads, queries, keys]` give weights of the same shape. `bias` has been prepared and is `[heads, queries, keys]` or of the
    /// shape of the scores. `sinks`, `[heads]`, are scores of keys without values.
    fn weigh<'t, T: Element>(
        &self,
        scores: &Var<'t, T>,
        bias: Option<&Var<'t, T>>,
        sinks: Option<&Var<'t, T>>,
        seen: &Seen,
    ) -> Var<'t, T>;
}

/// `scores + bias`
fn biased<'t, T: Element>(scores: &Var<'t, T>, bias: Option<&Var<'t, T>>) -> Var<'t, T> {
    bias.map_or_else(|| scores.clone(), |bias| scores + bias)
}

/// 1 for each pair of scores `[batch, heads, queries, keys]` that is seen, 0 for the others.
fn shown<T: Element>(scores: &Var<'_, T>, seen: &Seen) -> Tensor<T> {
    let [_, heads, queries, keys] = *scores.shape() else { panic!("{:?} are no scores", scores.shape()) };
    Tensor::from_fn(scores.shape(), |i| {
        let (row, key) = (i / keys, i % keys);
        let shown = seen.shows(row / queries / heads, row / queries % heads, row % queries, key);
        if shown { T::ONE } else { T::ZERO }
    })
}

/// Weights that are 0 for the pairs that patterns hide.
fn only_shown<'t, T: Element>(weights: &Var<'t, T>, seen: &Seen) -> Var<'t, T> {
    if seen.patterns.is_empty() {
        return weights.clone();
    }
    weights * weights.tape().constant(shown(weights, seen))
}

/// How many keys each query sees, at least 1, `[batch, heads, queries, 1]`.
fn counts<'t, T: Element>(scores: &Var<'t, T>, seen: &Seen) -> Tensor<T> {
    let [batch, heads, queries, keys] = *scores.shape() else { panic!("{:?} are no scores", scores.shape()) };
    let shown = shown(scores, seen);
    Tensor::from_fn([batch, heads, queries, 1], |row| {
        shown.data()[row * keys..][..keys].iter().copied().sum::<T>().max(T::ONE)
    })
}

/// The row of a tile, the seen part of it, which it hands out, and zeros elsewhere.
fn seen_part<T: Element>(tile: &mut [T], keys: usize, r: usize, span: Span) -> &mut [T] {
    let row = &mut tile[r * TILE_STRIDE..][..keys];
    let (start, end) = if span.is_empty() { (0, 0) } else { (span.start as usize, span.end as usize) };
    row[..start].fill(T::ZERO);
    row[end..].fill(T::ZERO);
    &mut row[start..end]
}
