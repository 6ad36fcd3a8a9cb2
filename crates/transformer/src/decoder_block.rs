//! A block of a decoder that also attends to what an encoder made of another sequence.

use anther_attention::{AttentionContext, ConfigError, KeyValueCache, Memory, MemoryCache, MultiHeadAttention};
use anther_tensor::{Element, Scope, Var};

use crate::block_config::BlockConfig;
use crate::feed_forward::FeedForward;
use crate::norm::Norm;
use crate::sublayer::Sublayer;

/// Self-attention, attention to the memory, and a feed-forward block, each with its norm, dropout and residual (Vaswani et al. 2017, section 3.1).
///
/// Parameters `self_attn`, `encoder_attn`, `fc1` and `fc2`, and the norms `self_attn_layer_norm`, `encoder_attn_layer_norm` and `final_layer_norm`.
#[derive(Clone, Debug)]
pub struct DecoderBlock {
    attention: Sublayer<MultiHeadAttention>,
    across: Sublayer<MultiHeadAttention>,
    feed_forward: Sublayer<FeedForward>,
}

/// What the queries of each kind of attention of a decoder see.
pub struct DecoderContext<T: Element> {
    /// Of the target.
    pub own: AttentionContext<T>,
    /// Of the source.
    pub across: AttentionContext<T>,
}

impl DecoderBlock {
    /// A block as configured: both kinds of attention alike.
    ///
    /// # Errors
    /// If the attention cannot be built.
    pub fn new(scope: &mut Scope<'_>, config: &BlockConfig) -> Result<Self, ConfigError> {
        let attention = ["self_attn", "self_attn_layer_norm", "attention_dropout"];
        let across = ["encoder_attn", "encoder_attn_layer_norm", "encoder_attention_dropout"];
        let attention = Sublayer::attention(scope, config, attention)?;
        let across = Sublayer::attention(scope, config, across)?;
        let norm = Norm::new(&mut scope.child("final_layer_norm"), config);
        let feed_forward = FeedForward::new(scope, config);
        let feed_forward = Sublayer::new(feed_forward, norm, config, scope, "feed_forward_dropout");
        Ok(DecoderBlock { attention, across, feed_forward })
    }

    /// An empty cache for the self-attention of this block.
    pub fn cache<T: Element>(&self, batch: usize, capacity: usize) -> KeyValueCache<T> {
        self.attention.layer().cache(batch, capacity)
    }

    /// What the attention across makes of the output of the encoder, `[batch, length, width]`, once for all tokens.
    #[track_caller]
    pub fn memory<T: Element>(&self, encoded: &Var<'_, T>) -> MemoryCache<T> {
        self.across.layer().memory(encoded)
    }

    /// `[batch, length, width] → [batch, length, width]`. With a cache, the tokens follow those that it holds.
    #[track_caller]
    pub fn forward<'t, T: Element>(
        &self,
        x: &Var<'t, T>,
        memory: Memory<'_, 't, T>,
        context: &DecoderContext<T>,
        cache: Option<&mut KeyValueCache<T>>,
    ) -> Var<'t, T> {
        let x = self.attention.forward(x, None, &context.own, cache);
        let x = self.across.forward_across(&x, memory, &context.across);
        self.feed_forward.forward(&x, None)
    }
}
