//! Checkpoints in the layout of the Python package `transformers`: what a `config.json` describes as one of the models here, and its tensors as parameters.
//!
//! Nothing here touches a disk. A [`Form`] comes out of a `config.json` ([`Form::read`]) or of a configuration of ours ([`Form::of`]). The file of an architecture
//! has two things, each used in both directions: a function that binds keys to fields, and a table of tensors. What a configuration of ours has beyond what its
//! `config.json` can say is found by writing one and reading it again, so no list of refusals can be forgotten.
//!
//! ```
//! use anther_transformer::hugging_face::{Form, TokenIds};
//! use anther_transformer::{Activation, CausalLmConfig, NormKind};
//!
//! let config = CausalLmConfig { vocab_size: 50, activation: Activation::GeluTanh, tied: true, ..CausalLmConfig::default() };
//! let form = Form::of(config.clone().into(), TokenIds::default())?;
//! assert_eq!(form.config_json()["activation_function"], "gelu_new");
//! let (again, _) = Form::read(&form.config_json())?;
//! assert_eq!(again.model.causal_lm().unwrap().width, config.width);
//!
//! let refused = Form::of(CausalLmConfig { norm: NormKind::RmsNorm, ..config }.into(), TokenIds::default()).unwrap_err();
//! assert_eq!(refused.to_string(), "model.norm: \"rms-norm\" has no form in GPT-2, which has \"layer-norm\"");
//! # Ok::<(), anther_transformer::hugging_face::FormError>(())
//! ```

mod compare;
mod error;
mod fields;
mod gpt2;
mod marian;
mod roberta;
mod table;
mod vit;

use std::collections::BTreeMap;

use anther_tensor::{Parameters, Tensor};
use serde_json::{Map, Value};

pub use error::FormError;
pub use table::{ForeignTensor, Numbers};

use crate::classifier::ClassifierConfig;
use crate::model_config::ModelConfig;
use fields::Fields;
use table::Table;

/// A kind of model of `transformers`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// `GPT2LMHeadModel`: a causal language model.
    Gpt2,
    /// `RobertaForMaskedLM`: a masked language model.
    Roberta,
    /// `MarianMTModel`: an encoder–decoder.
    Marian,
    /// `ViTForImageClassification`: a classifier of images.
    Vit,
    /// `DeiTForImageClassification`: the same with a token for distillation.
    Deit,
}

/// What messages call it, its `model_type`, and the classes whose tensors are understood, the first of which is written.
const ARCHITECTURES: [(Architecture, &str, &str, &[&str]); 5] = [
    (Architecture::Gpt2, "GPT-2", "gpt2", &["GPT2LMHeadModel", "GPT2Model"]),
    (Architecture::Roberta, "RoBERTa", "roberta", &["RobertaForMaskedLM"]),
    (Architecture::Marian, "Marian", "marian", &["MarianMTModel"]),
    (Architecture::Vit, "ViT", "vit", &["ViTForImageClassification"]),
    (Architecture::Deit, "DeiT", "deit", &["DeiTForImageClassification"]),
];

impl Architecture {
    fn row(self) -> (&'static str, &'static str, &'static [&'static str]) {
        let row = ARCHITECTURES.iter().find(|row| row.0 == self);
        let &(_, name, model_type, classes) = row.expect("every architecture has a row");
        (name, model_type, classes)
    }

    /// What messages call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// The architecture whose parts the configuration has, if there is one.
    fn of(model: &ModelConfig) -> Self {
        match model {
            ModelConfig::CausalLm(_) => Architecture::Gpt2,
            ModelConfig::MaskedLm(_) => Architecture::Roberta,
            ModelConfig::EncoderDecoder(_) => Architecture::Marian,
            ModelConfig::Classifier(ClassifierConfig { distillation_token: true, .. }) => Architecture::Deit,
            ModelConfig::Classifier(_) => Architecture::Vit,
        }
    }

    /// What the keys of a `config.json` cannot change.
    fn template(self) -> ModelConfig {
        match self {
            Architecture::Gpt2 => gpt2::template().into(),
            Architecture::Roberta => roberta::template().into(),
            Architecture::Marian => marian::template().into(),
            Architecture::Vit => vit::template(false).into(),
            Architecture::Deit => vit::template(true).into(),
        }
    }
}

/// The numbers of tokens that have a meaning, as far as a `config.json` names them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenIds {
    /// Fills a row of a batch up.
    pub padding: Option<u32>,
    /// Begins a sequence.
    pub begin: Option<u32>,
    /// Ends a sequence.
    pub end: Option<u32>,
    /// What a decoder reads first.
    pub start: Option<u32>,
}

/// A model as both sides know it.
#[derive(Clone, Debug, PartialEq)]
pub struct Form {
    /// What it is over there.
    pub architecture: Architecture,
    /// What it is here, with the sizes that the data fix.
    pub model: ModelConfig,
    /// Its special tokens.
    pub tokens: TokenIds,
    /// RoBERTa: the types that a token can have, of which only the first is used here.
    pub token_types: usize,
}

impl Form {
    /// What a `config.json` describes, and the keys in it that are not known and were not looked at.
    ///
    /// # Errors
    /// [`FormError`] naming the first key that is missing, of the wrong type, or says something that no model here can be.
    pub fn read(config: &Value) -> Result<(Self, Vec<String>), FormError> {
        let Value::Object(map) = config else {
            return Err(FormError::key("config.json", "is no JSON object"));
        };
        let architecture = architecture(map)?;
        let mut form =
            Form { architecture, model: architecture.template(), tokens: TokenIds::default(), token_types: 1 };
        let mut fields = Fields::reading(map);
        form.bind(&mut fields)?;
        let unknown = fields.unknown();
        form.model.validate().map_err(FormError::Config)?;
        Ok((form, unknown))
    }

    /// A configuration as one of `transformers`.
    ///
    /// # Errors
    /// [`FormError::Config`] naming the first key of the recipe whose value has no form there.
    pub fn of(model: ModelConfig, tokens: TokenIds) -> Result<Self, FormError> {
        if !model.chains().0.is_empty() {
            return Err(FormError::config(
                "model.chains",
                "tensor chains have no form in the layouts of Hugging Face; export them as matrices with --dense",
            ));
        }
        let architecture = Architecture::of(&model);
        let form = Form { architecture, model, tokens, token_types: 1 };
        let mut fields = Fields::writing();
        form.clone().bind(&mut fields)?;
        let written = Value::Object(form.headed(fields.into_written()));
        let (read, _) = Form::read(&written)?;
        match compare::first_difference(&form.model, &read.model) {
            None => Ok(form),
            Some((key, ours, theirs)) => {
                let reason = format!("{ours} has no form in {}, which has {theirs}", architecture.name());
                Err(FormError::config(&key, reason))
            }
        }
    }

    /// The `config.json` of it.
    ///
    /// # Panics
    /// If the fields were changed to what has no form.
    #[must_use]
    pub fn config_json(&self) -> Value {
        let mut fields = Fields::writing();
        self.clone().bind(&mut fields).expect("a form can be written");
        Value::Object(self.headed(fields.into_written()))
    }

    /// Checks that tensors are those of the model, and gives the names of those that nothing here is made of. To be asked before a model is made: only sizes that
    /// a file really has get past it.
    ///
    /// # Errors
    /// [`FormError::Tensor`] for one that is missing, that has no place, or of another shape or type, or not finite.
    pub fn check(&self, tensors: &[ForeignTensor]) -> Result<Vec<String>, FormError> {
        Ok(self.table().matched(&by_name(tensors))?.unused)
    }

    /// Puts tensors in the places of parameters.
    ///
    /// # Errors
    /// As [`Form::check`], before anything is changed.
    ///
    /// # Panics
    /// If the parameters are not those of the model.
    pub fn import(&self, tensors: &[ForeignTensor], parameters: &mut Parameters<f32>) -> Result<(), FormError> {
        self.table().import(&by_name(tensors), parameters)
    }

    /// The tensors of `transformers`; `value` gives each parameter of the model by its name.
    pub fn export(&self, value: impl Fn(&str) -> Tensor<f32>) -> Vec<ForeignTensor> {
        self.table().export(value)
    }

    /// Binds all keys of a `config.json` to fields, in one direction or the other.
    fn bind(&mut self, fields: &mut Fields<'_>) -> Result<(), FormError> {
        let tokens = &mut self.tokens;
        match &mut self.model {
            ModelConfig::CausalLm(config) => gpt2::bind(fields, config, tokens),
            ModelConfig::MaskedLm(config) => roberta::bind(fields, config, tokens, &mut self.token_types),
            ModelConfig::EncoderDecoder(config) => marian::bind(fields, config, tokens),
            ModelConfig::Classifier(config) => vit::bind(fields, config),
        }
    }

    fn table(&self) -> Table {
        match &self.model {
            ModelConfig::CausalLm(config) => gpt2::table(config),
            ModelConfig::MaskedLm(config) => roberta::table(config, self.tokens, self.token_types),
            ModelConfig::EncoderDecoder(config) => marian::table(config),
            ModelConfig::Classifier(config) => vit::table(config),
        }
    }

    /// The keys by which `transformers` knows the class, before the others.
    fn headed(&self, written: Map<String, Value>) -> Map<String, Value> {
        let (_, model_type, classes) = self.architecture.row();
        let head = [("architectures", Value::from(vec![classes[0]])), ("model_type", model_type.into())];
        head.into_iter().map(|(key, value)| (key.to_owned(), value)).chain(written).collect()
    }
}

fn by_name(tensors: &[ForeignTensor]) -> BTreeMap<&str, &ForeignTensor> {
    tensors.iter().map(|one| (&one.name[..], one)).collect()
}

/// What `model_type` and `architectures` say.
fn architecture(map: &Map<String, Value>) -> Result<Architecture, FormError> {
    let Some(model_type) = map.get("model_type").and_then(Value::as_str) else {
        return Err(FormError::key("model_type", "is not there, so nothing says which model it is"));
    };
    let Some((architecture, _, _, classes)) = ARCHITECTURES.iter().find(|row| row.2 == model_type) else {
        let known: Vec<_> = ARCHITECTURES.iter().map(|row| format!("{:?}", row.2)).collect();
        let reason = format!("is {model_type:?}; what can be read is {}", known.join(", "));
        return Err(FormError::key("model_type", reason));
    };
    let named: Vec<&str> =
        map.get("architectures").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    if named.is_empty() || named.iter().any(|name| classes.contains(name)) {
        return Ok(*architecture);
    }
    let reason = format!("names {}, but what can be read is {}", named.join(", "), classes.join(" or "));
    Err(FormError::key("architectures", reason))
}
