//! The configuration of a causal language model.

use anther_attention::{AttentionConfig, ConfigError};
use anther_chain::ChainRules;
use serde::{Deserialize, Serialize};

use crate::block_config::{Activation, BlockConfig, NormKind, NormPosition, check_counts, check_std};
use crate::embedder::EmbeddingKind;

/// A decoder-only transformer that predicts the next token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CausalLmConfig {
    /// Number of tokens. The data fix it; a recipe leaves it out.
    #[serde(skip)]
    pub vocab_size: usize,
    /// Number of blocks.
    pub layers: usize,
    /// Number of attention heads of a block.
    pub heads: usize,
    /// Width of the residual stream.
    pub width: usize,
    /// The longest sequence, in tokens.
    pub context: usize,
    /// Width inside the feed-forward block; without it 4 × `width`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feed_forward: Option<usize>,
    /// The function of the feed-forward block.
    pub activation: Activation,
    /// How rows are normalised.
    pub norm: NormKind,
    /// Where a block normalises.
    pub norm_position: NormPosition,
    /// Whether norms have a learned scale (and shift).
    pub norm_affine: bool,
    /// The ε of the norms.
    pub norm_eps: f64,
    /// Whether the linear layers of the feed-forward block have biases.
    pub bias: bool,
    /// Where token vectors come from.
    pub embedding: EmbeddingKind,
    /// Number of levels of `h-softpos`.
    pub embedding_levels: usize,
    /// Whether the output matrix is the embedding table.
    pub tied: bool,
    /// The probability of dropout on the embedding and on what each sub-block adds.
    pub dropout: f64,
    /// Standard deviation of the first weights, those of the projections into the residual stream divided by √(2 · layers) as in GPT-2;
    /// without it every weight has variance 1/fan-in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init_std: Option<f64>,
    /// Standard deviation of learned positions.
    pub position_std: f64,
    /// The attention of every block.
    pub attention: AttentionConfig,
    /// Layers whose weights are tensor chains; the first rule that matches a layer's name decides.
    #[serde(skip_serializing_if = "ChainRules::are_empty")]
    pub chains: ChainRules,
}

impl Default for CausalLmConfig {
    fn default() -> Self {
        CausalLmConfig {
            vocab_size: 0,
            layers: 2,
            heads: 2,
            width: 32,
            context: 64,
            feed_forward: None,
            activation: Activation::Gelu,
            norm: NormKind::LayerNorm,
            norm_position: NormPosition::Pre,
            norm_affine: true,
            norm_eps: 1e-5,
            bias: true,
            embedding: EmbeddingKind::Learned,
            embedding_levels: 2,
            tied: false,
            dropout: 0.0,
            init_std: None,
            position_std: 0.02,
            attention: AttentionConfig::default(),
            chains: ChainRules::default(),
        }
    }
}

impl CausalLmConfig {
    /// Checks everything that could make building or running the model fail. Every error names its key.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let refuse = |key: &str, reason: String| Err(ConfigError::new(key, reason));
        check_counts(&[("model.layers", self.layers, 1 << 10), ("model.context", self.context, 1 << 20)])?;
        if self.vocab_size == 0 {
            return refuse("vocabulary", "there are no tokens to predict".into());
        }
        self.block().validate()?;
        check_std("model.position_std", self.position_std)?;
        self.embedding.validate(self.width, self.embedding_levels, &self.attention)?;
        if self.tied && self.embedding != EmbeddingKind::Learned {
            return refuse("model.tied", "only a learned table can be the output matrix; set tied = false".into());
        }
        if self.embedding == EmbeddingKind::Fixed && self.width < self.vocab_size {
            return refuse(
                "model.width",
                format!(
                    "{} coordinates cannot hold {} orthogonal tokens; widen the model",
                    self.width, self.vocab_size
                ),
            );
        }
        self.attention.validate_layers(self.layers)?;
        self.attention.validate_causal()
    }

    /// Width inside the feed-forward block.
    pub fn feed_forward(&self) -> usize {
        self.feed_forward.unwrap_or(self.width.saturating_mul(4))
    }

    /// What its blocks are made of.
    pub fn block(&self) -> BlockConfig {
        BlockConfig {
            heads: self.heads,
            width: self.width,
            feed_forward: self.feed_forward(),
            activation: self.activation,
            norm: self.norm,
            norm_position: self.norm_position,
            norm_affine: self.norm_affine,
            norm_eps: self.norm_eps,
            bias: self.bias,
            dropout: self.dropout,
            drop_path: 0.0,
            init_std: self.init_std,
            residuals: 2 * self.layers,
            attention: self.attention.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(change: impl FnOnce(&mut CausalLmConfig)) -> String {
        let mut config = CausalLmConfig { vocab_size: 8, ..CausalLmConfig::default() };
        assert_eq!(config.validate(), Ok(()));
        change(&mut config);
        config.validate().unwrap_err().to_string()
    }

    #[test]
    fn a_refusal_names_the_key() {
        assert!(refusal(|c| c.layers = 0).starts_with("model.layers: 0 is not between 1 and"));
        assert!(refusal(|c| c.context = 0).starts_with("model.context"));
        assert!(refusal(|c| c.width = usize::MAX).starts_with("model.width"));
        assert!(refusal(|c| c.heads = 3).starts_with("model.heads"));
        assert!(refusal(|c| c.feed_forward = Some(0)).starts_with("model.feed_forward"));
        assert!(refusal(|c| c.vocab_size = 0).starts_with("vocabulary"));
        assert!(refusal(|c| c.dropout = 1.0).starts_with("model.dropout"));
        assert!(refusal(|c| c.init_std = Some(-1.0)).starts_with("model.init_std"));
        assert!(refusal(|c| c.position_std = 0.0).starts_with("model.position_std"));
        assert!(refusal(|c| c.norm_eps = 0.0).starts_with("model.norm_eps"));
        assert!(refusal(|c| c.norm_eps = 1e-50).starts_with("model.norm_eps"), "0 in f32");
        assert!(refusal(|c| (c.tied, c.embedding) = (true, EmbeddingKind::Fixed)).starts_with("model.tied"));
        assert!(refusal(|c| (c.vocab_size, c.embedding) = (64, EmbeddingKind::Fixed)).starts_with("model.width"));
        assert!(refusal(|c| c.attention.dropout = -0.1).starts_with("model.attention.dropout"));
        for preset in ["linear+bn", "linear+sh"] {
            let refusal = refusal(|c| c.attention = AttentionConfig::preset(preset).unwrap());
            assert!(refusal.contains("causal mask") && refusal.contains("attention in both directions"), "{refusal}");
        }
    }
}
