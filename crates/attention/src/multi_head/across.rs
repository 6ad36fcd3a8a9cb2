//! Attention to another sequence: to its tokens, or to what was made of them once for all tokens that will ask.

use anther_tensor::{Element, Residual, Var};

use super::MultiHeadAttention;
use crate::cache::KeyValueCache;
use crate::context::AttentionContext;
use crate::project::repeat_heads;

/// Keys and values of another sequence, projected once: [`MultiHeadAttention::memory`] makes them.
///
/// Holds 2·batch·keys·kv_heads·d numbers; a query that asks costs no product with the weights of keys and values.
pub struct MemoryCache<T: Element>(KeyValueCache<T>);

impl<T: Element> MemoryCache<T> {
    /// Number of keys.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Keeps these sequences, in this order; see [`KeyValueCache::select`].
    ///
    /// # Panics
    /// If there is no such sequence.
    #[track_caller]
    pub fn select(&mut self, sequences: &[usize]) {
        self.0.select(sequences);
    }

    /// Whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What queries of one sequence ask.
#[derive(Clone, Copy)]
pub enum Memory<'m, 't, T: Element> {
    /// The tokens of another sequence, `[batch, keys, width]`.
    Tokens(&'m Var<'t, T>),
    /// Keys and values that the same layer made of them before: for inference.
    Cached(&'m MemoryCache<T>),
}

impl MultiHeadAttention {
    /// Attention from `x`, `[batch, queries, width]`, to `memory`, `[batch, keys, width]`, in a context made by [`AttentionContext::across`].
    ///
    /// # Panics
    /// As [`MultiHeadAttention::attend_to`].
    #[track_caller]
    pub fn forward_across<'t, T: Element>(
        &self,
        x: &Var<'t, T>,
        memory: &Var<'t, T>,
        context: &AttentionContext<T>,
    ) -> Var<'t, T> {
        self.attend_to(x, Memory::Tokens(memory), None, context)
    }

    /// Attention from `x`, `[batch, queries, width]`, to `memory`, in a context made by [`AttentionContext::across`]; after dropout added to `residual`, fused
    /// into the output projection, if there is one.
    ///
    /// # Panics
    /// If the shapes do not fit, or if the configuration is for one sequence only: [`AttentionConfig::validate_across`] says so before. If keys and
    /// values are cached and the tape records: no gradient flows through them.
    ///
    /// [`AttentionConfig::validate_across`]: crate::AttentionConfig::validate_across
    #[track_caller]
    pub fn attend_to<'t, T: Element>(
        &self,
        x: &Var<'t, T>,
        memory: Memory<'_, 't, T>,
        residual: Option<Residual<'_, 't, T>>,
        context: &AttentionContext<T>,
    ) -> Var<'t, T> {
        self.check_across();
        let merged = match memory {
            Memory::Tokens(memory) => self.core(x, memory, context, None),
            Memory::Cached(MemoryCache(rows)) => {
                let tape = x.tape();
                assert!(!tape.is_recording(), "cached keys and values are for inference, but this tape records");
                let queries = self.conditions.queries_before_position(self.project.queries(x));
                let (keys, values) = rows.rows();
                let (keys, values) = (tape.constant(keys), tape.constant(values));
                self.gather([&queries, &keys, &values], x, context, Some(rows))
            }
        };
        self.project.output(&merged, residual)
    }

    /// The keys and values that this layer makes of `memory`, `[batch, keys, width]`, for [`MultiHeadAttention::attend_to`]. Cost
    /// 4·keys·width² for linear projections, once.
    ///
    /// # Panics
    /// As [`MultiHeadAttention::attend_to`].
    #[track_caller]
    pub fn memory<T: Element>(&self, memory: &Var<'_, T>) -> MemoryCache<T> {
        self.check_across();
        let tape = memory.tape();
        assert!(!tape.is_recording(), "cached keys and values are for inference, but this tape records");
        let [keys, values] = self.project.keys_and_values(memory);
        let keys = self.conditions.keys_before_position(keys, self.heads);
        let values = repeat_heads(&values, self.kv_heads);
        let [batch, kv_heads, length, d] = *keys.shape() else { unreachable!("heads have four axes") };
        let mut rows = KeyValueCache::new(batch, kv_heads, d, length);
        rows.append(keys.value(), values.value());
        MemoryCache(rows)
    }

    #[track_caller]
    fn check_across(&self) {
        if let Err(error) = self.config.validate_across(self.heads * self.d, self.heads) {
            panic!("attention to another sequence: {error}");
        }
    }
}
