//! The attention core, composed of ordinary ops.

use anther_tensor::{Element, Ids, Tensor, Var};

use crate::driver::Operands;
use crate::project::repeat_heads;
use crate::score::Score;
use crate::weigh::Weigh;

/// `weigh(score(q, k)) v`: the composed form of attention, with the whole matrix of weights in memory. It is the definition of what
/// [`attend_tiled`](crate::attend_tiled) computes, and takes the same operands. Memory grows with queries × keys.
///
/// # Panics
/// If the shapes, the spans or the patterns do not fit.
#[track_caller]
pub fn attend<'t, T: Element>(score: &impl Score, weigh: &impl Weigh, operands: Operands<'_, 't, T>) -> Var<'t, T> {
    let heads = operands.queries.shape()[1];
    let weights = attention_weights(score, weigh, operands);
    let (p, stream) = operands.dropout;
    weights.dropout(p, stream).matmul(&repeat_heads(operands.values, heads))
}

/// The weights of [`attend`] before dropout, `[batch, heads, queries, keys]`.
///
/// # Panics
/// As [`attend`].
#[track_caller]
pub fn attention_weights<'t, T: Element>(
    score: &impl Score,
    weigh: &impl Weigh,
    operands: Operands<'_, 't, T>,
) -> Var<'t, T> {
    let shape = operands.check("attend");
    let [_, heads, queries, keys] = shape;
    let Operands { params, bias, sinks, seen, .. } = operands;
    let scores = score.score(operands.queries, &repeat_heads(operands.keys, heads), params);
    let bias = bias.map(|bias| spread_var(bias, queries, keys));
    weigh.weigh(&scores, bias.as_ref(), sinks, seen)
}

/// [`spread_var`] for a few queries, without a tape.
pub(crate) fn spread<T: Element>(bias: &Tensor<T>, queries: usize) -> Tensor<T> {
    let [heads, columns] = *bias.shape() else { unreachable!("a bias has two axes") };
    let keys = columns + 1 - queries;
    Tensor::build([heads, queries, keys], |out| {
        for (row, out) in out.chunks_exact_mut(keys).enumerate() {
            let first = row / queries * columns + queries - 1 - row % queries;
            out.copy_from_slice(&bias.data()[first..][..keys]);
        }
    })
}

/// A bias by distance, `[heads, queries + keys − 1]`, for each pair: `[heads, queries, keys]`.
fn spread_var<'t, T: Element>(bias: &Var<'t, T>, queries: usize, keys: usize) -> Var<'t, T> {
    let heads = bias.shape()[0];
    let places = (0..queries * keys).map(|i| (i % keys + queries - 1 - i / keys) as u32).collect();
    let pairs = bias.transpose().embedding(&Ids::new([queries * keys], places));
    pairs.transpose().reshape([heads, queries, keys])
}
