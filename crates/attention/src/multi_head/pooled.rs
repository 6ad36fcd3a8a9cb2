//! The core of a layer whose heads pool their keys and values: the heads of a factor together, each group with keys and masks of its own.

use anther_kernels::Span;
use anther_tensor::{Element, KeySpans, Stream, Tensor, Var};

use super::MultiHeadAttention;
use crate::cache::KeyValueCache;
use crate::condition::{Group, Pooled};
use crate::config::Weighing;
use crate::context::AttentionContext;
use crate::core::attend;
use crate::score::ScaledDot;
use crate::weigh::{Expressive, Softmax};

impl MultiHeadAttention {
    /// From rotated queries, keys and values `[batch, heads, length, d]` to what follows mixing on heads. New tokens join a cache.
    #[track_caller]
    pub(super) fn core_pooled<'t, T: Element>(
        &self,
        groups: &[Group],
        [queries, keys, values]: [&Var<'t, T>; 3],
        context: &AttentionContext<T>,
        cache: Option<&mut KeyValueCache<T>>,
    ) -> Var<'t, T> {
        let tape = queries.tape();
        let (keys, values) = match cache {
            None => (keys.clone(), values.clone()),
            Some(cache) => {
                assert!(!tape.is_recording(), "a key-value cache is for inference, but this tape records");
                cache.append(keys.value(), values.value());
                let (keys, values) = cache.tokens();
                (tape.constant(keys), tape.constant(values))
            }
        };
        let mixed: Vec<_> = groups
            .iter()
            .map(|group| {
                let own = |x: &Var<'t, T>| if groups.len() == 1 { x.clone() } else { x.slice(1, group.heads.clone()) };
                let pooled = group.pool(&own(&keys), &own(&values), context.spans.as_ref(), context.causal);
                self.mix_pooled(&own(queries), pooled, group.dropout)
            })
            .collect();
        match &mixed[..] {
            [all] => all.clone(),
            parts => tape.concat(1, &parts.iter().collect::<Vec<_>>()),
        }
    }

    #[track_caller]
    fn mix_pooled<'t, T: Element>(&self, queries: &Var<'t, T>, pooled: Pooled<'t, T>, dropout: Stream) -> Var<'t, T> {
        let Pooled { keys, values, seen } = &pooled;
        let (queries, keys) = match self.config.weighing {
            Weighing::Linear => self.conditions.on_features(queries, keys, seen),
            _ => (self.conditions.after_position(queries, keys, seen), keys.clone()),
        };
        let mixed = match seen.spans() {
            [means, tokens] => self.mix_two_spans([&queries, &keys, values], means, tokens, dropout),
            spans => {
                let context =
                    AttentionContext { spans: spans.first().cloned(), bias: None, rotation: None, causal: false };
                self.mix(&queries, &keys, values, &context, dropout)
            }
        };
        self.after.on_heads(mixed, values, seen)
    }

    /// Mixing where each query sees two spans of keys, the first of which begins with the first key, in the composed form: a bias on the scores hides what
    /// lies between them.
    #[track_caller]
    fn mix_two_spans<'t, T: Element>(
        &self,
        [queries, keys, values]: [&Var<'t, T>; 3],
        first: &KeySpans,
        second: &KeySpans,
        dropout: Stream,
    ) -> Var<'t, T> {
        let [batch, heads, rows, d] = *queries.shape() else { unreachable!("heads have four axes") };
        let length = keys.shape()[2];
        let (shown, hidden) = match self.config.weighing {
            Weighing::Softmax => (T::ZERO, T::NEG_INFINITY),
            Weighing::Expressive => (T::ONE, T::ZERO),
            Weighing::Linear => unreachable!("`validate_causal` refuses pooling with a running state"),
        };
        let within = |spans: &KeySpans, row: usize, key: usize| {
            let Span { start, end } = spans.rows()[row];
            (start as usize..end as usize).contains(&key)
        };
        let value = |row: usize, key: usize| {
            if within(first, row, key) || within(second, row, key) { shown } else { hidden }
        };
        // Sequences of their own lengths have biases of their own, which are not repeated for heads by themselves.
        let bias = if first.rows().len() == rows {
            Tensor::from_fn([rows, length], |i| value(i / length, i % length))
        } else {
            let row = |i: usize| i / (heads * rows * length) * rows + i / length % rows;
            Tensor::from_fn([batch, heads, rows, length], |i| value(row(i), i % length))
        };
        // A query that sees nothing has no span either, so that its weights are 0.
        let hulls =
            first.rows().iter().zip(second.rows()).map(|(first, second)| match (first.is_empty(), second.is_empty()) {
                (_, false) => Span::new(0, second.end),
                (_, true) => *first,
            });
        let hulls = KeySpans::new(hulls.collect(), first.queries());
        let (score, dropout) = (ScaledDot { scale: self.config.score_scale(d) }, (self.config.dropout, dropout));
        let qkv = (queries, keys, values);
        match self.config.weighing {
            Weighing::Expressive => {
                let weigh = Expressive { eps: self.config.eps };
                attend(&score, &weigh, qkv, Some(&bias), Some(&hulls), dropout)
            }
            _ => attend(&score, &Softmax, qkv, Some(&bias), Some(&hulls), dropout),
        }
    }
}
