//! Linear attention: weights that are products of features, so that keys and values become one matrix that every query reads.
//!
//! ```text
//! o_i = S_iᵀ f_i / (z_iᵀ f_i + ε)        S_i = Σ_{j ∈ S(i)} g_j v_jᵀ  [d, dv]        z_i = Σ_{j ∈ S(i)} g_j  [d]
//! ```
//!
//! with the features f = φ(q) and g = φ(k), φ = elu + 1 (Katharopoulos et al. 2020, arXiv 2006.16236, as read from the authors' code, ε too; there is no
//! factor 1/√d). It is also what the primal–dual framework (Nguyen et al., ICLR 2023, arXiv 2406.13781) makes of a network with finitely many features, as
//! recalled of that paper. The backward pass is derived.
//!
//! φ comes after rotation: rotary positions turn queries and keys, but products of features then do not depend on distances alone.
//!
//! A query may see any number of keys from the first on, and at least those of the query before it: a full mask, padding, a causal mask and what they
//! share. Then one running state is enough. A block of queries reads the state of the keys that all of them see, and meets the keys that only some of
//! them see in a tile, as ordinary attention would:
//!
//! ```text
//! backward    dn_i = do_i / (z_iᵀ f_i + ε)        de_i = −⟨do_i, o_i⟩ / (z_iᵀ f_i + ε)
//!             df_i = S_i dn_i + de_i z_i
//!             dg_j = D_j v_j + e_j        dv_j = D_jᵀ g_j        D_j = Σ_{i: j ∈ S(i)} f_i dn_iᵀ        e_j = Σ_{i: j ∈ S(i)} de_i f_i
//! ```
//!
//! The backward pass runs the state forward once more for df, and from the last query to the first for dg and dv. Cost 2·(queries + keys)·d·dv forward
//! and (4·queries + 6·keys)·d·dv backward; within blocks of a causal mask 128·queries·(d + dv) and 128·queries·(3d + 2dv) more. Memory beyond inputs,
//! result and gradients: one number a query, and a state and some tiles for each thread. Heads run in parallel; all sums run in the order of the tokens.

mod backward;
mod ends;
mod forward;
mod state;

use anther_kernels::{Scratch, TILE_STRIDE, parallel_blocks2, parallel_blocks3};
use anther_tensor::{Backward, Element, KeySpans, Op, Tensor, Var};

use crate::pattern::Seen;
use crate::project::repeat_heads;
use ends::Ends;
use forward::Head;
pub(crate) use state::LinearState;

/// Queries of a block.
const QUERIES: usize = 64;

/// Keys of a tile.
const KEYS: usize = TILE_STRIDE;

/// The sizes of a call.
#[derive(Clone, Copy)]
struct Sizes {
    heads: usize,
    queries: usize,
    keys: usize,
    d: usize,
    dv: usize,
}

impl Sizes {
    /// The sizes and the number of sequences.
    #[track_caller]
    fn of<T: Element>(queries: &Tensor<T>, keys: &Tensor<T>, values: &Tensor<T>) -> (usize, Sizes) {
        let four = |x: &Tensor<T>| {
            let [a, b, c, d] = *x.shape() else { panic!("linear_attention: {:?} has not four axes", x.shape()) };
            [a, b, c, d]
        };
        let (q, k, v) = (four(queries), four(keys), four(values));
        assert!(
            q[..2] == k[..2] && k[..3] == v[..3] && q[3] == k[3],
            "linear_attention: queries {q:?}, keys {k:?} and values {v:?} do not fit"
        );
        (q[0], Sizes { heads: q[1], queries: q[2], keys: k[2], d: q[3], dv: v[3] })
    }

    /// Elements of the state of a head: S, then z.
    fn state(&self) -> usize {
        self.d * (self.dv + 1)
    }
}

/// Linear attention as one op. The inputs are features of queries, features of keys, and values.
struct LinearAttention {
    ends: Ends,
    eps: f64,
}

/// What the backward pass reads.
struct Saved<T: Element> {
    inputs: [Tensor<T>; 3],
    output: Tensor<T>,
    denominators: Tensor<T>,
}

impl<T: Element> Op<T> for LinearAttention {
    type Saved = Saved<T>;

    fn name(&self) -> &'static str {
        "linear_attention"
    }

    fn forward(&self, inputs: &[&Tensor<T>]) -> (Tensor<T>, Self::Saved) {
        let [q, k, v] = inputs else { unreachable!("applied to three inputs") };
        let (batch, sizes) = Sizes::of(q, k, v);
        let Sizes { heads, queries, dv, .. } = sizes;
        let mut denominators = Tensor::build([batch, heads, queries], |_| ());
        let output = Tensor::build([batch, heads, queries, dv], |out| {
            let denominators = denominators.data_mut();
            if out.is_empty() || sizes.d == 0 {
                out.fill(T::ZERO);
                denominators.fill(T::ZERO);
                return;
            }
            let (out, rows) = ((out, queries * dv), (denominators, queries));
            parallel_blocks2(work(batch, sizes), out, rows, |head, out, rows| {
                let mut state = Scratch::new(sizes.state());
                state.fill(T::ZERO);
                let head = Head::new([q.data(), k.data(), v.data()], &self.ends, sizes, head);
                head.run(&mut state, self.eps, out, rows);
            });
        });
        let inputs = [(*q).clone(), (*k).clone(), (*v).clone()];
        (output.clone(), Saved { inputs, output, denominators })
    }

    fn backward(&self, saved: &Self::Saved, dy: &Tensor<T>, into: &mut Backward<'_, T>) {
        let [q, k, v] = &saved.inputs;
        let (batch, sizes) = Sizes::of(q, k, v);
        let Sizes { queries, keys, d, dv, .. } = sizes;
        let gradient = |of: &Tensor<T>| Tensor::build(of.shape(), |gradient| gradient.fill(T::ZERO));
        let mut gradients = [gradient(q), gradient(k), gradient(v)];
        let [dq, dk, dvalues] = &mut gradients;
        if ![q, k, v].iter().any(|input| input.numel() == 0) {
            let parts = ((dq.data_mut(), queries * d), (dk.data_mut(), keys * d), (dvalues.data_mut(), keys * dv));
            parallel_blocks3(2 * work(batch, sizes), parts.0, parts.1, parts.2, |head, dq, dk, dvalues| {
                let at = |width: usize| head * queries * width..(head + 1) * queries * width;
                let output = backward::Output {
                    y: &saved.output.data()[at(dv)],
                    denominators: &saved.denominators.data()[at(1)],
                    dy: &dy.data()[at(dv)],
                };
                let head = Head::new([q.data(), k.data(), v.data()], &self.ends, sizes, head);
                head.differentiate(&output, dq, dk, dvalues);
            });
        }
        for (i, gradient) in gradients.into_iter().enumerate() {
            into.pass(i, || gradient);
        }
    }

    fn flops(&self, inputs: &[&Tensor<T>]) -> u64 {
        let (batch, Sizes { heads, queries, keys, d, dv }) = Sizes::of(inputs[0], inputs[1], inputs[2]);
        2 * (batch * heads * (queries + keys) * d * dv) as u64
    }
}

/// The work of a forward pass, in memory-bound element operations.
fn work(batch: usize, sizes: Sizes) -> usize {
    batch * sizes.heads * (sizes.queries + sizes.keys) * sizes.d * sizes.dv / 4
}

/// Linear attention over features that are at least 0: `queries` `[batch, heads, queries, d]`, `keys` `[batch, heads, keys, d]` and `values`
/// `[batch, heads, keys, dv]` give `[batch, heads, queries, dv]`. A query that sees nothing gets zeros. Formula and cost are those of this module.
///
/// # Panics
/// If the shapes do not fit, or if the keys of a query do not begin with the first or lack some of the query before: a window has no running state.
#[track_caller]
pub fn linear_attention<'t, T: Element>(
    (queries, keys, values): (&Var<'t, T>, &Var<'t, T>, &Var<'t, T>),
    spans: Option<&KeySpans>,
    eps: f64,
) -> Var<'t, T> {
    let (batch, sizes) = Sizes::of(queries.value(), keys.value(), values.value());
    let ends = Ends::new(spans, batch, sizes.queries, sizes.keys, 0);
    queries.tape().apply(LinearAttention { ends, eps }, &[queries, keys, values])
}

/// The spans of a mask without patterns, which a running state cannot follow.
#[track_caller]
pub(crate) fn spans(seen: &Seen) -> Option<&KeySpans> {
    assert!(
        seen.patterns.is_empty(),
        "linear_attention: a pattern hides single keys, which a running state cannot leave out"
    );
    seen.spans.as_ref()
}

/// [`linear_attention`] of queries and keys, through the feature map φ = elu + 1. Fewer heads of keys and values than of queries are repeated: the
/// driver has one state a head.
#[track_caller]
pub(crate) fn attend<'t, T: Element>(
    (queries, keys, values): (&Var<'t, T>, &Var<'t, T>, &Var<'t, T>),
    spans: Option<&KeySpans>,
    eps: f64,
) -> Var<'t, T> {
    let (queries, keys, values) = features(queries, keys, values);
    linear_attention((&queries, &keys, &values), spans, eps)
}

/// The features of queries and keys, and the values, as many heads of each as of queries.
pub(crate) fn features<'t, T: Element>(
    queries: &Var<'t, T>,
    keys: &Var<'t, T>,
    values: &Var<'t, T>,
) -> (Var<'t, T>, Var<'t, T>, Var<'t, T>) {
    let heads = queries.shape()[1];
    (queries.elu_plus_one(), repeat_heads(&keys.elu_plus_one(), heads), repeat_heads(values, heads))
}
