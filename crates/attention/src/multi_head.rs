//! Multi-head self-attention with linear projections.

use anther_kernels::CacheWeights;
use anther_tensor::layers::Linear;
use anther_tensor::{Element, Init, Scope, Stream, Var};

use crate::cache::KeyValueCache;
use crate::config::{AttentionConfig, ConfigError, Weighing};
use crate::context::AttentionContext;
use crate::core::attend;
use crate::driver::{TileWeigh, attend_tiled};
use crate::score::ScaledDot;
use crate::weigh::{Expressive, Softmax, Weigh};

/// Up to so many new tokens meet a cache one by one; more are worth products of whole matrices.
const FEW_QUERIES: usize = 8;

/// Multi-head self-attention: `y = merge(attend(split(x W_qᵀ), split(x W_kᵀ), split(x W_vᵀ))) W_oᵀ`.
///
/// Parameters `q_proj`, `k_proj`, `v_proj`, `o_proj`, each `weight` `[width, width]` and, if wanted, `bias` `[width]`.
/// Cost 8·length·width² for the projections and 4·length·keys·width for the core, of each sequence.
#[derive(Clone, Debug)]
pub struct MultiHeadAttention {
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    o_proj: Linear,
    heads: usize,
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
        let mut project = |name: &str, init| Linear::with_init(&mut scope.child(name), width, width, config.bias, init);
        Ok(MultiHeadAttention {
            q_proj: project("q_proj", init),
            k_proj: project("k_proj", init),
            v_proj: project("v_proj", init),
            o_proj: project("o_proj", output_init),
            heads,
            d: width / heads,
            config: config.clone(),
            dropout: scope.stream("dropout"),
        })
    }

    /// An empty cache for this layer.
    pub fn cache<T: Element>(&self, batch: usize, capacity: usize) -> KeyValueCache<T> {
        KeyValueCache::new(batch, self.heads, self.d, capacity)
    }

    /// Self-attention over `x`, `[batch, length, width]`, in a context made for that batch and length.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn forward<'t, T: Element>(&self, x: &Var<'t, T>, context: &AttentionContext<T>) -> Var<'t, T> {
        self.o_proj.forward(&self.core(x, context, None))
    }

    /// `residual + forward(x)`, or `residual + forward_cached(x)` with a cache, the sum fused into the output projection.
    ///
    /// # Panics
    /// As [`MultiHeadAttention::forward`] and [`MultiHeadAttention::forward_cached`], or if the residual does not fit.
    #[track_caller]
    pub fn forward_residual<'t, T: Element>(
        &self,
        x: &Var<'t, T>,
        residual: &Var<'t, T>,
        context: &AttentionContext<T>,
        cache: Option<&mut KeyValueCache<T>>,
    ) -> Var<'t, T> {
        self.o_proj.forward_residual(&self.core(x, context, cache), residual)
    }

    /// The same for tokens that follow those in `cache`, which they join. The context must have been made with the
    /// length of the cache as its past. A few new tokens read keys and values where they lie.
    ///
    /// # Panics
    /// If the shapes do not fit, the cache is full, or the tape records: a cache is for inference, and no gradient flows through it.
    #[track_caller]
    pub fn forward_cached<'t, T: Element>(
        &self,
        x: &Var<'t, T>,
        context: &AttentionContext<T>,
        cache: &mut KeyValueCache<T>,
    ) -> Var<'t, T> {
        self.o_proj.forward(&self.core(x, context, Some(cache)))
    }

    /// Everything before the output projection, with the heads side by side: `[batch, length, width]`.
    fn core<'t, T: Element>(
        &self,
        x: &Var<'t, T>,
        context: &AttentionContext<T>,
        cache: Option<&mut KeyValueCache<T>>,
    ) -> Var<'t, T> {
        let (queries, keys, values) = self.project(x, context);
        let mixed = match cache {
            None => self.mix(&queries, &keys, &values, context),
            Some(cache) => self.mix_cached(&queries, &keys, &values, context, cache),
        };
        mixed.merge_heads()
    }

    /// As [`MultiHeadAttention::mix`], over the tokens of the cache and the new ones, which join it.
    #[track_caller]
    fn mix_cached<'t, T: Element>(
        &self,
        queries: &Var<'t, T>,
        keys: &Var<'t, T>,
        values: &Var<'t, T>,
        context: &AttentionContext<T>,
        cache: &mut KeyValueCache<T>,
    ) -> Var<'t, T> {
        let tape = queries.tape();
        assert!(!tape.is_recording(), "a key-value cache is for inference, but this tape records");
        cache.append(keys.value(), values.value());
        if queries.shape()[2] > FEW_QUERIES {
            let (keys, values) = cache.tokens();
            return self.mix(queries, &tape.constant(keys), &tape.constant(values), context);
        }
        let weights = match self.config.weighing {
            Weighing::Softmax => CacheWeights::Softmax,
            Weighing::Expressive => CacheWeights::Squash { eps: T::from_f64(self.config.eps) },
        };
        let scale = T::from_f64(self.config.score_scale(self.d));
        tape.constant(cache.attend(queries.value(), scale, weights, context.bias.as_ref(), context.spans.as_ref()))
    }

    /// Queries, keys and values `[batch, heads, length, d]`, rotated if the positions are rotary.
    fn project<'t, T: Element>(
        &self,
        x: &Var<'t, T>,
        context: &AttentionContext<T>,
    ) -> (Var<'t, T>, Var<'t, T>, Var<'t, T>) {
        let rotate = |x: Var<'t, T>| match &context.rotation {
            Some((cos, sin)) => x.rotary(cos, sin, self.config.rotary_pairing.into()),
            None => x,
        };
        let heads = |layer: &Linear| layer.forward(x).split_heads(self.heads);
        (rotate(heads(&self.q_proj)), rotate(heads(&self.k_proj)), heads(&self.v_proj))
    }

    /// The weighted means of the values, `[batch, heads, length, d]`.
    fn mix<'t, T: Element>(
        &self,
        queries: &Var<'t, T>,
        keys: &Var<'t, T>,
        values: &Var<'t, T>,
        context: &AttentionContext<T>,
    ) -> Var<'t, T> {
        let scale = self.config.score_scale(self.d);
        let qkv = (queries, keys, values);
        let dropout = (self.config.dropout, self.dropout);
        match self.config.weighing {
            Weighing::Softmax => mix(scale, &Softmax, qkv, context, dropout),
            Weighing::Expressive => mix(scale, &Expressive { eps: self.config.eps }, qkv, context, dropout),
        }
    }
}

/// A bias on the scores is a whole matrix, so only the composed form takes one; all else goes tile by tile.
fn mix<'t, T: Element>(
    scale: f64,
    weigh: &(impl Weigh + TileWeigh),
    qkv: (&Var<'t, T>, &Var<'t, T>, &Var<'t, T>),
    context: &AttentionContext<T>,
    dropout: (f64, Stream),
) -> Var<'t, T> {
    let spans = context.spans.as_ref();
    match &context.bias {
        None => attend_tiled(scale, weigh, qkv, spans, dropout),
        Some(bias) => attend(&ScaledDot { scale }, weigh, qkv, Some(bias), spans, dropout),
    }
}
