//! The tiled driver: attention, forward and backward, whose memory grows with the length and not with its square.
//!
//! A block of queries meets the keys a tile at a time. The scores of a tile are made, weighed and mixed into the block's sum while they
//! are in the cache, and forgotten; a [`Normaliser`] per query is all that is kept of them. The backward pass makes the tiles again.
//! Tiles that no query of the block sees are not visited, so a causal mask costs half.
//!
//! With scores `s = c ⟨q, k⟩`, weights `a = f(s) / N` and the gradient `dy` of the result:
//!
//! ```text
//! forward    y_i = Σ_j a_ij v_j
//! backward   da_ij = ⟨dy_i, v_j⟩    m_i = Σ_j a_ij da_ij = ⟨dy_i, y_i⟩    ds_ij = f'(s_ij) / N_i · (da_ij − m_i)
//!            dv_j = Σ_i a_ij dy_i    dq_i = c Σ_j ds_ij k_j               dk_j = c Σ_i ds_ij q_i
//! ```
//!
//! Both passes share out heads, and the forward pass blocks of queries too. Sums run over tiles in the order of the keys, or of the
//! queries, so results do not depend on the number of threads. Cost: 4·queries·keys·d forward, 10·queries·keys·d backward, of the pairs
//! within the spans and the tiles they touch. Memory beyond inputs, result and gradients: two numbers a query, and packed copies of the
//! heads that are being worked on, one for each thread. (FlashAttention-2, Dao 2023, orders its loops in the same way.)

mod backward;
mod forward;
mod weigh;

use std::ops::Range;

use anther_kernels::{RandomKey, Span, TILE_STRIDE};
use anther_tensor::{Backward, Element, KeySpans, Op, Stream, Tensor, Var};

pub use weigh::{Normaliser, TileWeigh};

/// Queries of a block.
const QUERIES: usize = 64;

/// Keys of a tile.
const KEYS: usize = TILE_STRIDE;

/// The sizes of one call.
#[derive(Clone, Copy)]
struct Sizes {
    heads: usize,
    queries: usize,
    keys: usize,
    d: usize,
    dv: usize,
}

/// What is the same for every head.
struct Job<'a, W> {
    weigh: &'a W,
    sizes: Sizes,
    scale: f64,
    spans: Option<&'a KeySpans>,
    dropout: Option<(RandomKey, f64)>,
}

impl<W> Job<'_, W> {
    /// The spans of these queries of head number `head` of the whole batch; none if they see all keys.
    fn spans(&self, head: usize, queries: &Range<usize>) -> Option<&[Span]> {
        let rows = self.spans?.rows();
        let sequence = head / self.sizes.heads * self.sizes.queries % rows.len().max(1);
        Some(&rows[sequence..][queries.clone()])
    }

    /// The keys that any of these queries sees.
    fn reach(&self, head: usize, queries: &Range<usize>) -> Range<usize> {
        let Some(spans) = self.spans(head, queries) else { return 0..self.sizes.keys };
        let seen = spans.iter().filter(|span| !span.is_empty());
        let (start, end) = seen.fold((u32::MAX, 0), |(start, end), span| (start.min(span.start), end.max(span.end)));
        if start < end { start as usize..end as usize } else { 0..0 }
    }

    /// The parts of the tile of `keys` that these queries see, counted from its first key.
    fn tile_spans(&self, head: usize, queries: &Range<usize>, keys: &Range<usize>, out: &mut [Span]) {
        let (start, end) = (keys.start as u32, keys.end as u32);
        match self.spans(head, queries) {
            None => out.fill(Span::new(0, end - start)),
            Some(spans) => {
                let within = |key: u32| key.clamp(start, end) - start;
                out.iter_mut().zip(spans).for_each(|(out, s)| *out = Span::new(within(s.start), within(s.end)));
            }
        }
    }

    /// Drops weights of a tile, or gradients of them, as dropout on the whole matrix would.
    fn drop<T: Element>(&self, tile: &mut [T], head: usize, first: usize, rows: usize, keys: &Range<usize>) {
        let Some((key, p)) = self.dropout else { return };
        let mut row = [T::ZERO; KEYS];
        let row = &mut row[..keys.len()];
        for r in 0..rows {
            let tile = &mut tile[r * TILE_STRIDE..][..keys.len()];
            row.copy_from_slice(tile);
            let place = (head * self.sizes.queries + first + r) * self.sizes.keys + keys.start;
            anther_kernels::dropout_from(tile, row, place, key, p);
        }
    }
}

/// Attention as one op. The inputs are queries, keys and values.
struct TiledAttention<W> {
    weigh: W,
    scale: f64,
    spans: Option<KeySpans>,
    dropout: Option<(RandomKey, f64)>,
}

impl<W: TileWeigh> TiledAttention<W> {
    fn job(&self, queries: [usize; 4], keys: usize, dv: usize) -> Job<'_, W> {
        let [_, heads, queries, d] = queries;
        let sizes = Sizes { heads, queries, keys, d, dv };
        Job { weigh: &self.weigh, sizes, scale: self.scale, spans: self.spans.as_ref(), dropout: self.dropout }
    }
}

/// What the backward pass reads.
struct Saved<T: Element> {
    qkv: [Tensor<T>; 3],
    output: Tensor<T>,
    normalisers: Tensor<T>,
}

fn four<T: Element>(x: &Tensor<T>) -> [usize; 4] {
    let [batch, heads, rows, width] = *x.shape() else { panic!("{:?} has not the four axes of heads", x.shape()) };
    [batch, heads, rows, width]
}

impl<T: Element, W: TileWeigh> Op<T> for TiledAttention<W> {
    type Saved = Saved<T>;

    fn name(&self) -> &'static str {
        "tiled_attention"
    }

    fn forward(&self, inputs: &[&Tensor<T>]) -> (Tensor<T>, Self::Saved) {
        let [queries, keys, values] = inputs else { unreachable!("applied to three inputs") };
        let shape = four(queries);
        let [_, _, length, dv] = four(values);
        let job = self.job(shape, length, dv);
        let [batch, heads, rows, _] = shape;
        let mut normalisers = Tensor::build([batch, heads, rows], |_| ());
        let output = Tensor::build([batch, heads, rows, dv], |out| {
            forward::forward(&job, [queries.data(), keys.data(), values.data()], out, normalisers.data_mut());
        });
        let qkv = [(*queries).clone(), (*keys).clone(), (*values).clone()];
        (output.clone(), Saved { qkv, output, normalisers })
    }

    fn backward(&self, saved: &Self::Saved, dy: &Tensor<T>, into: &mut Backward<'_, T>) {
        let [queries, keys, values] = &saved.qkv;
        let [_, _, length, dv] = four(values);
        let job = self.job(four(queries), length, dv);
        let gradient = |of: &Tensor<T>| Tensor::build(of.shape(), |_| ());
        let [mut dq, mut dk, mut dv] = [gradient(queries), gradient(keys), gradient(values)];
        let inputs = backward::Inputs {
            qkv: [queries.data(), keys.data(), values.data()],
            output: saved.output.data(),
            normalisers: saved.normalisers.data(),
            dy: dy.data(),
        };
        backward::backward(&job, &inputs, [dq.data_mut(), dk.data_mut(), dv.data_mut()]);
        for (i, gradient) in [dq, dk, dv].into_iter().enumerate() {
            into.pass(i, || gradient);
        }
    }

    fn flops(&self, inputs: &[&Tensor<T>]) -> u64 {
        let [batch, heads, queries, d] = four(inputs[0]);
        let [_, _, keys, dv] = four(inputs[2]);
        let seen: usize = match &self.spans {
            None => batch * queries * keys,
            Some(spans) => {
                let seen: usize = spans.rows().iter().map(|span| span.len()).sum();
                seen * (batch * queries / spans.rows().len().max(1))
            }
        };
        2 * (seen * heads * (d + dv)) as u64
    }
}

/// What [`attend`](crate::attend) with a scaled dot product computes, `weigh(c · q kᵀ) v`, tile by tile: `queries` `[batch, heads, queries, d]`,
/// `keys` `[batch, heads, keys, d]` and `values` `[batch, heads, keys, dv]` give `[batch, heads, queries, dv]`.
///
/// # Panics
/// If the shapes or the spans do not fit.
#[track_caller]
pub fn attend_tiled<'t, T: Element>(
    scale: f64,
    weigh: &impl TileWeigh,
    (queries, keys, values): (&Var<'t, T>, &Var<'t, T>, &Var<'t, T>),
    spans: Option<&KeySpans>,
    (p, stream): (f64, Stream),
) -> Var<'t, T> {
    let (q, k, v) = (four(queries.value()), four(keys.value()), four(values.value()));
    assert!(
        q[..2] == k[..2] && k[..3] == v[..3] && q[3] == k[3],
        "tiled_attention: queries {q:?}, keys {k:?} and values {v:?} do not fit"
    );
    if let Some(spans) = spans {
        let rows = spans.rows();
        assert!(
            spans.queries() == q[2] && (rows.len() == q[2] || rows.len() == q[0] * q[2]),
            "tiled_attention: {} spans over {} queries do not fit queries {q:?}",
            rows.len(),
            spans.queries()
        );
        assert!(rows.iter().all(|span| span.end as usize <= k[2]), "tiled_attention: a span passes {} keys", k[2]);
    }
    let dropout = queries.tape().random(stream).filter(|_| p > 0.0).map(|key| (key, p));
    let op = TiledAttention { weigh: weigh.clone(), scale, spans: spans.cloned(), dropout };
    queries.tape().apply(op, &[queries, keys, values])
}
