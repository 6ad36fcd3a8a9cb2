//! The configuration of an encoder–decoder model.

use anther_attention::{AttentionConfig, ConfigError};
use anther_chain::ChainRules;
use serde::{Deserialize, Serialize};

use crate::block_config::{Activation, BlockConfig, NormKind, NormPosition, check_counts, check_std};
use crate::embedder::EmbeddingKind;

/// Whether source and target have the same tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Embeddings {
    /// A table for each side.
    #[default]
    Separate,
    /// One table for both, of a joint vocabulary.
    Shared,
}

/// What makes logits of hidden states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutputKind {
    /// A matrix and a bias of its own.
    #[default]
    Dense,
    /// The table of the target: one parameter in two places.
    Tied,
    /// A copy of the first values of the table of the target, which never changes and is no parameter. For the record only: this is what the program
    /// released with arXiv 2305.10991 does where it says that it ties.
    Frozen,
}

/// An encoder that reads a sequence, and a decoder that predicts the tokens of another one from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EncoderDecoderConfig {
    /// Number of tokens of the source. The data fix it; a recipe leaves it out.
    #[serde(skip)]
    pub source_vocabulary: usize,
    /// Number of tokens of the target. The data fix it; a recipe leaves it out.
    #[serde(skip)]
    pub target_vocabulary: usize,
    /// Number of blocks of the encoder.
    pub encoder_layers: usize,
    /// Number of blocks of the decoder.
    pub decoder_layers: usize,
    /// Number of attention heads of a block.
    pub heads: usize,
    /// Width of the residual streams.
    pub width: usize,
    /// The longest sequence of either side, in tokens.
    pub context: usize,
    /// Width inside the feed-forward block; without it 4 × `width`, or with `swiglu` ⌊8/3 × `width`⌋, which has as many weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feed_forward: Option<usize>,
    /// The function of the feed-forward block.
    pub activation: Activation,
    /// How rows are normalised.
    pub norm: NormKind,
    /// Where a block normalises. Pre-norm has a norm after the last block of either side.
    pub norm_position: NormPosition,
    /// Whether norms have a learned scale (and shift).
    pub norm_affine: bool,
    /// The ε of the norms.
    pub norm_eps: f64,
    /// Whether the linear layers of the feed-forward block have biases.
    pub bias: bool,
    /// Where token vectors come from; not a fixed table.
    pub embedding: EmbeddingKind,
    /// Number of levels of `h-softpos`.
    pub embedding_levels: usize,
    /// Whether both sides have one table of token vectors.
    pub embeddings: Embeddings,
    /// Whether learned token vectors are multiplied with √`width`.
    pub scale_embedding: bool,
    /// What makes logits of hidden states.
    pub output: OutputKind,
    /// Whether a tied output has a bias (`final_logits_bias` in the Marian models of Hugging Face). A dense one always has.
    pub output_bias: bool,
    /// The probability of dropout on the embedded tokens and on what each part of a block adds.
    pub dropout: f64,
    /// Standard deviation of the first weights, those of the projections into the residual stream divided by the root of the number of these
    /// projections; without it every weight has variance 1/fan-in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init_std: Option<f64>,
    /// Standard deviation of the first token vectors, before they are scaled; without it that of the weights, or else 1/√`width`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedding_std: Option<f64>,
    /// Standard deviation of learned positions.
    pub position_std: f64,
    /// The attention of every block, of the three kinds alike.
    pub attention: AttentionConfig,
    /// Layers whose weights are tensor chains; the first rule that matches a layer's name decides.
    #[serde(skip_serializing_if = "ChainRules::are_empty")]
    pub chains: ChainRules,
}

impl Default for EncoderDecoderConfig {
    fn default() -> Self {
        EncoderDecoderConfig {
            source_vocabulary: 0,
            target_vocabulary: 0,
            encoder_layers: 2,
            decoder_layers: 2,
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
            embeddings: Embeddings::Separate,
            scale_embedding: true,
            output: OutputKind::Dense,
            output_bias: false,
            dropout: 0.0,
            init_std: None,
            embedding_std: None,
            position_std: 0.02,
            attention: AttentionConfig::default(),
            chains: ChainRules::default(),
        }
    }
}

impl EncoderDecoderConfig {
    /// Checks everything that could make building or running the model fail. Every error names its key.
    pub fn validate(&self) -> Result<(), ConfigError> {
        check_counts(&[
            ("model.encoder_layers", self.encoder_layers, 1 << 10),
            ("model.decoder_layers", self.decoder_layers, 1 << 10),
            ("model.context", self.context, 1 << 20),
        ])?;
        if self.source_vocabulary == 0 || self.target_vocabulary == 0 {
            return Err(ConfigError::new("vocabulary", "there are no tokens to read or to predict"));
        }
        if self.embeddings == Embeddings::Shared && self.source_vocabulary != self.target_vocabulary {
            let (source, target) = (self.source_vocabulary, self.target_vocabulary);
            return Err(ConfigError::new(
                "model.embeddings",
                format!(
                    "one table cannot serve a source of {source} tokens and a target of {target}; make a joint vocabulary or use \"separate\""
                ),
            ));
        }
        self.encoder_block().validate()?;
        self.embedding.validate(self.width, self.embedding_levels, &self.attention)?;
        if self.embedding == EmbeddingKind::Fixed {
            let reason = "no task gives fixed vectors to an encoder-decoder; use \"learned\" or \"h-softpos\"";
            return Err(ConfigError::new("model.embedding", reason));
        }
        if self.output != OutputKind::Dense && self.embedding != EmbeddingKind::Learned {
            let reason = "only a learned table can be the output matrix; use \"dense\"";
            return Err(ConfigError::new("model.output", reason));
        }
        if self.output_bias && self.output != OutputKind::Tied {
            let reason =
                "only a tied output can be given a bias; a dense one has one, a frozen one none; set it to false";
            return Err(ConfigError::new("model.output_bias", reason));
        }
        check_std("model.position_std", self.position_std)?;
        check_std("model.embedding_std", self.embedding_std.unwrap_or(1.0))?;
        self.attention.validate_layers(self.encoder_layers.max(self.decoder_layers))?;
        self.attention.validate_across(self.width, self.heads)?;
        self.attention.validate_causal()
    }

    /// Width inside the feed-forward block.
    pub fn feed_forward(&self) -> usize {
        let wide = |times: usize| self.width.saturating_mul(times);
        self.feed_forward.unwrap_or(match self.activation {
            Activation::Swiglu => wide(8) / 3,
            _ => wide(4),
        })
    }

    /// What the blocks of the encoder are made of.
    pub fn encoder_block(&self) -> BlockConfig {
        self.block(2 * self.encoder_layers)
    }

    /// What the blocks of the decoder are made of.
    pub fn decoder_block(&self) -> BlockConfig {
        self.block(3 * self.decoder_layers)
    }

    fn block(&self, residuals: usize) -> BlockConfig {
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
            residuals,
            attention: self.attention.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anther_attention::Position;

    fn refusal(change: impl FnOnce(&mut EncoderDecoderConfig)) -> String {
        let mut config =
            EncoderDecoderConfig { source_vocabulary: 8, target_vocabulary: 9, ..EncoderDecoderConfig::default() };
        assert_eq!(config.validate(), Ok(()));
        change(&mut config);
        config.validate().unwrap_err().to_string()
    }

    #[test]
    fn a_refusal_names_the_key() {
        assert!(refusal(|c| c.encoder_layers = 0).starts_with("model.encoder_layers: 0 is not between 1 and"));
        assert!(refusal(|c| c.decoder_layers = 0).starts_with("model.decoder_layers"));
        assert!(refusal(|c| c.context = 0).starts_with("model.context"));
        assert!(refusal(|c| c.width = usize::MAX).starts_with("model.width"));
        assert!(refusal(|c| c.heads = 3).starts_with("model.heads"));
        assert!(refusal(|c| c.source_vocabulary = 0).starts_with("vocabulary"));
        assert!(refusal(|c| c.target_vocabulary = 0).starts_with("vocabulary"));
        assert!(refusal(|c| c.embeddings = Embeddings::Shared).contains("a source of 8 tokens and a target of 9"));
        assert!(refusal(|c| c.dropout = 1.0).starts_with("model.dropout"));
        assert!(refusal(|c| c.init_std = Some(0.0)).starts_with("model.init_std"));
        assert!(refusal(|c| c.position_std = f64::NAN).starts_with("model.position_std"));
        assert!(refusal(|c| c.embedding_std = Some(-0.1)).starts_with("model.embedding_std"));
        assert!(refusal(|c| c.output_bias = true).starts_with("model.output_bias"));
        assert!(refusal(|c| (c.output, c.output_bias) = (OutputKind::Frozen, true)).starts_with("model.output_bias"));
        assert!(refusal(|c| c.norm_eps = -1.0).starts_with("model.norm_eps"));
        for position in [Position::Alibi, Position::Relative, Position::Rotary] {
            assert!(refusal(|c| c.attention.position = position).contains("distances between two sequences"));
        }
        for (preset, reason) in [("window", "window"), ("block-sparse", "blocks"), ("linear+bn", "causal mask")] {
            let refusal = refusal(|c| c.attention = AttentionConfig::preset(preset).unwrap());
            assert!(refusal.contains(reason), "{refusal}");
        }
    }

    #[test]
    fn swiglu_is_narrower_by_a_third() {
        let config = |activation| EncoderDecoderConfig { width: 512, activation, ..EncoderDecoderConfig::default() };
        assert_eq!(config(Activation::Relu).feed_forward(), 2048);
        assert_eq!(config(Activation::Swiglu).feed_forward(), 1365);
        assert_eq!(EncoderDecoderConfig { feed_forward: Some(7), ..config(Activation::Swiglu) }.feed_forward(), 7);
    }
}
