//! A transformer block: attention and feed-forward around a residual stream.

use anther_attention::{AttentionContext, ConfigError, KeyValueCache, MultiHeadAttention};
use anther_tensor::{Element, Scope, Tensor, Var};

use crate::block_config::BlockConfig;
use crate::feed_forward::FeedForward;
use crate::norm::Norm;
use crate::sublayer::Sublayer;

/// After which models of Hugging Face the parameters of a block are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockNames {
    /// `self_attn`, `mlp`, and the norms `input_layernorm` (of the attention) and `post_attention_layernorm` (of the feed-forward block).
    Llama,
    /// `self_attn`, `fc1` and `fc2`, and the norms `self_attn_layer_norm` and `final_layer_norm`.
    Bart,
}

/// A block with self-attention.
///
/// Pre-norm `x ← x + f(norm(x))`, post-norm `x ← norm(x + f(x))`, for f the attention and then the feed-forward block.
#[derive(Clone, Debug)]
pub struct Block {
    attention: Sublayer<MultiHeadAttention>,
    feed_forward: Sublayer<FeedForward>,
}

impl Block {
    /// A block as configured.
    ///
    /// # Errors
    /// If the attention cannot be built.
    pub fn new(scope: &mut Scope<'_>, config: &BlockConfig, names: BlockNames) -> Result<Self, ConfigError> {
        let (attention_norm, feed_forward_norm) = match names {
            BlockNames::Llama => ("input_layernorm", "post_attention_layernorm"),
            BlockNames::Bart => ("self_attn_layer_norm", "final_layer_norm"),
        };
        let attention = Sublayer::attention(scope, config, ["self_attn", attention_norm, "attention_dropout"])?;
        let norm = Norm::new(&mut scope.child(feed_forward_norm), config);
        let feed_forward = match names {
            BlockNames::Llama => FeedForward::new(&mut scope.child("mlp"), config),
            BlockNames::Bart => FeedForward::new(scope, config),
        };
        let feed_forward = Sublayer::new(feed_forward, norm, config, scope, "feed_forward_dropout");
        Ok(Block { attention, feed_forward })
    }

    /// An empty cache for the attention of this block.
    pub fn cache<T: Element>(&self, batch: usize, capacity: usize) -> KeyValueCache<T> {
        self.attention.layer().cache(batch, capacity)
    }

    /// `[batch, length, width] → [batch, length, width]`. With a cache, the tokens follow those that it holds. Batch normalisation counts the tokens where `kept`,
    /// `[1, batch · length]`, is 1; without it all.
    #[track_caller]
    pub fn forward<'t, T: Element>(
        &self,
        x: &Var<'t, T>,
        kept: Option<&Tensor<T>>,
        context: &AttentionContext<T>,
        cache: Option<&mut KeyValueCache<T>>,
    ) -> Var<'t, T> {
        self.feed_forward.forward(&self.attention.forward(x, kept, context, cache), kept)
    }
}
