//! The table `[model]`: its `kind` says which other keys it has.

use anther_chain::ChainRules;
use anther_transformer::{
    AttentionConfig, CausalLmConfig, ClassifierConfig, ConfigError, EncoderDecoderConfig, MaskedLmConfig,
};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use toml::Table;

use crate::form::Form;

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
    /// Guesses hidden tokens of a sequence.
    MaskedLm(MaskedLmConfig),
    /// Tells the class of an image, a series or a sequence of tokens.
    Classifier(ClassifierConfig),
}

/// The kinds alone.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    CausalLm,
    EncoderDecoder,
    MaskedLm,
    Classifier,
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
            Kind::MaskedLm => MaskedLmConfig::deserialize(table).map(ModelConfig::MaskedLm),
            Kind::Classifier => ClassifierConfig::deserialize(table).map(ModelConfig::Classifier),
        }
        .map_err(D::Error::custom)
    }
}

impl ModelConfig {
    /// The same model for data of this form.
    #[must_use]
    pub fn over(&self, form: Form) -> Self {
        match self.clone() {
            ModelConfig::CausalLm(config) => CausalLmConfig { vocab_size: form.outputs(), ..config }.into(),
            ModelConfig::MaskedLm(config) => MaskedLmConfig { vocab_size: form.outputs(), ..config }.into(),
            ModelConfig::EncoderDecoder(config) => {
                let (source_vocabulary, target_vocabulary) = match form {
                    Form::Tokens(tokens) => (tokens, tokens),
                    Form::Pairs { source, target } => (source, target),
                    Form::Examples { classes, .. } => (classes, classes),
                };
                EncoderDecoderConfig { source_vocabulary, target_vocabulary, ..config }.into()
            }
            ModelConfig::Classifier(config) => match form {
                Form::Examples { form, classes } => ClassifierConfig { form, classes, ..config }.into(),
                Form::Tokens(_) | Form::Pairs { .. } => config.into(),
            },
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
}
