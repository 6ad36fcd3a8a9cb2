//! What cannot be taken from a checkpoint of `transformers`, or written as one.

use anther_attention::ConfigError;

/// Why a model of one side has no form on the other.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FormError {
    /// A key of a `config.json`.
    #[error("{key} {reason}")]
    Key {
        /// The key.
        key: String,
        /// What it says and what it could say.
        reason: String,
    },
    /// A tensor of a checkpoint.
    #[error("the tensor {name} {reason}")]
    Tensor {
        /// Its name over there.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A key of a recipe.
    #[error(transparent)]
    Config(ConfigError),
}

impl FormError {
    pub(super) fn key(key: &str, reason: impl Into<String>) -> Self {
        FormError::Key { key: key.to_owned(), reason: reason.into() }
    }

    pub(super) fn tensor(name: &str, reason: impl Into<String>) -> Self {
        FormError::Tensor { name: name.to_owned(), reason: reason.into() }
    }

    pub(super) fn config(key: &str, reason: impl Into<String>) -> Self {
        FormError::Config(ConfigError::new(key, reason))
    }
}
