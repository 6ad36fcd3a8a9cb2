//! Softmax.

use anther_kernels as kernels;
use anther_tensor::{Element, Tensor, Var};

use super::{Weigh, biased, only_shown, shown};
use crate::driver::{Normaliser, Rows, TileWeigh};
use crate::pattern::Seen;

/// `a_ij = e^{s_ij + b_ij} / (e^{z_h} + Σ_l e^{s_il + b_il})` over the keys that query i sees.
///
/// The sink z_h, a score of head h for a key that has no value, lets a query attend to nothing; without one its term is missing. (A learned sink for
/// each head is that of the gpt-oss models; z = 0 is "softmax off by one".)
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Softmax;

impl Weigh for Softmax {
    fn weigh<'t, T: Element>(
        &self,
        scores: &Var<'t, T>,
        bias: Option<&Var<'t, T>>,
        sinks: Option<&Var<'t, T>>,
        seen: &Seen,
    ) -> Var<'t, T> {
        let scores = biased(scores, bias);
        let spans = seen.spans.as_ref();
        let Some(sinks) = sinks else {
            let weights = match spans {
                Some(spans) => scores.softmax_spans(spans),
                None => scores.softmax(),
            };
            return match seen.patterns.is_empty() {
                true => weights,
                false => only_shown(&weights, seen).normalize(spans, 0.0),
            };
        };
        let (heads, tape) = (sinks.shape()[0], scores.tape());
        let mut hidden = shown(&scores, seen);
        // The logarithm of 1 and of 0: a hidden score becomes −∞, which has the weight 0.
        hidden.data_mut().iter_mut().for_each(|shown| *shown = shown.ln());
        let scores = scores + tape.constant(hidden);
        let top = tape.constant(tops(scores.value(), sinks.value()));
        let weights = (scores - &top).exp();
        let of_sink = (sinks.reshape([heads, 1, 1]) - top).exp();
        let sums = weights.sum_last() + of_sink;
        weights / sums
    }
}

/// The greatest of the scores `[batch, heads, queries, keys]` of each query and of the sink of its head, `[batch, heads, queries, 1]`.
fn tops<T: Element>(scores: &Tensor<T>, sinks: &Tensor<T>) -> Tensor<T> {
    let [batch, heads, queries, keys] = *scores.shape() else { panic!("{:?} are no scores", scores.shape()) };
    Tensor::from_fn([batch, heads, queries, 1], |row| {
        scores.data()[row * keys..][..keys].iter().copied().fold(sinks.data()[row / queries % heads], T::max)
    })
}

impl<T: Element> TileWeigh<T> for Softmax {
    fn has_sinks(&self) -> bool {
        true
    }

    fn weigh(&self, tile: &mut [T], keys: usize, rows: &Rows<'_, T>, state: &mut Normaliser<'_, T>) -> bool {
        kernels::online_softmax(tile, keys, rows.spans, state.max, state.sum, state.factor);
        true
    }

    /// The number kept is the log-sum-exp, that of the sink included.
    fn finish(&self, max: T, sum: T, _: T, sink: T) -> (T, T) {
        if sum == T::ZERO {
            return (T::ZERO, if sink == T::NEG_INFINITY { T::ZERO } else { sink });
        }
        // Both exponents are at most 0.
        let top = max.max(sink);
        let (own, other) = ((max - top).exp(), (sink - top).exp());
        let sum = own * sum + other;
        (own / sum, top + sum.ln())
    }

    fn differentiate(
        &self,
        scores: &mut [T],
        dweights: &mut [T],
        keys: usize,
        rows: &Rows<'_, T>,
        lse: &[T],
        mean: &[T],
    ) {
        kernels::softmax_tile_backward(scores, dweights, keys, rows.spans, lse, mean);
    }
}
