//! The table `[model]`: its `kind` says which other keys it has.

use anther_transformer::{AttentionConfig, CausalLmConfig, ConfigError, EncoderDecoderConfig};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use toml::Table;

/// The key that says which kind of model it is.
const KIND: &str = "kind";

/// What to train.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ModelConfig {
    /// Predicts each token of a sequence from those before it.
    CausalLm(CausalLmConfig),
    /// Predicts a sequence from another one.
    EncoderDecoder(EncoderDecoderConfig),
}

/// The kinds alone.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    CausalLm,
    EncoderDecoder,
}

impl Default for ModelConfig {
    fn default() -> Self {
        ModelConfig::CausalLm(CausalLmConfig::default())
    }
}

impl From<CausalLmConfig> for ModelConfig {
    fn from(config: CausalLmConfig) -> Self {
        ModelConfig::CausalLm(config)
    }
}

impl From<EncoderDecoderConfig> for ModelConfig {
    fn from(config: EncoderDecoderConfig) -> Self {
        ModelConfig::EncoderDecoder(config)
    }
}

impl<'de> Deserialize<'de> for ModelConfig {
    /// A table without the key is a causal language model. The derived form would require the key, and forget in which table a mistake is.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut table = Table::deserialize(deserializer)?;
        let kind = match table.remove(KIND) {
            None => Kind::CausalLm,
            // The place of a mistake stands in the lines below it, the innermost first.
            Some(kind) => Kind::deserialize(kind).map_err(|error| D::Error::custom(format!("{error}\nin `{KIND}`")))?,
        };
        match kind {
            Kind::CausalLm => CausalLmConfig::deserialize(table).map(ModelConfig::CausalLm),
            Kind::EncoderDecoder => EncoderDecoderConfig::deserialize(table).map(ModelConfig::EncoderDecoder),
        }
        .map_err(D::Error::custom)
    }
}

impl ModelConfig {
    /// The same model over so many tokens, on each side if there are two.
    #[must_use]
    pub fn over(&self, tokens: usize) -> Self {
        match self.clone() {
            ModelConfig::CausalLm(config) => CausalLmConfig { vocab_size: tokens, ..config }.into(),
            ModelConfig::EncoderDecoder(config) => {
                EncoderDecoderConfig { source_vocabulary: tokens, target_vocabulary: tokens, ..config }.into()
            }
        }
    }

    /// Checks everything that could make building or running the model fail.
    ///
    /// # Errors
    /// The first mistake, with its key.
    pub fn validate(&self) -> Result<(), ConfigError> {
        match self {
            ModelConfig::CausalLm(config) => config.validate(),
            ModelConfig::EncoderDecoder(config) => config.validate(),
        }
    }

    /// The causal language model, if it is one.
    #[must_use]
    pub fn causal_lm(&self) -> Option<&CausalLmConfig> {
        match self {
            ModelConfig::CausalLm(config) => Some(config),
            ModelConfig::EncoderDecoder(_) => None,
        }
    }

    /// The longest sequence, in tokens.
    #[must_use]
    pub fn context(&self) -> usize {
        match self {
            ModelConfig::CausalLm(config) => config.context,
            ModelConfig::EncoderDecoder(config) => config.context,
        }
    }

    /// The attention of every block.
    #[must_use]
    pub fn attention(&self) -> &AttentionConfig {
        match self {
            ModelConfig::CausalLm(config) => &config.attention,
            ModelConfig::EncoderDecoder(config) => &config.attention,
        }
    }

    /// The attention of every block, to be changed.
    pub fn attention_mut(&mut self) -> &mut AttentionConfig {
        match self {
            ModelConfig::CausalLm(config) => &mut config.attention,
            ModelConfig::EncoderDecoder(config) => &mut config.attention,
        }
    }
}
