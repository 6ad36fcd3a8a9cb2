//! The table `[model]`: its `kind` says which other keys it has.

use anther_transformer::{CausalLmConfig, ClassifierConfig, EncoderDecoderConfig, MaskedLmConfig, ModelConfig};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use toml::Table;

/// The key that says which kind of model it is.
const KIND: &str = "kind";

/// The kinds alone.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    CausalLm,
    EncoderDecoder,
    MaskedLm,
    Classifier,
}

/// A table without the key is a causal language model. A derived form would require the key, and forget in which table a mistake is.
pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ModelConfig, D::Error> {
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
