//! The core of a layer whose heads pool their keys and values: the heads of a factor together, each group with keys and masks of its own.

use anther_kernels::Span;
use anther_tensor::{Element, KeySpans, Stream, Var};

use super::MultiHeadAttention;
use super::cached::sees_all_before;
use crate::cache::KeyValueCache;
use crate::condition::{Group, Pooled};
use crate::config::Weighing;
use crate::context::AttentionContext;
use crate::pattern::{Pattern, Seen};
use crate::project::repeat_heads;
use crate::sight::{Sight, Statistics};

impl MultiHeadAttention {
    /// From rotated queries `[batch, heads, length, d]`, keys and values `[batch, kv_heads, length, d]` to what follows mixing on heads. New tokens join a cache.
    #[track_caller]
    pub(super) fn core_pooled<'t, T: Element>(
        &self,
        groups: &[Group],
        [queries, keys, values]: [&Var<'t, T>; 3],
        context: &AttentionContext<T>,
        cache: Option<&mut KeyValueCache<T>>,
    ) -> Var<'t, T> {
        let tape = queries.tape();
        assert!(
            context.seen.patterns.is_empty(),
            "pooling: a pattern hides single keys, of which pooling leaves means"
        );
        let own = |x: &Var<'t, T>, group: &Group| {
            if groups.len() == 1 { x.clone() } else { x.slice(1, group.heads.clone()) }
        };
        let join = |mixed: Vec<Var<'t, T>>| match &mixed[..] {
            [all] => all.clone(),
            parts => tape.concat(1, &parts.iter().collect::<Vec<_>>()),
        };
        let (keys, values) = match cache {
            None => (keys.clone(), values.clone()),
            Some(cache) => {
                assert!(!tape.is_recording(), "a key-value cache is for inference, but this tape records");
                let (past, new) = (cache.len(), queries.shape()[2]);
                cache.append(keys.value(), values.value());
                if self.decodes_from_pools() && new == 1 && sees_all_before(&context.seen, past, new) {
                    let mix = |(i, group)| self.mix_from_pool(&own(queries, group), group, cache.pool(i));
                    return join(groups.iter().enumerate().map(mix).collect());
                }
                let (keys, values) = cache.tokens();
                (tape.constant(keys), tape.constant(values))
            }
        };
        // The heads of a factor need not be those that share keys, so each head gets its keys before they are pooled. A cache holds them once.
        let [keys, values] = [keys, values].map(|x| repeat_heads(&x, self.heads));
        if let Some(probe) = &context.probe {
            probe.push(self.map_pooled(groups, [queries, &keys], context));
        }
        let mix = |group: &Group| {
            let (keys, values) = (own(&keys, group), own(&values, group));
            let pooled = group.pool(&keys, &values, context.seen.spans.as_ref(), context.causal);
            self.mix_pooled(&own(queries, group), pooled, group.dropout)
        };
        join(groups.iter().map(mix).collect())
    }

    /// Whether a cache keeps what one new token sees of pooled keys: not if the score makes features of means.
    pub(super) fn decodes_from_pools(&self) -> bool {
        self.config.weighing != Weighing::Linear && self.score.is_plain()
    }

    /// What one new token, whose queries these are, gathers from all rows of a pool.
    #[track_caller]
    fn mix_from_pool<'t, T: Element>(
        &self,
        queries: &Var<'t, T>,
        group: &Group,
        pool: &KeyValueCache<T>,
    ) -> Var<'t, T> {
        let tape = queries.tape();
        let sight = Sight::new(vec![KeySpans::new(vec![Span::new(0, pool.len() as u32)], 1)], group.heads.clone());
        let (keys, values) = pool.rows();
        let (keys, values) = (tape.constant(keys), tape.constant(values));
        let queries = self.conditions.after_position(queries, &Statistics::Of(&keys, &sight), &sight);
        let context = AttentionContext {
            seen: Seen::default(),
            causal: false,
            past_only: false,
            bias: None,
            rotation: None,
            probe: None,
        };
        let mixed = self.mix_cached(&queries, None, &context, &sight, pool);
        self.after.on_heads(mixed, &Statistics::Of(&values, &sight), &sight)
    }

    #[track_caller]
    fn mix_pooled<'t, T: Element>(&self, queries: &Var<'t, T>, pooled: Pooled<'t, T>, dropout: Stream) -> Var<'t, T> {
        let Pooled { values, sight, .. } = &pooled;
        let (queries, keys, context) = self.conditioned(queries, &pooled);
        let mixed = self.mix([&queries, &keys, values], &context, sight, dropout);
        self.after.on_heads(mixed, &Statistics::Of(values, sight), sight)
    }

    /// Queries and keys of a group as the score takes them, and the context of its own that they meet in.
    #[track_caller]
    pub(super) fn conditioned<'t, T: Element>(
        &self,
        queries: &Var<'t, T>,
        Pooled { keys, sight, .. }: &Pooled<'t, T>,
    ) -> (Var<'t, T>, Var<'t, T>, AttentionContext<T>) {
        let (queries, keys) = match self.config.weighing {
            Weighing::Linear => self.conditions.on_features(queries, keys, sight),
            _ => (self.conditions.after_position(queries, &Statistics::Of(keys, sight), sight), keys.clone()),
        };
        let seen = either(sight.spans());
        (
            queries,
            keys,
            AttentionContext { seen, causal: false, past_only: false, bias: None, rotation: None, probe: None },
        )
    }
}

/// What sees the keys of either of two spans, the first of which begins with the first key, or of one, or all.
fn either(spans: &[KeySpans]) -> Seen {
    let [first, second] = spans else { return Seen::from(spans.first().cloned()) };
    let rows: Vec<_> = first.rows().iter().zip(second.rows()).map(|(&first, &second)| [first, second]).collect();
    let hull = |[first, second]: &[Span; 2]| if second.is_empty() { *first } else { Span::new(0, second.end) };
    let hulls = KeySpans::new(rows.iter().map(hull).collect(), first.queries());
    Seen { patterns: vec![Pattern::either(rows, first.queries())], ..Seen::from(Some(hulls)) }
}
