//! Attention of a few new queries over the keys and values of a cache, read where they lie.

use crate::check;
use crate::real::Real;
use crate::spans::Spans;
use crate::table::table;
use crate::threads::blocks;

/// How the scores of a query become its weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CacheWeights<T> {
    /// `a_j = e^(s_j + b_j) / Σ e^(s + b)`
    Softmax,
    /// `w_j = b_j · s_j² / (1 + s_j²)`, `a_j = w_j / (eps + Σ w)`; all zeros where the denominator is 0.
    Squash {
        /// Added to the sum.
        eps: T,
    },
}

/// The operands of [`attend_cached`]. All are row-major.
#[derive(Clone, Copy, Debug)]
pub struct CachedAttention<'a, T> {
    /// `[batch, heads, queries, d]`
    pub queries: &'a [T],
    /// `[batch, kv_heads, capacity, d]`, of which the first `length` rows of each head are read.
    pub keys: &'a [T],
    /// `[batch, kv_heads, capacity, dv]`, read like the keys.
    pub values: &'a [T],
    /// Sequences.
    pub batch: usize,
    /// Heads of the queries of a sequence.
    pub heads: usize,
    /// Heads of keys and values of a sequence, a divisor of `heads`: each serves `heads / kv_heads` heads of queries that follow each other.
    pub kv_heads: usize,
    /// Keys of each head.
    pub length: usize,
    /// Rows of a head in the cache, at least `length`.
    pub capacity: usize,
    /// Width of a query and of a key.
    pub d: usize,
    /// Width of a value and of a result.
    pub dv: usize,
    /// The factor on the scores: `s_j = scale · ⟨q, k_j⟩`.
    pub scale: T,
    /// How scores become weights.
    pub weights: CacheWeights<T>,
    /// `b`, `[heads, queries, length]`: added to the scores by softmax, a factor of the other weights.
    pub bias: Option<&'a [T]>,
    /// The keys that each query sees; all without spans.
    pub spans: Option<Spans<'a>>,
}

/// So many queries that share their keys read them together, at most.
pub(crate) const TOGETHER: usize = 4;

/// `out[q] = Σ_j a_qj v_j` over the keys that query `q` sees: `[batch, heads, queries, dv]`. A query that sees no key gives zeros.
///
/// Up to four queries that share keys, of one head or of heads of one group, read them from memory once. Each of them has arithmetic of its own, so this
/// suits few queries; for many, products of whole matrices do less. Cost 2·keys·(d + dv) operations a query. Which queries go together does not change a
/// bit of a result.
///
/// # Panics
/// When a length or the spans do not fit, `kv_heads` does not divide `heads`, or `length` is over `capacity`.
#[track_caller]
pub fn attend_cached<T: Real>(args: CachedAttention<'_, T>, out: &mut [T]) {
    const KERNEL: &str = "attend_cached";
    let CachedAttention { batch, heads, kv_heads, length, capacity, d, dv, .. } = args;
    assert!(
        heads == kv_heads || (kv_heads > 0 && heads.is_multiple_of(kv_heads)),
        "kernels::{KERNEL}: {kv_heads} heads of keys do not divide {heads} heads"
    );
    assert!(length <= capacity, "kernels::{KERNEL}: {length} keys are more than the {capacity} rows of a head");
    let groups = check::product(KERNEL, &[batch, heads]);
    check::length(KERNEL, "keys", args.keys.len(), check::product(KERNEL, &[batch, kv_heads, capacity, d]));
    check::length(KERNEL, "values", args.values.len(), check::product(KERNEL, &[batch, kv_heads, capacity, dv]));
    let rows = check::rows(KERNEL, "out", out.len(), dv);
    check::length(KERNEL, "queries", args.queries.len(), check::product(KERNEL, &[rows, d]));
    if rows == 0 {
        return;
    }
    assert!(
        groups > 0 && rows.is_multiple_of(groups),
        "kernels::{KERNEL}: {rows} queries are no whole number for each of {batch} sequences of {heads} heads"
    );
    if let Some(bias) = args.bias {
        check::length(KERNEL, "bias", bias.len(), check::product(KERNEL, &[heads, rows / groups, length]));
    }
    if let Some(spans) = args.spans {
        spans.check(KERNEL, rows, length);
    }
    let run = table::<T>().attend_cached;
    let work = rows.saturating_mul(length).saturating_mul(d + dv);
    let queries = rows / groups;
    let sharing = heads / kv_heads * queries;
    let together = (1..=TOGETHER).rev().find(|&count| sharing.is_multiple_of(count)).unwrap_or(1);
    blocks(work, out, together * dv, |block, out| run(out, block * together, queries, &args));
}

impl<'a, T: Real> CachedAttention<'a, T> {
    /// The query of a row of the result, and the keys, values and bias that it meets, where each head has `queries` of them.
    #[inline(always)]
    pub(crate) fn row(&self, row: usize, queries: usize) -> Row<'a, T> {
        let CachedAttention { length, capacity, d, dv, .. } = *self;
        let (head, query) = (row / queries, row % queries);
        let kv_head = head / (self.heads / self.kv_heads);
        let bias_row = head % self.heads * queries + query;
        Row {
            query: &self.queries[row * d..][..d],
            keys: &self.keys[kv_head * capacity * d..][..length * d],
            values: &self.values[kv_head * capacity * dv..][..length * dv],
            bias: self.bias.map(|bias| &bias[bias_row * length..][..length]),
        }
    }
}

/// What one query meets.
pub(crate) struct Row<'a, T> {
    pub(crate) query: &'a [T],
    pub(crate) keys: &'a [T],
    pub(crate) values: &'a [T],
    pub(crate) bias: Option<&'a [T]>,
}
