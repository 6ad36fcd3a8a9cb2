//! The configuration of a model of any kind.

use anther_attention::{AttentionConfig, ConfigError};
use anther_chain::ChainRules;
use serde::Serialize;

use crate::classifier::{ClassifierConfig, ExampleForm};
use crate::config::CausalLmConfig;
use crate::encoder_decoder::EncoderDecoderConfig;
use crate::masked_lm::MaskedLmConfig;

/// The configuration of one of the models; the documentation of its fields says which sizes the data fix.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ModelConfig {
    /// Predicts each token of a sequence from those before it.
    CausalLm(CausalLmConfig),
    /// Predicts a sequence from another one.
    EncoderDecoder(EncoderDecoderConfig),
    /// Guesses hidden tokens of a sequence.
    MaskedLm(MaskedLmConfig),
    /// Tells the class of an image, a series or a sequence of tokens.
    Classifier(ClassifierConfig),
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

impl From<MaskedLmConfig> for ModelConfig {
    fn from(config: MaskedLmConfig) -> Self {
        ModelConfig::MaskedLm(config)
    }
}

impl From<ClassifierConfig> for ModelConfig {
    fn from(config: ClassifierConfig) -> Self {
        ModelConfig::Classifier(config)
    }
}

impl ModelConfig {
    /// Checks everything that could make building or running the model fail.
    ///
    /// # Errors
    /// The first mistake, with its key.
    pub fn validate(&self) -> Result<(), ConfigError> {
        match self {
            ModelConfig::CausalLm(config) => config.validate(),
            ModelConfig::EncoderDecoder(config) => config.validate(),
            ModelConfig::MaskedLm(config) => config.validate(),
            ModelConfig::Classifier(config) => config.validate(),
        }
    }

    /// The rules for layers that are tensor chains.
    #[must_use]
    pub fn chains(&self) -> &ChainRules {
        match self {
            ModelConfig::CausalLm(config) => &config.chains,
            ModelConfig::EncoderDecoder(config) => &config.chains,
            ModelConfig::MaskedLm(config) => &config.chains,
            ModelConfig::Classifier(config) => &config.chains,
        }
    }

    /// The rules for layers that are tensor chains, to be changed.
    pub fn chains_mut(&mut self) -> &mut ChainRules {
        match self {
            ModelConfig::CausalLm(config) => &mut config.chains,
            ModelConfig::EncoderDecoder(config) => &mut config.chains,
            ModelConfig::MaskedLm(config) => &mut config.chains,
            ModelConfig::Classifier(config) => &mut config.chains,
        }
    }

    /// The same model with all layers dense.
    #[must_use]
    pub fn without_chains(&self) -> Self {
        let mut dense = self.clone();
        *dense.chains_mut() = ChainRules::default();
        dense
    }

    /// This model in the form of a preset; see [`EncoderDecoderConfig::with_preset`].
    ///
    /// # Errors
    /// For a name that is not one of them, and for a model of another kind.
    pub fn with_preset(&self, name: &str) -> Result<Self, ConfigError> {
        match self {
            ModelConfig::EncoderDecoder(config) => config.with_preset(name).map(ModelConfig::EncoderDecoder),
            ModelConfig::CausalLm(_) | ModelConfig::MaskedLm(_) | ModelConfig::Classifier(_) => {
                let reason =
                    "the forms of models by name are of encoder-decoders; choose the parts of this one with --set";
                Err(ConfigError::new("model.kind", reason))
            }
        }
    }

    /// The causal language model, if it is one.
    #[must_use]
    pub fn causal_lm(&self) -> Option<&CausalLmConfig> {
        match self {
            ModelConfig::CausalLm(config) => Some(config),
            ModelConfig::EncoderDecoder(_) | ModelConfig::MaskedLm(_) | ModelConfig::Classifier(_) => None,
        }
    }

    /// The longest sequence, in tokens; of a classifier, as far as the data are known.
    #[must_use]
    pub fn context(&self) -> usize {
        match self {
            ModelConfig::CausalLm(config) => config.context,
            ModelConfig::EncoderDecoder(config) => config.context,
            ModelConfig::MaskedLm(config) => config.context,
            ModelConfig::Classifier(config) => config.positions(),
        }
    }

    /// The attention of every block.
    #[must_use]
    pub fn attention(&self) -> &AttentionConfig {
        match self {
            ModelConfig::CausalLm(config) => &config.attention,
            ModelConfig::EncoderDecoder(config) => &config.attention,
            ModelConfig::MaskedLm(config) => &config.attention,
            ModelConfig::Classifier(config) => &config.attention,
        }
    }

    /// The attention of every block, to be changed.
    pub fn attention_mut(&mut self) -> &mut AttentionConfig {
        match self {
            ModelConfig::CausalLm(config) => &mut config.attention,
            ModelConfig::EncoderDecoder(config) => &mut config.attention,
            ModelConfig::MaskedLm(config) => &mut config.attention,
            ModelConfig::Classifier(config) => &mut config.attention,
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

    /// The same with the width inside the feed-forward block written out.
    pub(crate) fn with_widths(mut self) -> Self {
        match &mut self {
            ModelConfig::CausalLm(config) => config.feed_forward = Some(config.feed_forward()),
            ModelConfig::MaskedLm(config) => config.feed_forward = Some(config.block().feed_forward),
            ModelConfig::EncoderDecoder(config) => config.feed_forward = Some(config.feed_forward()),
            ModelConfig::Classifier(config) => config.feed_forward = Some(config.feed_forward()),
        }
        self
    }
}
