//! The core of a layer whose new tokens follow those of a cache.

use anther_kernels::{CacheWeights, Span};
use anther_tensor::{Element, KeySpans, Var};

use super::MultiHeadAttention;
use crate::cache::KeyValueCache;
use crate::config::Weighing;
use crate::context::AttentionContext;
use crate::core::spread;
use crate::driver::{Operands, attend_first};
use crate::linear;
use crate::pattern::Seen;
use crate::score::ScoreConfig;
use crate::sight::{Sight, Statistics};

/// Up to so many new tokens meet a cache by the kernel for few queries; more are worth products of whole matrices.
const FEW_QUERIES: usize = 8;

impl MultiHeadAttention {
    /// From rotated queries `[batch, heads, new, d]`, keys and values `[batch, kv_heads, new, d]`, which join the cache, to what follows mixing on heads.
    #[track_caller]
    pub(super) fn core_cached<'t, T: Element>(
        &self,
        [queries, keys, values]: [&Var<'t, T>; 3],
        context: &AttentionContext<T>,
        cache: &mut KeyValueCache<T>,
    ) -> Var<'t, T> {
        let tape = queries.tape();
        assert!(!tape.is_recording(), "a key-value cache is for inference, but this tape records");
        let (past, new) = (cache.len(), queries.shape()[2]);
        let mixed = if self.config.weighing == Weighing::Linear {
            self.mix_linear([queries, keys, values], context, cache)
        } else {
            // What a score makes of a key does not depend on other tokens, so the cache holds that.
            let features = self.score.features(queries, keys, &self.sight(context));
            cache.append(features.keys.value(), values.value());
            let sight = self.sight_of_cache(context, cache.len(), new);
            let queries = match self.conditions.statistics() {
                (false, _) => features.queries,
                (true, variance) if sees_all_before(&context.seen, past, new) => {
                    let (mean, variance) = cache.key_statistics(past, variance);
                    let keys =
                        Statistics::Known { mean: tape.constant(mean), variance: variance.map(|x| tape.constant(x)) };
                    self.conditions.after_position(&features.queries, &keys, &sight)
                }
                _ => {
                    let keys = tape.constant(cache.rows().0);
                    self.conditions.after_position(&features.queries, &Statistics::Of(&keys, &sight), &sight)
                }
            };
            self.mix_cached(&queries, features.params.as_ref(), context, &sight, cache)
        };
        if !self.after.reads_all_values() {
            return mixed;
        }
        let sight = self.sight_of_cache(context, cache.len(), new);
        if sees_all_before(&context.seen, past, new) {
            let mean = tape.constant(cache.value_mean(past));
            return self.after.on_heads(mixed, &Statistics::Known { mean, variance: None }, &sight);
        }
        let values = tape.constant(cache.rows().1);
        self.after.on_heads(mixed, &Statistics::Of(&values, &sight), &sight)
    }

    /// What new queries see of the rows of a cache, which may have room for more than the `length` tokens.
    fn sight_of_cache<T: Element>(&self, context: &AttentionContext<T>, length: usize, new: usize) -> Sight {
        let all = || KeySpans::new(vec![Span::new(0, length as u32); new], new);
        Sight::new(vec![context.seen.spans.clone().unwrap_or_else(all)], 0..self.heads)
    }

    /// Linear attention over the tokens of the cache and the new ones, by its state if it has one.
    #[track_caller]
    fn mix_linear<'t, T: Element>(
        &self,
        [queries, keys, values]: [&Var<'t, T>; 3],
        context: &AttentionContext<T>,
        cache: &mut KeyValueCache<T>,
    ) -> Var<'t, T> {
        let (tape, spans, eps) = (queries.tape(), linear::spans(&context.seen), self.config.eps);
        let (queries, keys) = self.conditions.on_features(queries, keys, &self.sight(context));
        if cache.is_state() {
            let (queries, keys, values) = linear::features(&queries, &keys, values);
            let qkv = (queries.value(), keys.value(), values.value());
            return tape.constant(cache.attend_state(qkv, spans, eps));
        }
        cache.append(keys.value(), values.value());
        let (keys, values) = cache.tokens();
        linear::attend((&queries, &tape.constant(keys), &tape.constant(values)), spans, eps)
    }

    /// The weighted means of the values of the cache for what the score has made of new queries of the heads of `sight`.
    #[track_caller]
    pub(super) fn mix_cached<'t, T: Element>(
        &self,
        queries: &Var<'t, T>,
        params: Option<&Var<'t, T>>,
        context: &AttentionContext<T>,
        sight: &Sight,
        cache: &KeyValueCache<T>,
    ) -> Var<'t, T> {
        let (tape, new) = (queries.tape(), queries.shape()[2]);
        let bias = self.bias(tape, context, [new, cache.len()]);
        let weights = self.cache_weights().filter(|_| context.seen.patterns.is_empty() && new <= FEW_QUERIES);
        if let Some(weights) = weights {
            let scale = T::from_f64(self.config.score_scale(self.d));
            let bias = bias.map(|bias| spread(bias.value(), new));
            return tape.constant(cache.attend(
                queries.value(),
                scale,
                weights,
                bias.as_ref(),
                context.seen.spans.as_ref(),
            ));
        }
        let (keys, values) = cache.rows();
        let (keys, values) = (tape.constant(keys), tape.constant(values));
        let sinks = self.sinks.map(|sinks| sight.own(tape, sinks));
        let operands = Operands {
            params,
            bias: bias.as_ref(),
            sinks: sinks.as_ref(),
            ..Operands::new(queries, &keys, &values, &context.seen)
        };
        tape.constant(attend_first(&*self.tile_score(), &*self.tile_weigh(), &operands, cache.len()))
    }

    /// How the kernel for few queries weighs scores, if it can.
    fn cache_weights<T: Element>(&self) -> Option<CacheWeights<T>> {
        match (&self.config.score, self.config.weighing) {
            (ScoreConfig::Dot {}, Weighing::Softmax) if self.sinks.is_none() => Some(CacheWeights::Softmax),
            (ScoreConfig::Dot {}, Weighing::Expressive) => {
                Some(CacheWeights::Squash { eps: T::from_f64(self.config.eps) })
            }
            _ => None,
        }
    }
}

/// Whether each of `new` queries sees all tokens up to its own, of which `past` come before the first: a causal mask that hides nothing else. Then
/// running statistics are those of what it sees.
pub(super) fn sees_all_before(seen: &Seen, past: usize, new: usize) -> bool {
    let all = |(i, span): (usize, &Span)| *span == Span::new(0, (past + i % new + 1) as u32);
    seen.patterns.is_empty() && seen.spans.as_ref().map_or(new == 1, |spans| spans.rows().iter().enumerate().all(all))
}

#[cfg(test)]
mod tests {
    use anther_tensor::{ParamSet, Parameters, Tape, Tensor};

    use super::*;
    use crate::{AttentionConfig, Mask};

    /// Every slot that reads the cache gives its handle back before the next token.
    #[test]
    fn a_token_does_not_move_the_cache() {
        for preset in ["dot", "bn+centred", "neural", "sinks+centred", "multi-query+cosine", "bn-sh"] {
            let config = AttentionConfig::preset(preset).unwrap();
            let mut set = ParamSet::new();
            let layer = MultiHeadAttention::new(&mut set.root(), &config, 8, 2).unwrap();
            let parameters = Parameters::<f32>::initialise(&set, 1);
            let tape = Tape::inference(&parameters);
            let mut cache = layer.cache(1, 5);
            let places = |cache: &KeyValueCache<f32>| [cache.rows().0.data().as_ptr(), cache.rows().1.data().as_ptr()];
            let mut first = None;
            for past in 0..5 {
                // A window keeps running statistics from serving the last tokens.
                let mask = if past < 3 || config.pools() { Mask::causal() } else { Mask::causal().within(2) };
                let context = AttentionContext::new(&config, &mask, 1, 1, past, 2, 4);
                layer.forward_cached(&tape.constant(Tensor::ones([1, 1, 8])), &context, &mut cache);
                let pool = config.pools().then(|| places(cache.pool(1)));
                let now = (places(&cache), pool);
                assert_eq!(*first.get_or_insert(now), now, "{preset} after {past}");
            }
        }
    }
}
