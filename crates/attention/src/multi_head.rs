//! The multi-head layer: the slots of a configuration, one after the other.

mod across;
mod cached;
mod pooled;
mod probed;

pub use across::{Memory, MemoryCache};

use anther_tensor::{Element, Init, ParamId, Residual, Scope, Stream, Tape, Var};

use crate::after::Afterwards;
use crate::cache::KeyValueCache;
use crate::condition::Conditions;
use crate::config::{AttentionConfig, ConfigError, Weighing};
use crate::context::AttentionContext;
use crate::driver::{Operands, TileScore, TileWeigh, attend_boxed};
use crate::linear;
use crate::position::{Position, relative};
use crate::project::{Projections, repeat_heads};
use crate::score::{Distance, Neural, OfDot, Pairwise, ScaledDot, ScoreConfig, ScoreLayer, SquaredDot, Yat};
use crate::sight::{Sight, Statistics};
use crate::weigh::{Expressive, ReluPower, Sigmoid, Softmax, Weigh};

/// Multi-head attention: `y = merge(attend(split(x W_qᵀ), split(x W_kᵀ), split(x W_vᵀ))) W_oᵀ`, or what the slots of the configuration make of it.
///
/// Parameters `q_proj`, `k_proj`, `v_proj`, `o_proj`, each `weight` `[width, width]` and, if wanted, `bias` `[width]`; the slots add and replace some.
/// Cost 8·length·width² for linear projections and 4·length·keys·width for the core, of each sequence.
#[derive(Clone, Debug)]
pub struct MultiHeadAttention {
    project: Projections,
    conditions: Conditions,
    score: ScoreLayer,
    /// The scores of keys without values, `[heads]`.
    sinks: Option<ParamId>,
    /// The table of relative positions, `[buckets, heads]`.
    relative: Option<ParamId>,
    after: Afterwards,
    heads: usize,
    /// Heads of keys and values between projection and mixing.
    kv_heads: usize,
    d: usize,
    config: AttentionConfig,
    dropout: Stream,
}

impl MultiHeadAttention {
    /// A layer with Gaussian weights of variance 1/width.
    ///
    /// # Errors
    /// As [`AttentionConfig::validate`].
    pub fn new(
        scope: &mut Scope<'_>,
        config: &AttentionConfig,
        width: usize,
        heads: usize,
    ) -> Result<Self, ConfigError> {
        MultiHeadAttention::with_init(scope, config, width, heads, Init::fan_in(width), Init::fan_in(width))
    }

    /// A layer with chosen initialisers of the input projections and of the output projection.
    ///
    /// # Errors
    /// As [`AttentionConfig::validate`].
    pub fn with_init(
        scope: &mut Scope<'_>,
        config: &AttentionConfig,
        width: usize,
        heads: usize,
        init: Init,
        output_init: Init,
    ) -> Result<Self, ConfigError> {
        config.validate(width, heads)?;
        let d = width / heads;
        let project = Projections::new(scope, &config.project, width, heads, config.bias, init, output_init);
        let conditions = Conditions::new(scope, &config.condition, heads, d);
        let kv_heads = if conditions.part_shared_keys() { heads } else { project.kv_heads() };
        Ok(MultiHeadAttention {
            project,
            conditions,
            score: ScoreLayer::new(scope, &config.score, heads, d),
            sinks: config.sinks.then(|| scope.param("sinks", [heads], Init::Zeros)),
            relative: (config.position == Position::Relative).then(|| {
                let mut scope = scope.child("relative_attention_bias");
                scope.param("weight", [relative::BUCKETS, heads], Init::fan_in(width))
            }),
            after: Afterwards::new(scope, &config.after, width, heads, config.bias, init),
            heads,
            kv_heads,
            d,
            config: config.clone(),
            dropout: scope.stream("dropout"),
        })
    }

    /// An empty cache for this layer, of as many heads as the layer has keys. (The state of linear attention has one a head of queries.)
    pub fn cache<T: Element>(&self, batch: usize, capacity: usize) -> KeyValueCache<T> {
        if self.config.weighing == Weighing::Linear
            && !self.conditions.read_all_keys()
            && !self.after.reads_all_values()
        {
            return KeyValueCache::of_state(batch, self.heads, self.d, capacity);
        }
        let raw = self.config.weighing == Weighing::Linear || self.conditions.pooling().is_some();
        let width = if raw { self.d } else { self.score.width(self.d) };
        let cache = KeyValueCache::with_widths(batch, self.kv_heads, [width, self.d], capacity);
        match self.conditions.pooling() {
            Some(groups) if self.decodes_from_pools() => cache.with_pools(groups, self.heads),
            _ => cache,
        }
    }

    /// Self-attention over `x`, `[batch, length, width]`, in a context made for that batch and length.
    ///
    /// # Panics
    /// If the shapes do not fit, or if the context is [`probed`](AttentionContext::probed) and the tape records or there is a cache.
    #[track_caller]
    pub fn forward<'t, T: Element>(&self, x: &Var<'t, T>, context: &AttentionContext<T>) -> Var<'t, T> {
        self.project.output(&self.core(x, x, context, None), None)
    }

    /// `residual + forward(x)`, or `residual + forward_cached(x)` with a cache, the sum and the dropout before it fused into the output projection.
    ///
    /// # Panics
    /// As [`MultiHeadAttention::forward`] and [`MultiHeadAttention::forward_cached`], or if the residual does not fit.
    #[track_caller]
    pub fn forward_residual<'a, 't: 'a, T: Element>(
        &self,
        x: &Var<'t, T>,
        residual: impl Into<Residual<'a, 't, T>>,
        context: &AttentionContext<T>,
        cache: Option<&mut KeyValueCache<T>>,
    ) -> Var<'t, T> {
        self.project.output(&self.core(x, x, context, cache), Some(residual.into()))
    }

    /// The same for tokens that follow those in `cache`, which they join. The context must have been made with the
    /// length of the cache as its past. A few new tokens read keys and values where they lie.
    ///
    /// # Panics
    /// If the shapes do not fit, the cache is full, or the tape records: a cache is for inference, and no gradient flows through it. If the cache
    /// has tokens and [`AttentionConfig::validate_decoding`] refuses the configuration.
    #[track_caller]
    pub fn forward_cached<'t, T: Element>(
        &self,
        x: &Var<'t, T>,
        context: &AttentionContext<T>,
        cache: &mut KeyValueCache<T>,
    ) -> Var<'t, T> {
        self.project.output(&self.core(x, x, context, Some(cache)), None)
    }

    /// Everything before the output projection, with the heads side by side: `[batch, queries, width]`.
    #[track_caller]
    fn core<'t, T: Element>(
        &self,
        x: &Var<'t, T>,
        memory: &Var<'t, T>,
        context: &AttentionContext<T>,
        cache: Option<&mut KeyValueCache<T>>,
    ) -> Var<'t, T> {
        if let (Some(false), Err(error)) =
            (cache.as_ref().map(|cache| cache.is_empty()), self.config.validate_decoding())
        {
            panic!("forward_cached: {error}");
        }
        if context.probe.is_some() {
            assert!(cache.is_none(), "a probe looks at whole sequences; give it all tokens at once and no cache");
            assert!(!x.tape().is_recording(), "a probe is for inference, but this tape records");
        }
        let (queries, keys, values) = self.project(x, memory, context);
        let Some(cache) = cache else {
            return self.gather([&queries, &keys, &values], x, context, None);
        };
        let mixed = match self.conditions.pooling() {
            Some(groups) => self.core_pooled(groups, [&queries, &keys, &values], context, Some(cache)),
            None => self.core_cached([&queries, &keys, &values], context, cache),
        };
        self.after.on_merged(mixed.merge_heads(), x)
    }

    /// What queries of `x` gather from all keys and values there are, with the heads side by side. If the same keys and values lie in `rows`, a few
    /// queries read them there.
    #[track_caller]
    fn gather<'t, T: Element>(
        &self,
        [queries, keys, values]: [&Var<'t, T>; 3],
        x: &Var<'t, T>,
        context: &AttentionContext<T>,
        rows: Option<&KeyValueCache<T>>,
    ) -> Var<'t, T> {
        if let Some(groups) = self.conditions.pooling() {
            let mixed = self.core_pooled(groups, [queries, keys, values], context, None);
            return self.after.on_merged(mixed.merge_heads(), x);
        }
        let sight = self.sight(context);
        let (queries, keys) = match self.config.weighing {
            Weighing::Linear => self.conditions.on_features(queries, keys, &sight),
            _ => (self.conditions.after_position(queries, &Statistics::Of(keys, &sight), &sight), keys.clone()),
        };
        if let Some(probe) = &context.probe {
            probe.push(self.map([&queries, &keys], context, &sight));
        }
        let mixed = match rows {
            Some(rows) if self.score.is_plain() && self.config.weighing != Weighing::Linear => {
                self.mix_cached(&queries, None, context, &sight, rows)
            }
            _ => self.mix([&queries, &keys, values], context, &sight, self.dropout),
        };
        let mixed = self.after.on_heads(mixed, &Statistics::Of(values, &sight), &sight);
        self.after.on_merged(mixed.merge_heads(), x)
    }

    /// The bias on scores by distance, as the weighing wants it, of so many queries and keys.
    fn bias<'t, T: Element>(
        &self,
        tape: &'t Tape<T>,
        context: &AttentionContext<T>,
        [queries, keys]: [usize; 2],
    ) -> Option<Var<'t, T>> {
        let bias = match self.relative {
            Some(table) => {
                let buckets = relative::buckets(queries, keys, context.seen.offset, context.past_only);
                tape.param(table).embedding(&buckets).transpose()
            }
            None => tape.constant(context.bias.clone()?),
        };
        Some(match self.config.weighing {
            Weighing::Expressive => Expressive { eps: self.config.eps }.prepare_bias(bias),
            _ => bias,
        })
    }

    /// Queries of `x`, `[batch, heads, length, d]`, keys and values of `memory`, `[batch, kv_heads, length, d]` each, conditioned, and rotated if the
    /// positions are rotary.
    #[track_caller]
    fn project<'t, T: Element>(
        &self,
        x: &Var<'t, T>,
        memory: &Var<'t, T>,
        context: &AttentionContext<T>,
    ) -> (Var<'t, T>, Var<'t, T>, Var<'t, T>) {
        let rotate = |x: Var<'t, T>| match &context.rotation {
            Some((cos, sin)) => x.rotary(cos, sin, self.config.rotary_pairing.into()),
            None => x,
        };
        let [queries, keys, values] = self.project.forward(x, memory);
        let queries = self.conditions.queries_before_position(queries);
        let keys = self.conditions.keys_before_position(keys, self.heads);
        (rotate(queries), rotate(keys), repeat_heads(&values, self.kv_heads))
    }

    /// What the queries of all heads see, for statistics of it.
    fn sight<T: Element>(&self, context: &AttentionContext<T>) -> Sight {
        Sight::new(context.seen.spans.clone().into_iter().collect(), 0..self.heads)
    }

    /// The weighted means of the values of the heads of `sight`, `[batch, heads, length, d]`.
    #[track_caller]
    fn mix<'t, T: Element>(
        &self,
        [queries, keys, values]: [&Var<'t, T>; 3],
        context: &AttentionContext<T>,
        sight: &Sight,
        dropout: Stream,
    ) -> Var<'t, T> {
        if self.config.weighing == Weighing::Linear {
            return linear::attend((queries, keys, values), linear::spans(&context.seen), self.config.eps);
        }
        let tape = queries.tape();
        let bias = self.bias(tape, context, [queries.shape()[2], keys.shape()[2]]);
        let sinks = self.sinks.map(|sinks| sight.own(tape, sinks));
        let features = self.score.features(queries, keys, sight);
        let operands = Operands {
            params: features.params.as_ref(),
            bias: bias.as_ref(),
            sinks: sinks.as_ref(),
            dropout: (self.config.dropout, dropout),
            ..Operands::new(&features.queries, &features.keys, values, &context.seen)
        };
        attend_boxed(self.tile_score(), self.tile_weigh(), operands)
    }

    /// The score of the configuration, over what [`ScoreLayer::features`] gives.
    fn tile_score<T: Element>(&self) -> Box<dyn TileScore<T>> {
        let scale = self.config.score_scale(self.d);
        match &self.config.score {
            ScoreConfig::Dot {} => Box::new(ScaledDot { scale }),
            ScoreConfig::SquaredDot {} => Box::new(OfDot(SquaredDot { scale })),
            ScoreConfig::Distance {} => Box::new(OfDot(Distance { scale })),
            ScoreConfig::Yat {} => Box::new(OfDot(Yat { scale, eps: 1e-5 })),
            ScoreConfig::Cosine(_) => Box::new(ScaledDot { scale: 1.0 }),
            ScoreConfig::Neural(config) => Box::new(Pairwise(Neural::from(config))),
        }
    }

    /// The weighing of the configuration.
    fn tile_weigh<T: Element>(&self) -> Box<dyn TileWeigh<T>> {
        match self.config.weighing {
            Weighing::Softmax => Box::new(Softmax),
            Weighing::Expressive => Box::new(Expressive { eps: self.config.eps }),
            Weighing::Sigmoid => Box::new(Sigmoid),
            Weighing::Relu => Box::new(ReluPower { power: 1 }),
            Weighing::ReluSquared => Box::new(ReluPower { power: 2 }),
            Weighing::Linear => unreachable!("linear attention has a driver of its own"),
        }
    }
}
