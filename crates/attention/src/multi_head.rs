//! Multi-head self-attention with linear projections.

use anther_tensor::layers::Linear;
use anther_tensor::{Element, Init, Scope, Stream, Var};

use crate::cache::KeyValueCache;
use crate::config::{AttentionConfig, ConfigError, Weighing};
use crate::context::AttentionContext;
use crate::core::attend;
use crate::score::ScaledDot;
use crate::weigh::{Expressive, Softmax};

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
        let (queries, keys, values) = self.project(x, context);
        self.mix(&queries, &keys, &values, context)
    }

    /// The same for tokens that follow those in `cache`, which they join. The context must have been made with the
    /// length of the cache as its past. No gradient flows through keys and values,
    /// those of the new tokens included: this is for inference.
    ///
    /// # Panics
    /// If the shapes do not fit or the cache is full.
    #[track_caller]
    pub fn forward_cached<'t, T: Element>(
        &self,
        x: &Var<'t, T>,
        context: &AttentionContext<T>,
        cache: &mut KeyValueCache<T>,
    ) -> Var<'t, T> {
        let (queries, keys, values) = self.project(x, context);
        let (keys, values) = cache.append(keys.value(), values.value());
        let tape = x.tape();
        self.mix(&queries, &tape.constant(keys), &tape.constant(values), context)
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

    /// The core and the output projection.
    fn mix<'t, T: Element>(
        &self,
        queries: &Var<'t, T>,
        keys: &Var<'t, T>,
        values: &Var<'t, T>,
        context: &AttentionContext<T>,
    ) -> Var<'t, T> {
        let score = ScaledDot { scale: self.config.score_scale(self.d) };
        let (bias, spans) = (context.bias.as_ref(), context.spans.as_ref());
        let dropout = (self.config.dropout, self.dropout);
        let qkv = (queries, keys, values);
        let mixed = match self.config.weighing {
            Weighing::Softmax => attend(&score, &Softmax, qkv, bias, spans, dropout),
            Weighing::Expressive => attend(&score, &Expressive { eps: self.config.eps }, qkv, bias, spans, dropout),
        };
        self.o_proj.forward(&mixed.merge_heads())
    }
}
