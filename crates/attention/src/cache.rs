//! The key–value cache: keys and values of the tokens that have been seen, for decoding token by token.

use anther_kernels::{self as kernels, CacheWeights, CachedAttention, Spans, Write};
use anther_tensor::{Element, KeySpans, Shape, Tensor};

use crate::linear::LinearState;

/// Keys and values of one attention layer, `[batch, heads, capacity, d]` each, filled in place up to the number of tokens seen. The tokens of
/// a head follow each other in memory, so a new query streams through them.
///
/// The keys are stored as they meet the score: rotated, if the positions are rotary. Linear attention that needs no token again keeps its running
/// state instead, whose size does not depend on the capacity.
pub struct KeyValueCache<T: Element> {
    keys: Tensor<T>,
    values: Tensor<T>,
    length: usize,
    state: Option<(LinearState<T>, usize)>,
}

impl<T: Element> KeyValueCache<T> {
    /// An empty cache.
    pub fn new(batch: usize, heads: usize, d: usize, capacity: usize) -> Self {
        let shape = Shape::from([batch, heads, capacity, d]);
        KeyValueCache { keys: Tensor::zeros(shape), values: Tensor::zeros(shape), length: 0, state: None }
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

    /// Forgets all tokens.
    pub fn clear(&mut self) {
        self.length = 0;
        if let Some((state, _)) = &mut self.state {
            state.clear();
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

    /// Appends keys and values `[batch, heads, new, d]`.
    ///
    /// # Panics
    /// If the shapes do not fit or the cache is full.
    #[track_caller]
    pub fn append(&mut self, keys: &Tensor<T>, values: &Tensor<T>) {
        let [batch, heads, capacity, d] = *self.keys.shape() else { unreachable!("made with four axes") };
        let new = keys.shape().get(2).copied().unwrap_or(0);
        let expected = Shape::from([batch, heads, new, d]);
        assert_eq!(keys.shape(), expected, "append: the keys do not fit the cache");
        assert_eq!(values.shape(), expected, "append: the values do not fit the cache");
        let past = self.length;
        assert!(past + new <= capacity, "append: {past} + {new} tokens do not fit a cache of {capacity}");
        for (cache, new) in [(&mut self.keys, keys), (&mut self.values, values)] {
            let (width, first) = (capacity * d, past * d);
            let columns = new.shape()[2] * d;
            let rows = batch * heads;
            kernels::copy_columns(cache.data_mut(), width, first, new.data(), columns, 0, rows, columns, Write::Set);
        }
        self.length += new;
    }

    /// The keys and values of all tokens, `[batch, heads, length, d]` each, copied together.
    pub fn tokens(&self) -> (Tensor<T>, Tensor<T>) {
        let [batch, heads, capacity, d] = *self.keys.shape() else { unreachable!("made with four axes") };
        let columns = self.length * d;
        let copy = |cache: &Tensor<T>| {
            Tensor::build([batch, heads, self.length, d], |out| {
                let rows = batch * heads;
                kernels::copy_columns(out, columns, 0, cache.data(), capacity * d, 0, rows, columns, Write::Set);
            })
        };
        (copy(&self.keys), copy(&self.values))
    }

    /// What queries `[batch, heads, queries, d]` gather from the tokens of the cache, read where they lie: weighted means of values of the
    /// shape of the queries. `bias` is `[heads, queries, length]` in the form that the weights take. For few queries.
    ///
    /// # Panics
    /// If the shapes or the spans do not fit.
    #[track_caller]
    pub fn attend(
        &self,
        queries: &Tensor<T>,
        scale: T,
        weights: CacheWeights<T>,
        bias: Option<&Tensor<T>>,
        spans: Option<&KeySpans>,
    ) -> Tensor<T> {
        let [batch, heads, capacity, d] = *self.keys.shape() else { unreachable!("made with four axes") };
        let new = queries.shape().get(2).copied().unwrap_or(0);
        assert_eq!(queries.shape(), Shape::from([batch, heads, new, d]), "attend: the queries do not fit the cache");
        let args = CachedAttention {
            queries: queries.data(),
            keys: self.keys.data(),
            values: self.values.data(),
            batch,
            heads,
            length: self.length,
            capacity,
            d,
            dv: d,
            scale,
            weights,
            bias: bias.map(Tensor::data),
            spans: spans.map(|spans| Spans { rows: spans.rows(), queries: spans.queries(), heads }),
        };
        Tensor::build(queries.shape(), |out| kernels::attend_cached(args, out))
    }
}
