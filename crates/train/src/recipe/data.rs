//! The table `[data]`.

use anther_data::images::{Augment, Standard};
use anther_data::listops::ListOpsConfig;
use anther_data::nt::{NtConfig, NtEmbedding, NtRule};
use anther_data::reverse_map::ReverseMapConfig;
use anther_data::tokenizer::{TokenizerConfig, TokenizerKind};
use serde::{Deserialize, Serialize};

use crate::form::Form;
use crate::settings::Replacement;

/// What kind of data a model is trained on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskKind {
    /// Sequences made by a rule, see [`anther_data::nt`]; measured by accuracy.
    #[default]
    Nt,
    /// A text to be gone on with; measured by loss if a token is a character, by perplexity otherwise.
    Text,
    /// A text in which hidden tokens are to be guessed, see [`anther_data::masked`]; measured by their perplexity.
    MaskedText,
    /// Sequences to be mapped token by token and reversed, see [`anther_data::reverse_map`]; measured by perplexity.
    ReverseMap,
    /// Sentences to be translated, see [`anther_data::parallel`]; measured by perplexity.
    Translation,
    /// Images with a class each, see [`anther_data::images`]; measured by accuracy.
    Images,
    /// Series of numbers with a class each, see [`anther_data::series`]; measured by accuracy.
    Series,
    /// Nested lists to be reckoned, see [`anther_data::listops`]; measured by accuracy.
    Listops,
}

impl TaskKind {
    /// Whether examples are to be classified.
    #[must_use]
    pub fn tells_classes(self) -> bool {
        matches!(self, TaskKind::Images | TaskKind::Series | TaskKind::Listops)
    }
}

/// What a decoder reads before the first token of a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DecoderStart {
    /// The token that begins a sequence.
    #[default]
    Begin,
    /// The token that fills a row up, as in the Marian models of Hugging Face; then no answer has it.
    Padding,
}

/// Where the data are is said by these keys together, so whoever names other data names them all anew.
pub(super) const PLACES: [Replacement; 2] = [
    Replacement { key: "data.path", others: &["data.name", "data.train", "data.validation", "data.test"] },
    Replacement { key: "data.name", others: &["data.path", "data.train", "data.validation", "data.test"] },
];

/// What to train on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataConfig {
    /// The kind of task: `nt`, `text`, `masked-text`, `reverse-map`, `translation`, `images`, `series` or `listops`.
    pub task: TaskKind,
    /// The folder of the data set, as given or below the data directory (series also below its folder `uea`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The file in that folder to train on, if its name does not make it clear.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train: Option<String>,
    /// The file in that folder to validate on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<String>,
    /// The file in that folder to test with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<String>,
    /// `translation`: the language of the source, as the names of files end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// `translation`: the language of the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// `translation`: whether both sides have the same tokens, made from both.
    #[serde(skip_serializing_if = "is_false")]
    pub joint: bool,
    /// `translation`: what the decoder reads first.
    #[serde(skip_serializing_if = "is_begin")]
    pub decoder_start: DecoderStart,
    /// `translation`: the most tokens of a batch on either side, padding included, in the place of `train.batch`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<usize>,
    /// `text`, `masked-text`, `translation`: what a token is, made from the training part.
    #[serde(skip_serializing_if = "is_default")]
    pub tokenizer: TokenizerConfig,
    /// `text`, `masked-text`, `translation`: a `tokenizer.json` in the place of a tokenizer that is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokenizer_file: Option<String>,
    /// `text`, `masked-text`: one file in the place of a folder, as given or below the data directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// `text`, `masked-text`: how much of the file, from its start, is for training; the rest is for validation.
    pub train_fraction: f64,
    /// `nt`: the rule; `sum` if there are no `rules` either.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<NtRule>,
    /// `nt`: several rules, one of which each sequence follows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<NtRule>,
    /// `nt`: number of symbols N. `reverse-map`: number of tokens, padding, begin and end among them.
    pub n: u32,
    /// `nt`: the delay τ.
    pub tau: u32,
    /// `nt`: the probability that a symbol is replaced by a random one.
    pub noise: f64,
    /// `nt`: the seed of the tables of the rules `random` and `latin`, and of orthogonal vectors. `reverse-map`: the seed of the map.
    pub table_seed: u64,
    /// `nt`: the fixed vectors of a model with a fixed embedding.
    pub embedding: NtEmbedding,
    /// `reverse-map`: the fewest tokens of a source, its end not counted. `listops`: the fewest tokens of a list.
    pub shortest: usize,
    /// `reverse-map`: the most tokens of a source, its end not counted. `listops`: the most tokens of a list.
    pub longest: usize,
    /// `images`, `series`, `listops`: the share of the training part, of each class alike, that is held out to validate on; with 0 the test part is what
    /// evaluations look at, as is usual for these data.
    pub hold_out: f64,
    /// `images`: the side of a square that all images are scaled to; without it they keep their size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<usize>,
    /// `images`: the mean that each channel is standardised by, of pixels from 0 to 1; without it and `std`, those of the training images that are learned from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean: Option<Vec<f64>>,
    /// `images`: the deviation that each channel is standardised by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub std: Option<Vec<f64>>,
    /// `images`: random changes of training images.
    #[serde(skip_serializing_if = "is_plain")]
    pub augment: Augment,
    /// `listops`: how many different lists are drawn to train on.
    pub examples: usize,
    /// `listops`: the greatest depth of a list.
    pub depth: usize,
    /// `listops`: the most parts of a list.
    pub arguments: usize,
}

fn is_plain(augment: &Augment) -> bool {
    *augment == Augment::default()
}

impl Default for DataConfig {
    fn default() -> Self {
        DataConfig {
            task: TaskKind::Nt,
            name: None,
            train: None,
            validation: None,
            test: None,
            source: None,
            target: None,
            joint: false,
            decoder_start: DecoderStart::Begin,
            max_tokens: None,
            tokenizer: TokenizerConfig::default(),
            tokenizer_file: None,
            path: None,
            train_fraction: 0.9,
            rule: None,
            rules: Vec::new(),
            n: 2,
            tau: 5,
            noise: 0.0,
            table_seed: 0,
            embedding: NtEmbedding::Orthogonal,
            shortest: 3,
            longest: 8,
            hold_out: 0.0,
            size: None,
            mean: None,
            std: None,
            augment: Augment::default(),
            examples: 96_000,
            depth: 10,
            arguments: 10,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_begin(start: &DecoderStart) -> bool {
    *start == DecoderStart::Begin
}

fn is_default(tokenizer: &TokenizerConfig) -> bool {
    *tokenizer == TokenizerConfig::default()
}

impl DataConfig {
    /// Writes down the rule that is meant when none is given, so that a stored recipe says it.
    pub(super) fn resolve(&mut self) {
        if self.task == TaskKind::Nt && self.rules.is_empty() {
            self.rule.get_or_insert(NtRule::Sum);
        }
    }

    /// The NT task of this table, unchecked.
    #[must_use]
    pub fn nt(&self) -> NtConfig {
        let rules = match (self.rule, &self.rules[..]) {
            (Some(rule), _) => vec![rule],
            (None, []) => vec![NtRule::Sum],
            (None, rules) => rules.to_vec(),
        };
        NtConfig { symbols: self.n, delay: self.tau, rules, noise: self.noise, table_seed: self.table_seed }
    }

    /// What images are standardised by, if the table says it, unchecked.
    #[must_use]
    pub fn standard(&self) -> Option<Standard> {
        Some(Standard { mean: self.mean.clone()?, std: self.std.clone()? })
    }

    /// What the table says of a model before the data are there: as many tokens as `tokenizer.size`, which is the most that a tokenizer of words or pieces makes of
    /// them. Nothing where only the data can tell.
    #[must_use]
    pub fn declared_form(&self) -> Option<Form> {
        let TokenizerConfig { kind, size, .. } = self.tokenizer;
        let made = self.tokenizer_file.is_none() && matches!(kind, TokenizerKind::Words | TokenizerKind::Bpe);
        match self.task {
            TaskKind::Translation if made && !self.joint => Some(Form::Pairs { source: size, target: size }),
            TaskKind::Text | TaskKind::MaskedText | TaskKind::Translation if made => Some(Form::Tokens(size)),
            _ => None,
        }
    }

    /// The lists of this table, unchecked.
    #[must_use]
    pub fn listops(&self) -> ListOpsConfig {
        let &DataConfig { depth, arguments, shortest, longest, .. } = self;
        ListOpsConfig { depth, arguments, shortest, longest }
    }

    /// The reverse-and-map task of this table, unchecked.
    #[must_use]
    pub fn reverse_map(&self) -> ReverseMapConfig {
        let &DataConfig { n, shortest, longest, table_seed, .. } = self;
        ReverseMapConfig { tokens: n, shortest, longest, table_seed }
    }
}
