//! A transformer block: attention and feed-forward around a residual stream.

use anther_attention::{AttentionContext, ConfigError, KeyValueCache, MultiHeadAttention};
use anther_tensor::{Element, Scope, Stream, Var};

use crate::config::{CausalLmConfig, NormPosition};
use crate::feed_forward::FeedForward;
use crate::norm::Norm;

/// A block with self-attention.
///
/// Pre-norm `x ← x + f(norm(x))`, post-norm `x ← norm(x + f(x))`, for f the attention and then the feed-forward block. Parameters
/// `self_attn`, `mlp`, `input_layernorm` (of the attention) and `post_attention_layernorm` (of the feed-forward block).
#[derive(Clone, Debug)]
pub struct Block {
    attention: MultiHeadAttention,
    attention_norm: Norm,
    feed_forward: FeedForward,
    feed_forward_norm: Norm,
    norm_position: NormPosition,
    dropout: f64,
    attention_dropout: Stream,
    feed_forward_dropout: Stream,
}

impl Block {
    /// A block as configured.
    ///
    /// # Errors
    /// If the attention cannot be built.
    pub fn new(scope: &mut Scope<'_>, config: &CausalLmConfig) -> Result<Self, ConfigError> {
        let attention_norm = Norm::new(&mut scope.child("input_layernorm"), config);
        let attention = MultiHeadAttention::with_init(
            &mut scope.child("self_attn"),
            &config.attention,
            config.width,
            config.heads,
            config.weight_init(config.width),
            config.residual_init(config.width),
        )?;
        Ok(Block {
            attention,
            attention_norm,
            feed_forward_norm: Norm::new(&mut scope.child("post_attention_layernorm"), config),
            feed_forward: FeedForward::new(&mut scope.child("mlp"), config),
            norm_position: config.norm_position,
            dropout: config.dropout,
            attention_dropout: scope.stream("attention_dropout"),
            feed_forward_dropout: scope.stream("feed_forward_dropout"),
        })
    }

    /// An empty cache for the attention of this block.
    pub fn cache<T: Element>(&self, batch: usize, capacity: usize) -> KeyValueCache<T> {
        self.attention.cache(batch, capacity)
    }

    /// `[batch, length, width] → [batch, length, width]`. With a cache, the tokens follow those that it holds.
    #[track_caller]
    pub fn forward<'t, T: Element>(
        &self,
        x: &Var<'t, T>,
        context: &AttentionContext<T>,
        cache: Option<&mut KeyValueCache<T>>,
    ) -> Var<'t, T> {
        let (attention, feed_forward) = (&self.attention, &self.feed_forward);
        // What is dropped lies between the last product and the sum, so they can only be one where nothing is.
        let fused = self.dropout == 0.0 || !x.tape().is_training();
        let attend = |x: &Var<'t, T>, residual: Option<&Var<'t, T>>| match (residual, cache) {
            (Some(residual), cache) => attention.forward_residual(x, residual, context, cache),
            (None, Some(cache)) => attention.forward_cached(x, context, cache),
            (None, None) => attention.forward(x, context),
        };
        let feed = |x: &Var<'t, T>, residual: Option<&Var<'t, T>>| match residual {
            Some(residual) => feed_forward.forward_residual(x, residual),
            None => feed_forward.forward(x),
        };
        let x = self.residual(x, &self.attention_norm, self.attention_dropout, fused, attend);
        self.residual(&x, &self.feed_forward_norm, self.feed_forward_dropout, fused, feed)
    }

    /// One sub-block with its norm, dropout and residual. `f` adds the residual itself if it gets one.
    fn residual<'t, T: Element>(
        &self,
        x: &Var<'t, T>,
        norm: &Norm,
        stream: Stream,
        fused: bool,
        f: impl FnOnce(&Var<'t, T>, Option<&Var<'t, T>>) -> Var<'t, T>,
    ) -> Var<'t, T> {
        match (self.norm_position, fused) {
            (NormPosition::Pre, true) => f(&norm.forward(x), Some(x)),
            (NormPosition::Pre, false) => x + f(&norm.forward(x), None).dropout(self.dropout, stream),
            (NormPosition::Post, true) => norm.forward(&f(x, Some(x))),
            (NormPosition::Post, false) => norm.forward_sum(x, &f(x, None).dropout(self.dropout, stream)),
        }
    }
}
