//! The attention core, composed of ordinary ops.

use anther_tensor::{Element, KeySpans, Stream, Tensor, Var};

use crate::score::Score;
use crate::weigh::Weigh;

/// `weigh(score(q, k)) v`: the composed form of attention, with the whole matrix of weights in memory.
///
/// `queries` is `[batch, heads, queries, d]`, `keys` `[batch, heads, keys, d]`, `values` `[batch, heads, keys, dv]`; the result is
/// `[batch, heads, queries, dv]`. `bias` is `[heads, queries, keys]`, prepared by the weighing. `dropout` is a probability on the weights and
/// its random stream. Memory grows with queries × keys.
///
/// # Panics
/// If the shapes do not fit.
#[track_caller]
pub fn attend<'t, T: Element>(
    score: &impl Score,
    weigh: &impl Weigh,
    (queries, keys, values): (&Var<'t, T>, &Var<'t, T>, &Var<'t, T>),
    bias: Option<&Tensor<T>>,
    spans: Option<&KeySpans>,
    dropout: (f64, Stream),
) -> Var<'t, T> {
    let scores = score.score(queries, keys);
    let weights = weigh.weigh(&scores, bias, spans);
    // The scores are not needed any more unless an op saved them.
    drop(scores);
    weights.dropout(dropout.0, dropout.1).matmul(values)
}
