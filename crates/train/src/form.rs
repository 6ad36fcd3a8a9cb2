//! What data fix of a model.

use anther_transformer::{
    CausalLmConfig, ClassifierConfig, EncoderDecoderConfig, ExampleForm, MaskedLmConfig, ModelConfig,
};

/// What the inputs and outputs of a model are, which the data know and a recipe does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Sequences of so many different tokens, one of which is predicted; of an encoder–decoder, on either side.
    Tokens(usize),
    /// Sequences of `source` different tokens, from which sequences of `target` others are predicted.
    Pairs {
        /// Tokens of what is read.
        source: usize,
        /// Tokens of what is predicted.
        target: usize,
    },
    /// Examples that one of so many classes is told of.
    Examples {
        /// What an example is.
        form: ExampleForm,
        /// Number of classes.
        classes: usize,
    },
}

impl Form {
    /// Number of things that one of is predicted.
    #[must_use]
    pub fn outputs(self) -> usize {
        match self {
            Form::Tokens(tokens) => tokens,
            Form::Pairs { target, .. } => target,
            Form::Examples { classes, .. } => classes,
        }
    }

    /// A configuration with the sizes that data of this form fix.
    #[must_use]
    pub fn applied_to(self, config: &ModelConfig) -> ModelConfig {
        match config.clone() {
            ModelConfig::CausalLm(config) => CausalLmConfig { vocab_size: self.outputs(), ..config }.into(),
            ModelConfig::MaskedLm(config) => MaskedLmConfig { vocab_size: self.outputs(), ..config }.into(),
            ModelConfig::EncoderDecoder(config) => {
                let (source_vocabulary, target_vocabulary) = match self {
                    Form::Tokens(tokens) => (tokens, tokens),
                    Form::Pairs { source, target } => (source, target),
                    Form::Examples { classes, .. } => (classes, classes),
                };
                EncoderDecoderConfig { source_vocabulary, target_vocabulary, ..config }.into()
            }
            ModelConfig::Classifier(config) => match self {
                Form::Examples { form, classes } => ClassifierConfig { form, classes, ..config }.into(),
                Form::Tokens(_) | Form::Pairs { .. } => config.into(),
            },
        }
    }
}
