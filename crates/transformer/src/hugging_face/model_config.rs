//! The configuration of a model of any kind.

use anther_attention::{AttentionConfig, ConfigError};
use anther_chain::ChainRules;
use serde::Serialize;

use crate::classifier::{ClassifierConfig, ExampleForm};
use crate::config::CausalLmConfig;
use crate::encoder_decoder::EncoderDecoderConfig;
use crate::masked_lm::MaskedLmConfig;

/// The configuration of one of the models, with the sizes that data fix.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ModelConfig {
    /// Of a causal language model.
    CausalLm(CausalLmConfig),
    /// Of a masked language model.
    MaskedLm(MaskedLmConfig),
    /// Of an encoder–decoder.
    EncoderDecoder(EncoderDecoderConfig),
    /// Of a classifier.
    Classifier(ClassifierConfig),
}

impl From<CausalLmConfig> for ModelConfig {
    fn from(config: CausalLmConfig) -> Self {
        ModelConfig::CausalLm(config)
    }
}

impl From<MaskedLmConfig> for ModelConfig {
    fn from(config: MaskedLmConfig) -> Self {
        ModelConfig::MaskedLm(config)
    }
}

impl From<EncoderDecoderConfig> for ModelConfig {
    fn from(config: EncoderDecoderConfig) -> Self {
        ModelConfig::EncoderDecoder(config)
    }
}

impl From<ClassifierConfig> for ModelConfig {
    fn from(config: ClassifierConfig) -> Self {
        ModelConfig::Classifier(config)
    }
}

impl ModelConfig {
    /// The causal language model, if it is one.
    #[must_use]
    pub fn causal_lm(&self) -> Option<&CausalLmConfig> {
        match self {
            ModelConfig::CausalLm(config) => Some(config),
            _ => None,
        }
    }

    /// Channels, rows and columns of the images that it reads, if it reads some.
    #[must_use]
    pub fn image_shape(&self) -> Option<[usize; 3]> {
        match self {
            ModelConfig::Classifier(ClassifierConfig { form: ExampleForm::Images { shape }, .. }) => Some(*shape),
            _ => None,
        }
    }

    /// Checks everything that could make building or running the model fail.
    ///
    /// # Errors
    /// The first mistake, with its key.
    pub fn validate(&self) -> Result<(), ConfigError> {
        match self {
            ModelConfig::CausalLm(config) => config.validate(),
            ModelConfig::MaskedLm(config) => config.validate(),
            ModelConfig::EncoderDecoder(config) => config.validate(),
            ModelConfig::Classifier(config) => config.validate(),
        }
    }

    pub(super) fn chains(&self) -> &ChainRules {
        match self {
            ModelConfig::CausalLm(config) => &config.chains,
            ModelConfig::MaskedLm(config) => &config.chains,
            ModelConfig::EncoderDecoder(config) => &config.chains,
            ModelConfig::Classifier(config) => &config.chains,
        }
    }

    pub(super) fn attention(&self) -> &AttentionConfig {
        match self {
            ModelConfig::CausalLm(config) => &config.attention,
            ModelConfig::MaskedLm(config) => &config.attention,
            ModelConfig::EncoderDecoder(config) => &config.attention,
            ModelConfig::Classifier(config) => &config.attention,
        }
    }

    /// The same with the width inside the feed-forward block written out.
    pub(super) fn with_widths(mut self) -> Self {
        match &mut self {
            ModelConfig::CausalLm(config) => config.feed_forward = Some(config.feed_forward()),
            ModelConfig::MaskedLm(config) => config.feed_forward = Some(config.block().feed_forward),
            ModelConfig::EncoderDecoder(config) => config.feed_forward = Some(config.feed_forward()),
            ModelConfig::Classifier(config) => config.feed_forward = Some(config.feed_forward()),
        }
        self
    }
}
