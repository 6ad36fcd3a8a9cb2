//! The tiled driver: attention, forward and backward, whose memory grows with the length and not with its square.
//!
//! A block of queries meets the keys a tile at a time. The scores of a tile are made, weighed and mixed into the block's sum while they
//! are in the cache, and forgotten; a [`Normaliser`] per query is all that is kept of them. The backward pass makes the tiles again.
//! Tiles that no query of the block sees are not visited, so a causal mask costs half.
//!
//! With scores `s`, weights `a = f(s) / N` and the gradient `dy` of the result:
//!
//! ```text
//! forward    y_i = Σ_j a_ij v_j
//! backward   da_ij = ⟨dy_i, v_j⟩    m_i = Σ_j a_ij da_ij = ⟨dy_i, y_i⟩    ds_ij = f'(s_ij) / N_i · (da_ij − m_i)
//!            dv_j = Σ_i a_ij dy_i    dq_i = Σ_j ds_ij ∂s_ij/∂q_i          dk_j = Σ_i ds_ij ∂s_ij/∂k_j
//! ```
//!
//! The forward pass shares out heads and blocks of queries, the backward pass heads of keys and, if those are few, parts of their keys. Sums run over tiles in
//! the order of the keys, or of the queries, and sums of parts are added in order, so results do not depend on the number of threads. Cost with a dot product:
//! 4·queries·keys·d forward, 10·queries·keys·d backward, of the pairs within the spans and the tiles they touch. Memory beyond inputs, result and gradients: two
//! numbers a query, packed copies of the heads that are being worked on, one for each thread, and one more gradient of the queries for each part but the first. (FlashAttention-2, Dao 2023, orders its loops in the same way.)

mod backward;
mod forward;
mod job;
mod score;
mod weigh;

use anther_kernels::{RandomKey, TILE_STRIDE};
use anther_tensor::{Backward, Element, Op, Stream, Tensor, Var};

use job::{Job, Sizes};
pub use score::{Pairs, TileGradients, TileScore};
pub use weigh::{Distances, Normaliser, Rows, TileWeigh};

use crate::pattern::Seen;

/// Queries of a block.
const QUERIES: usize = 64;

/// Keys of a tile.
const KEYS: usize = TILE_STRIDE;

/// What attention reads, beside a score and a weighing.
#[derive(Clone, Copy)]
pub struct Operands<'a, 't, T: Element> {
    /// `[batch, heads, queries, d]`
    pub queries: &'a Var<'t, T>,
    /// `[batch, kv_heads, keys, d]`. Query head h reads head `⌊h · kv_heads / heads⌋` of keys and values.
    pub keys: &'a Var<'t, T>,
    /// `[batch, kv_heads, keys, dv]`
    pub values: &'a Var<'t, T>,
    /// The numbers that all pairs share, `[n]`, if the score has some.
    pub params: Option<&'a Var<'t, T>>,
    /// A bias on scores that depends on the distance alone, `[heads, queries + keys − 1]`: the score of query i and key j gets number
    /// `j − i + queries − 1`. For a weighing that [`TileWeigh::multiplies`], a factor on the weight.
    pub bias: Option<&'a Var<'t, T>>,
    /// The score of a key without a value, `[heads]`, which takes its share of the weights. For a weighing that [`TileWeigh::has_sinks`].
    pub sinks: Option<&'a Var<'t, T>>,
    /// Which keys a query sees.
    pub seen: &'a Seen,
    /// The probability of dropout on the weights, and its stream.
    pub dropout: (f64, Stream),
}

impl<'a, 't, T: Element> Operands<'a, 't, T> {
    /// Queries, keys and values alone, without dropout. The other fields can be set: `Operands { bias: Some(&bias), ..Operands::new(…) }`.
    pub fn new(queries: &'a Var<'t, T>, keys: &'a Var<'t, T>, values: &'a Var<'t, T>, seen: &'a Seen) -> Self {
        let dropout = (0.0, Stream::named("attention"));
        Operands { queries, keys, values, params: None, bias: None, sinks: None, seen, dropout }
    }

    /// The shape `[batch, heads, queries, keys]` of the scores.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub(crate) fn check(&self, what: &str) -> [usize; 4] {
        self.check_first(what, four(self.keys.value())[2])
    }

    /// The same, with the first `keys` of the keys alone.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    fn check_first(&self, what: &str, keys: usize) -> [usize; 4] {
        let (q, k, v) = (four(self.queries.value()), four(self.keys.value()), four(self.values.value()));
        assert!(keys <= k[2], "{what}: {keys} keys are more than the {} rows of a head", k[2]);
        assert!(
            q[0] == k[0] && k[..3] == v[..3] && q[3] == k[3] && q[3] > 0 && v[3] > 0,
            "{what}: queries {q:?}, keys {k:?} and values {v:?} do not fit"
        );
        assert!(k[1] > 0 && q[1].is_multiple_of(k[1]), "{what}: {} heads of keys do not divide {} heads", k[1], q[1]);
        let table = (q[2] + keys).saturating_sub(1);
        if let Some(bias) = self.bias {
            assert!(*bias.shape() == [q[1], table], "{what}: a bias {:?} is not [{}, {table}]", bias.shape(), q[1]);
        }
        if let Some(sinks) = self.sinks {
            assert!(*sinks.shape() == [q[1]], "{what}: sinks {:?} are not [{}]", sinks.shape(), q[1]);
        }
        let shape = [q[0], q[1], q[2], keys];
        self.seen.check(what, shape);
        shape
    }
}

/// Attention as one op. The inputs are queries, keys, values, and what there is of parameters, bias and sinks.
struct TiledAttention<T: Element> {
    score: Box<dyn TileScore<T>>,
    weigh: Box<dyn TileWeigh<T>>,
    seen: Seen,
    dropout: Option<(RandomKey, f64)>,
    /// Where the inputs after the third stand.
    params: Option<usize>,
    bias: Option<usize>,
    sinks: Option<usize>,
}

impl<T: Element> TiledAttention<T> {
    fn job<'a>(&'a self, inputs: &[&'a Tensor<T>]) -> Job<'a, T> {
        let [batch, heads, queries, d] = four(inputs[0]);
        let [_, kv_heads, keys, dv] = four(inputs[2]);
        let input = |place: Option<usize>| place.map_or(&[][..], |i| inputs[i].data());
        Job {
            score: &*self.score,
            weigh: &*self.weigh,
            sizes: Sizes { batch, heads, kv_heads, queries, keys, d, dv },
            seen: &self.seen,
            dropout: self.dropout,
            params: input(self.params),
            bias: input(self.bias),
            sinks: input(self.sinks),
        }
    }
}

/// What the backward pass reads.
struct Saved<T: Element> {
    inputs: Vec<Tensor<T>>,
    output: Tensor<T>,
    normalisers: Tensor<T>,
}

fn four<T: Element>(x: &Tensor<T>) -> [usize; 4] {
    let [batch, heads, rows, width] = *x.shape() else { panic!("{:?} has not the four axes of heads", x.shape()) };
    [batch, heads, rows, width]
}

impl<T: Element> Op<T> for TiledAttention<T> {
    type Saved = Saved<T>;

    fn name(&self) -> &'static str {
        "tiled_attention"
    }

    fn forward(&self, inputs: &[&Tensor<T>]) -> (Tensor<T>, Self::Saved) {
        let job = self.job(inputs);
        let Sizes { batch, heads, queries, dv, .. } = job.sizes;
        let mut normalisers = Tensor::build([batch, heads, queries], |_| ());
        let qkv = [inputs[0].data(), inputs[1].data(), inputs[2].data()];
        let output = Tensor::build([batch, heads, queries, dv], |out| {
            forward::forward(&job, qkv, job.sizes.keys, out, normalisers.data_mut());
        });
        let inputs = inputs.iter().map(|&input| input.clone()).collect();
        (output.clone(), Saved { inputs, output, normalisers })
    }

    fn backward(&self, saved: &Self::Saved, dy: &Tensor<T>, into: &mut Backward<'_, T>) {
        let inputs: Vec<&Tensor<T>> = saved.inputs.iter().collect();
        let job = self.job(&inputs);
        let mut gradients: Vec<Tensor<T>> = inputs.iter().map(|of| Tensor::build(of.shape(), |_| ())).collect();
        let read = backward::Inputs {
            qkv: [inputs[0].data(), inputs[1].data(), inputs[2].data()],
            output: saved.output.data(),
            normalisers: saved.normalisers.data(),
            dy: dy.data(),
        };
        let mut slices: Vec<&mut [T]> = gradients.iter_mut().map(Tensor::data_mut).collect();
        let mut slice = |place: Option<usize>| place.map_or(&mut [][..], |i| std::mem::take(&mut slices[i]));
        let write = backward::Gradients {
            qkv: [0, 1, 2].map(|i| slice(Some(i))),
            params: slice(self.params),
            bias: slice(self.bias.filter(|&i| into.wants(i))),
            sinks: slice(self.sinks),
        };
        backward::backward(&job, &read, write);
        for (i, gradient) in gradients.into_iter().enumerate() {
            into.pass(i, || gradient);
        }
    }

    fn flops(&self, inputs: &[&Tensor<T>]) -> u64 {
        let [batch, heads, queries, d] = four(inputs[0]);
        let [_, _, keys, dv] = four(inputs[2]);
        let seen: usize = match &self.seen.spans {
            None => batch * queries * keys,
            Some(spans) => {
                let seen: usize = spans.rows().iter().map(|span| span.len()).sum();
                seen * (batch * queries / spans.rows().len().max(1))
            }
        };
        (seen * heads * (self.score.flops(d) + 2 * dv)) as u64
    }
}

/// What [`attend`](crate::attend) computes, tile by tile: `weigh(score(queries, keys)) values`, `[batch, heads, queries, dv]`.
///
/// # Panics
/// If the shapes, the spans or the patterns do not fit.
#[track_caller]
pub fn attend_tiled<'t, T: Element>(
    score: impl TileScore<T>,
    weigh: impl TileWeigh<T>,
    operands: Operands<'_, 't, T>,
) -> Var<'t, T> {
    // The driver is compiled once for each element type, not once for each mechanism.
    attend_boxed(Box::new(score), Box::new(weigh), operands)
}

/// [`attend_tiled`] with a score and a weighing that are chosen at run time.
///
/// # Panics
/// As [`attend_tiled`].
#[track_caller]
pub fn attend_boxed<'t, T: Element>(
    score: Box<dyn TileScore<T>>,
    weigh: Box<dyn TileWeigh<T>>,
    operands: Operands<'_, 't, T>,
) -> Var<'t, T> {
    operands.check("tiled_attention");
    assert!(sinks_fit(&*weigh, &operands), "tiled_attention: only a softmax has sinks");
    let Operands { queries, keys, values, params, bias, sinks, seen, dropout: (p, stream) } = operands;
    let mut inputs = vec![queries, keys, values];
    let [params, bias, sinks] = [params, bias, sinks].map(|input| {
        inputs.extend(input);
        input.map(|_| inputs.len() - 1)
    });
    let dropout = queries.tape().random(stream).filter(|_| p > 0.0).map(|key| (key, p));
    let op = TiledAttention { score, weigh, seen: seen.clone(), dropout, params, bias, sinks };
    queries.tape().apply(op, &inputs)
}

/// Whether sinks are given only to a weighing that has them: another would pass no share on to them, but a gradient.
fn sinks_fit<T: Element>(weigh: &dyn TileWeigh<T>, operands: &Operands<'_, '_, T>) -> bool {
    operands.sinks.is_none() || weigh.has_sinks()
}

/// What [`attend_boxed`] gives for the first `length` rows of each head of keys and values, which are read where they lie: for a cache that has room for
/// more. Nothing is recorded, and dropout is for training.
///
/// # Panics
/// As [`attend_tiled`], or if there are not so many rows.
#[track_caller]
pub(crate) fn attend_first<T: Element>(
    score: &dyn TileScore<T>,
    weigh: &dyn TileWeigh<T>,
    operands: &Operands<'_, '_, T>,
    length: usize,
) -> Tensor<T> {
    let [batch, heads, queries, keys] = operands.check_first("tiled_attention", length);
    assert!(sinks_fit(weigh, operands), "tiled_attention: only a softmax has sinks");
    let [_, kv_heads, room, d] = four(operands.keys.value());
    let dv = four(operands.values.value())[3];
    let [params, bias, sinks] = [operands.params, operands.bias, operands.sinks]
        .map(|input| input.map_or(&[][..], |input| input.value().data()));
    let job = Job {
        score,
        weigh,
        sizes: Sizes { batch, heads, kv_heads, queries, keys, d, dv },
        seen: operands.seen,
        dropout: None,
        params,
        bias,
        sinks,
    };
    let qkv = [operands.queries, operands.keys, operands.values].map(|x| x.value().data());
    let mut normalisers = Tensor::build([batch, heads, queries], |_| ());
    Tensor::build([batch, heads, queries, dv], |out| forward::forward(&job, qkv, room, out, normalisers.data_mut()))
}
