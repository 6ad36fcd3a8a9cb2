//! Keys of a `config.json` bound to fields: one description that reads and writes.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{FormError, TokenIds};
use crate::block_config::Activation;

/// Keys that say nothing about what a model computes, or only about how it was made or is used.
const WITHOUT_EFFECT: [&str; 36] = [
    "architectures",
    "model_type",
    "transformers_version",
    "torch_dtype",
    "dtype",
    "use_cache",
    "return_dict",
    "output_attentions",
    "output_hidden_states",
    "_name_or_path",
    "_num_labels",
    "_attn_implementation_autoset",
    "gradient_checkpointing",
    "initializer_range",
    "initializer_factor",
    "init_std",
    "id2label",
    "label2id",
    "num_labels",
    "task_specific_params",
    "summary_activation",
    "summary_first_dropout",
    "summary_proj_to_labels",
    "summary_type",
    "summary_use_proj",
    "n_ctx",
    "reorder_and_upcast_attn",
    "classifier_dropout",
    "classif_dropout",
    "encoder_stride",
    "pooler_act",
    "pooler_output_size",
    "num_hidden_layers",
    "max_length",
    "num_beams",
    "bad_words_ids",
];

/// Names of activations; of several for one, the first is written.
const ACTIVATIONS: [(&str, Activation); 8] = [
    ("gelu_new", Activation::GeluTanh),
    ("gelu_pytorch_tanh", Activation::GeluTanh),
    ("gelu_fast", Activation::GeluTanh),
    ("gelu", Activation::Gelu),
    ("gelu_python", Activation::Gelu),
    ("relu", Activation::Relu),
    ("swish", Activation::Silu),
    ("silu", Activation::Silu),
];

/// The keys of a `config.json` on their way in or out.
pub(super) struct Fields<'a> {
    /// What is read; nothing if keys are written.
    source: Option<&'a Map<String, Value>>,
    known: BTreeSet<&'static str>,
    written: Map<String, Value>,
}

type Bound = Result<(), FormError>;

impl<'a> Fields<'a> {
    pub(super) fn reading(source: &'a Map<String, Value>) -> Self {
        Fields { source: Some(source), known: BTreeSet::new(), written: Map::new() }
    }

    pub(super) fn writing() -> Self {
        Fields { source: None, known: BTreeSet::new(), written: Map::new() }
    }

    pub(super) fn into_written(self) -> Map<String, Value> {
        self.written
    }

    /// Keys that were there to be read and that nobody asked for.
    pub(super) fn unknown(&self) -> Vec<String> {
        let keys = self.source.into_iter().flat_map(Map::keys);
        keys.filter(|key| !self.known.contains(&key[..]) && !WITHOUT_EFFECT.contains(&&key[..])).cloned().collect()
    }

    /// Binds a key to a value. A key that is not there, or null, stands for `absent`, and is missing if there is none.
    pub(super) fn bind<T>(
        &mut self,
        key: &'static str,
        value: &mut T,
        absent: Option<T>,
        what: &str,
        read: impl Fn(&Value) -> Option<T>,
        write: impl Fn(&T) -> Value,
    ) -> Bound {
        self.known.insert(key);
        let Some(source) = self.source else {
            self.written.insert(key.to_owned(), write(value));
            return Ok(());
        };
        match (source.get(key), absent) {
            (None | Some(Value::Null), Some(absent)) => *value = absent,
            (None | Some(Value::Null), None) => return Err(FormError::key(key, format!("is not there; it is {what}"))),
            (Some(found), _) => {
                *value = read(found).ok_or_else(|| FormError::key(key, format!("is {found}, which is not {what}")))?;
            }
        }
        Ok(())
    }

    /// A number of things.
    pub(super) fn count(&mut self, key: &'static str, value: &mut usize) -> Bound {
        self.bind(key, value, None, "a whole number", as_count, |&value| value.into())
    }

    /// The same where the key may be left out.
    pub(super) fn count_or(&mut self, key: &'static str, absent: usize, value: &mut usize) -> Bound {
        self.bind(key, value, Some(absent), "a whole number", as_count, |&value| value.into())
    }

    /// A number of things, or null.
    pub(super) fn optional_count(&mut self, key: &'static str, value: &mut Option<usize>) -> Bound {
        let read = |found: &Value| as_count(found).map(Some);
        self.bind(key, value, Some(None), "a whole number", read, |&value| value.into())
    }

    /// A number.
    pub(super) fn number(&mut self, key: &'static str, absent: f64, value: &mut f64) -> Bound {
        self.bind(key, value, Some(absent), "a number", Value::as_f64, |&value| value.into())
    }

    /// Yes or no.
    pub(super) fn flag(&mut self, key: &'static str, absent: bool, value: &mut bool) -> Bound {
        self.bind(key, value, Some(absent), "true or false", Value::as_bool, |&value| value.into())
    }

    /// The function of the feed-forward block.
    pub(super) fn activation(&mut self, key: &'static str, absent: &str, value: &mut Activation) -> Bound {
        let of = |name: &str| ACTIVATIONS.iter().find(|(known, _)| *known == name).map(|(_, activation)| *activation);
        let name = ACTIVATIONS.iter().find(|(_, known)| known == value).map(|(name, _)| *name);
        if self.source.is_none() && name.is_none() {
            let reason = "swiglu has no form in the layouts of Hugging Face that can be written";
            return Err(FormError::config("model.activation", reason));
        }
        let what = format!("one of {}", ACTIVATIONS.map(|(name, _)| name).join(", "));
        self.bind(key, value, of(absent), &what, |found| of(found.as_str()?), |_| name.into())
    }

    /// The number of a token, or null.
    pub(super) fn token(&mut self, key: &'static str, value: &mut Option<u32>) -> Bound {
        let read = |found: &Value| u32::try_from(found.as_u64()?).ok().map(Some);
        self.bind(key, value, Some(None), "the number of a token", read, |&value| value.into())
    }

    /// What begins, ends and pads.
    pub(super) fn tokens(&mut self, tokens: &mut TokenIds) -> Bound {
        self.token("bos_token_id", &mut tokens.begin)?;
        self.token("eos_token_id", &mut tokens.end)?;
        self.token("pad_token_id", &mut tokens.padding)
    }

    /// A key that may say one thing only, which is also what it stands for where it is not there.
    pub(super) fn fixed(&mut self, key: &'static str, only: impl Into<Value>) -> Bound {
        self.known.insert(key);
        let only = only.into();
        match self.source {
            None => {
                self.written.insert(key.to_owned(), only);
                Ok(())
            }
            Some(source) => match source.get(key) {
                None | Some(Value::Null) => Ok(()),
                Some(found) if *found == only => Ok(()),
                Some(found) => Err(FormError::key(key, format!("is {found}; only {only} has a form here"))),
            },
        }
    }

    /// The same for a key of older versions, which is never written.
    pub(super) fn formerly(&mut self, key: &'static str, only: impl Into<Value>) -> Bound {
        match self.source {
            None => Ok(()),
            Some(_) => self.fixed(key, only),
        }
    }

    /// Keys of training that a recipe has no place for: read and left alone.
    pub(super) fn left_alone(&mut self, keys: &[&'static str]) {
        self.known.extend(keys);
    }

    /// A key to be looked at by its own rules, when keys are read.
    pub(super) fn look(&mut self, key: &'static str) -> Option<&'a Value> {
        self.known.insert(key);
        self.source.and_then(|source| source.get(key)).filter(|value| !value.is_null())
    }

    /// A key by its own rules, when keys are written.
    pub(super) fn put(&mut self, key: &'static str, value: impl Into<Value>) {
        if self.source.is_none() {
            self.written.insert(key.to_owned(), value.into());
        }
    }

    /// Whether keys are read.
    pub(super) fn reads(&self) -> bool {
        self.source.is_some()
    }
}

pub(super) fn as_count(value: &Value) -> Option<usize> {
    usize::try_from(value.as_u64()?).ok()
}
