//! The key–value cache: keys and values of the tokens that have been seen, for decoding token by token.

mod pool;

use anther_kernels::{self as kernels, CacheWeights, CachedAttention, Spans, Write};
use anther_tensor::{Element, KeySpans, Shape, Tensor};

use crate::condition::Group;
use crate::linear::LinearState;
use crate::running::{Running, Statistic};
use pool::Pool;

/// Keys and values of one attention layer, `[batch, kv_heads, capacity, width]` each, filled in place up to the number of tokens seen. The tokens of
/// a head follow each other in memory, so a new query streams through them. Heads of queries that share keys share them here too.
///
/// The keys are stored as they meet the score: rotated, if the positions are rotary, and as its features, if it makes some of each key alone. Statistics
/// of all tokens, for slots that ask for them, run along. Linear attention that needs no token again keeps its running
/// state instead, whose size does not depend on the capacity.
pub struct KeyValueCache<T: Element> {
    keys: Tensor<T>,
    values: Tensor<T>,
    length: usize,
    /// Mean and variance of the keys and mean of the values.
    statistics: [Running; 3],
    /// One for each group of heads that pool.
    pools: Vec<Pool<T>>,
    state: Option<(LinearState<T>, usize)>,
}

impl<T: Element> KeyValueCache<T> {
    /// An empty cache.
    pub fn new(batch: usize, kv_heads: usize, d: usize, capacity: usize) -> Self {
        KeyValueCache::with_widths(batch, kv_heads, [d, d], capacity)
    }

    /// An empty cache for keys and values of these widths.
    pub(crate) fn with_widths(batch: usize, kv_heads: usize, widths: [usize; 2], capacity: usize) -> Self {
        let [keys, values] = widths.map(|width| Tensor::zeros([batch, kv_heads, capacity, width]));
        let statistics = [Statistic::Mean, Statistic::Variance, Statistic::Mean].map(Running::new);
        KeyValueCache { keys, values, length: 0, statistics, pools: Vec::new(), state: None }
    }

    /// The same cache with pools for these groups of the `heads` of a layer.
    pub(crate) fn with_pools(self, groups: &[Group], heads: usize) -> Self {
        let pools = groups.iter().map(|group| Pool::new(&self, group, heads)).collect();
        KeyValueCache { pools, ..self }
    }

    /// What the pool of a group has of all tokens, as the rows of a cache.
    pub(crate) fn pool(&mut self, group: usize) -> &KeyValueCache<T> {
        self.pools[group].advance(&self.keys, &self.values, self.length)
    }

    /// An empty cache that keeps a running state in the place of keys and values.
    pub(crate) fn of_state(batch: usize, heads: usize, d: usize, capacity: usize) -> Self {
        let state = Some((LinearState::new(batch, heads, d), capacity));
        KeyValueCache { state, ..KeyValueCache::new(batch, heads, d, 0) }
    }

    /// Whether the cache keeps a running state.
    pub(crate) fn is_state(&self) -> bool {
        self.state.is_some()
    }

    /// Number of tokens that have been seen.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether no token has been seen.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Number of tokens that fit.
    pub fn capacity(&self) -> usize {
        self.state.as_ref().map_or(self.keys.shape()[2], |(_, capacity)| *capacity)
    }

    /// Bytes that keys and values, pools of them, or the state take: those of all tokens that fit.
    pub fn bytes(&self) -> usize {
        let state = self.state.as_ref().map_or(0, |(state, _)| state.numel());
        let pools: usize = self.pools.iter().map(Pool::bytes).sum();
        (self.keys.numel() + self.values.numel() + state) * size_of::<T>() + pools
    }

    /// Forgets all tokens.
    pub fn clear(&mut self) {
        self.length = 0;
        self.statistics.iter_mut().for_each(Running::clear);
        self.pools.iter_mut().for_each(Pool::clear);
        if let Some((state, _)) = &mut self.state {
            state.clear();
        }
    }

    /// Keeps these sequences, in this order; a sequence may be named more than once. What runs along is made anew with the next token: this is for searches
    /// that go on with some of their sequences. Costs a copy of all tokens that have been seen.
    ///
    /// # Panics
    /// If there is no such sequence.
    #[track_caller]
    pub fn select(&mut self, sequences: &[usize]) {
        for cache in [&mut self.keys, &mut self.values] {
            let [batch, heads, capacity, width] = *cache.shape() else { unreachable!("made with four axes") };
            if let Some(sequence) = sequences.iter().find(|&&sequence| sequence >= batch) {
                panic!("select: there is no sequence {sequence} of {batch}");
            }
            let (head, used) = (capacity * width, self.length.min(capacity) * width);
            let old = cache.data();
            let new = Tensor::build([sequences.len(), heads, capacity, width], |new| {
                for (new, &sequence) in new.chunks_exact_mut((heads * head).max(1)).zip(sequences) {
                    let old = &old[sequence * heads * head..][..heads * head];
                    let tokens = new.chunks_exact_mut(head.max(1)).zip(old.chunks_exact(head.max(1)));
                    tokens.for_each(|(new, old)| new[..used].copy_from_slice(&old[..used]));
                }
            });
            *cache = new;
        }
        self.statistics.iter_mut().for_each(Running::clear);
        self.pools.iter_mut().for_each(|pool| pool.restart(sequences.len()));
        if let Some((state, _)) = &mut self.state {
            state.select(sequences);
        }
    }

    /// What new queries gather from the state and from new keys and values, which join it: features and values `[batch, heads, new, d]`.
    ///
    /// # Panics
    /// If the cache keeps no state, the shapes or spans do not fit, or the cache is full.
    #[track_caller]
    pub(crate) fn attend_state(
        &mut self,
        qkv: (&Tensor<T>, &Tensor<T>, &Tensor<T>),
        spans: Option<&KeySpans>,
        eps: f64,
    ) -> Tensor<T> {
        let past = self.length;
        let (state, capacity) = self.state.as_mut().expect("the cache was made for a state");
        let new = qkv.1.shape().get(2).copied().unwrap_or(0);
        assert!(past + new <= *capacity, "append: {past} + {new} tokens do not fit a cache of {capacity}");
        let y = state.attend(qkv, past, spans, eps);
        self.length += new;
        y
    }

    /// Appends keys and values `[batch, kv_heads, new, width]`.
    ///
    /// # Panics
    /// If the shapes do not fit or the cache is full.
    #[track_caller]
    pub fn append(&mut self, keys: &Tensor<T>, values: &Tensor<T>) {
        let (past, new) = (self.length, keys.shape().get(2).copied().unwrap_or(0));
        for (name, cache, tokens) in [("keys", &mut self.keys, keys), ("values", &mut self.values, values)] {
            let [batch, heads, capacity, width] = *cache.shape() else { unreachable!("made with four axes") };
            let expected = Shape::from([batch, heads, new, width]);
            assert_eq!(tokens.shape(), expected, "append: the {name} do not fit the cache");
            assert!(past + new <= capacity, "append: {past} + {new} tokens do not fit a cache of {capacity}");
            let (row, first, columns, rows) = (capacity * width, past * width, new * width, batch * heads);
            kernels::copy_columns(cache.data_mut(), row, first, tokens.data(), columns, 0, rows, columns, Write::Set);
        }
        self.length += new;
    }

    /// The keys and values of all tokens, `[batch, kv_heads, length, width]` each, copied together.
    pub fn tokens(&self) -> (Tensor<T>, Tensor<T>) {
        let copy = |cache: &Tensor<T>| {
            let [batch, heads, capacity, width] = *cache.shape() else { unreachable!("made with four axes") };
            Tensor::build([batch, heads, self.length, width], |out| {
                let (row, columns, rows) = (capacity * width, self.length * width, batch * heads);
                kernels::copy_columns(out, columns, 0, cache.data(), row, 0, rows, columns, Write::Set);
            })
        };
        (copy(&self.keys), copy(&self.values))
    }

    /// Keys and values where they lie, `[batch, kv_heads, capacity, width]` each, of which the first [`KeyValueCache::len`] rows of a head are in use. The
    /// next token copies the cache if these are held until then.
    pub(crate) fn rows(&self) -> (Tensor<T>, Tensor<T>) {
        (self.keys.clone(), self.values.clone())
    }

    /// The mean of the keys up to each of those from number `first` on, `[batch, kv_heads, length − first, width]`, and if wanted their biased variance.
    /// Cost only what is new since the last call.
    pub(crate) fn key_statistics(&mut self, first: usize, variance: bool) -> (Tensor<T>, Option<Tensor<T>>) {
        let [mean, of_keys, _] = &mut self.statistics;
        let mean = mean.advance(&self.keys, first, self.length);
        (mean, variance.then(|| of_keys.advance(&self.keys, first, self.length)))
    }

    /// The mean of the values up to each of those from number `first` on, at the same cost.
    pub(crate) fn value_mean(&mut self, first: usize) -> Tensor<T> {
        self.statistics[2].advance(&self.values, first, self.length)
    }

    /// What queries `[batch, heads, queries, d]` gather from the tokens of the cache, read where they lie: weighted means of values,
    /// `[batch, heads, queries, width]`. `bias` is `[heads, queries, length]` in the form that the weights take. For few queries.
    ///
    /// # Panics
    /// If the shapes or the spans do not fit, or the heads of the cache do not divide those of the queries.
    #[track_caller]
    pub fn attend(
        &self,
        queries: &Tensor<T>,
        scale: T,
        weights: CacheWeights<T>,
        bias: Option<&Tensor<T>>,
        spans: Option<&KeySpans>,
    ) -> Tensor<T> {
        let [batch, kv_heads, capacity, d] = *self.keys.shape() else { unreachable!("made with four axes") };
        let dv = self.values.shape()[3];
        let axis = |i: usize| queries.shape().get(i).copied().unwrap_or(0);
        let (heads, new) = (axis(1), axis(2));
        assert_eq!(queries.shape(), Shape::from([batch, heads, new, d]), "attend: the queries do not fit the cache");
        let args = CachedAttention {
            queries: queries.data(),
            keys: self.keys.data(),
            values: self.values.data(),
            batch,
            heads,
            kv_heads,
            length: self.length,
            capacity,
            d,
            dv,
            scale,
            weights,
            bias: bias.map(Tensor::data),
            spans: spans.map(|spans| Spans { rows: spans.rows(), queries: spans.queries(), heads }),
        };
        Tensor::build([batch, heads, new, dv], |out| kernels::attend_cached(args, out))
    }
}
