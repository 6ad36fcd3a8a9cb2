//! A transformer block: attention and feed-forward around a residual stream.

use anther_attention::{AttentionContext, ConfigError, KeyValueCache, MultiHeadAttention};
use anther_tensor::{Element, Residual, Scope, Stream, Var};

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
        let attend = |x: &Var<'t, T>, residual: Residual<'_, 't, T>| {
            self.attention.forward_residual(x, residual, context, cache)
        };
        let x = self.residual(x, &self.attention_norm, self.attention_dropout, attend);
        let feed = |x: &Var<'t, T>, residual: Residual<'_, 't, T>| self.feed_forward.forward_residual(x, residual);
        self.residual(&x, &self.feed_forward_norm, self.feed_forward_dropout, feed)
    }

    /// One sub-block with its norm; `f` adds what it makes to the residual.
    fn residual<'t, T: Element>(
        &self,
        x: &Var<'t, T>,
        norm: &Norm,
        stream: Stream,
        f: impl FnOnce(&Var<'t, T>, Residual<'_, 't, T>) -> Var<'t, T>,
    ) -> Var<'t, T> {
        let residual = Residual { to: x, dropout: Some((self.dropout, stream)) };
        match self.norm_position {
            NormPosition::Pre => f(&norm.forward(x), residual),
            NormPosition::Post => norm.forward(&f(x, residual)),
        }
    }
}
