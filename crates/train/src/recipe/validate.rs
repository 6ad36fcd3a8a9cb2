//! What values make a run. Every refusal names its key and says how to mend it.

use anther_data::MAX_BATCH_TOKENS;
use anther_data::listops::{ListOps, ListOpsError, TOKENS};
use anther_data::nt::{MAX_SYMBOLS, NtEmbedding, NtError, NtTask};
use anther_data::reverse_map::{ReverseMap, ReverseMapError};
use anther_data::tokenizer::{MAX_TOKENS, TokenizerConfig, TokenizerKind};
use anther_transformer::{CausalLmConfig, ConfigError, EmbeddingKind, Embeddings, EncoderDecoderConfig, ExampleForm};

use super::{DataConfig, ModelConfig, Recipe, TaskKind, TrainConfig};
use crate::form::Form;
use crate::optim::OptimizerKind;
use crate::schedule::ScheduleKind;

/// The largest number of steps: beyond it sums of steps and of bytes could overflow, and no run is that long.
const MAX_STEPS: u64 = 1 << 40;
/// The most lists that are drawn to train on: the order of an epoch is held in memory, 16 bytes a list.
const MAX_EXAMPLES: usize = 1 << 24;

pub(super) type Checked = Result<(), ConfigError>;

/// Whether a recipe must say where its data are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Needed,
    Optional,
}

pub(super) fn refuse(key: &str, reason: impl Into<String>) -> Checked {
    Err(ConfigError::new(key, reason))
}

impl Recipe {
    /// Checks everything that can be known without the data.
    ///
    /// # Errors
    /// The first mistake, with its key.
    pub fn validate(&self) -> Checked {
        self.data.validate(Source::Needed)?;
        self.validate_tables()
    }

    /// The same, but that the recipe may name no data.
    ///
    /// # Errors
    /// As [`Recipe::validate`].
    pub fn validate_without_data(&self) -> Checked {
        self.data.validate(Source::Optional)?;
        self.validate_tables()
    }

    fn validate_tables(&self) -> Checked {
        if self.data.task.tells_classes() || matches!(self.model, ModelConfig::Classifier(_)) {
            return self.validate_classes();
        }
        self.least_form().applied_to(&self.model).validate()?;
        self.train.validate()?;
        self.fit()
    }

    /// What the data make of the model at the least: what is not known before they are read counts as one.
    #[must_use]
    pub fn least_form(&self) -> Form {
        let form = match self.data.task {
            TaskKind::Nt | TaskKind::ReverseMap => return Form::Tokens(self.data.n as usize),
            TaskKind::Text | TaskKind::MaskedText | TaskKind::Translation => return Form::Tokens(1),
            TaskKind::Images => {
                let patch = if let ModelConfig::Classifier(model) = &self.model { model.patch } else { 1 };
                let side = self.data.size.unwrap_or(patch);
                ExampleForm::Images { shape: [1, side, side] }
            }
            TaskKind::Series => ExampleForm::Series { channels: 1, longest: 1 },
            TaskKind::Listops => {
                let longest = if self.data.name.is_none() { self.data.longest } else { 1 };
                ExampleForm::Tokens { vocabulary: TOKENS, longest }
            }
        };
        Form::Examples { form, classes: 1 }
    }

    /// Checks a recipe that tells classes, or has a model that does.
    fn validate_classes(&self) -> Checked {
        if !matches!(self.model, ModelConfig::Classifier(_)) {
            return refuse("model.kind", "the task is to tell classes; use \"classifier\"");
        }
        if !self.data.task.tells_classes() {
            return refuse(
                "model.kind",
                "the task has no classes to tell; set data.task to \"images\", \"series\" or \"listops\"",
            );
        }
        let model = self.least_form().applied_to(&self.model);
        model.validate()?;
        self.train.validate()?;
        self.limit_batch("examples", model.context())
    }

    /// Checks that a batch of sequences or examples of so many tokens is no larger than any batch may be.
    fn limit_batch(&self, what: &str, context: usize) -> Checked {
        let batch = self.train.batch;
        match context.checked_mul(batch) {
            Some(tokens) if tokens <= MAX_BATCH_TOKENS => Ok(()),
            _ => refuse(
                "train.batch",
                format!(
                    "{batch} {what} of {context} tokens are over the limit of {MAX_BATCH_TOKENS} tokens; make one smaller"
                ),
            ),
        }
    }

    /// Checks that the tables fit each other.
    fn fit(&self) -> Checked {
        let context = self.model.context();
        self.limit_batch("sequences", context)?;
        match (self.data.task, &self.model) {
            (TaskKind::Text, ModelConfig::CausalLm(model)) if model.embedding == EmbeddingKind::Fixed => {
                refuse("model.embedding", "only the nt task has fixed token vectors; use \"learned\"")
            }
            (TaskKind::Text, ModelConfig::CausalLm(_)) => Ok(()),
            (TaskKind::Nt, ModelConfig::CausalLm(model)) => self.fit_nt(model),
            (TaskKind::ReverseMap, ModelConfig::EncoderDecoder(_)) => {
                let longest = self.data.longest;
                if context > longest {
                    return Ok(());
                }
                refuse("model.context", ReverseMapError::ContextTooShort { context, longest }.to_string())
            }
            (TaskKind::Translation, ModelConfig::EncoderDecoder(model)) => self.fit_translation(model),
            (TaskKind::MaskedText, ModelConfig::MaskedLm(_)) => Ok(()),
            (TaskKind::MaskedText, _) => refuse(
                "model.kind",
                "the task hides tokens of a text, which are guessed from both sides; use \"masked-lm\"",
            ),
            (TaskKind::Nt | TaskKind::Text, _) => {
                refuse("model.kind", "the task has sequences to go on with and nothing else; use \"causal-lm\"")
            }
            (TaskKind::ReverseMap | TaskKind::Translation, _) => refuse(
                "model.kind",
                "the task has sources to read and targets to predict from them; use \"encoder-decoder\"",
            ),
            // Checked before, see `validate_classes`.
            (TaskKind::Images | TaskKind::Series | TaskKind::Listops, _) => Ok(()),
        }
    }

    fn fit_translation(&self, model: &EncoderDecoderConfig) -> Checked {
        if model.embeddings == Embeddings::Shared && !self.data.joint && self.data.tokenizer_file.is_none() {
            let reason =
                "one table for both sides needs the same tokens on both; set data.joint = true or use \"separate\"";
            return refuse("model.embeddings", reason);
        }
        match self.data.max_tokens {
            Some(tokens) if tokens > MAX_BATCH_TOKENS => refuse(
                "data.max_tokens",
                format!("{tokens} tokens are over the limit of {MAX_BATCH_TOKENS}; make it smaller"),
            ),
            _ => Ok(()),
        }
    }

    fn fit_nt(&self, model: &CausalLmConfig) -> Checked {
        let (context, fixed) = (model.context, model.embedding == EmbeddingKind::Fixed);
        if fixed && self.data.embedding == NtEmbedding::OneHot && model.width != self.data.n as usize {
            let (n, width) = (self.data.n, model.width);
            return refuse(
                "data.embedding",
                format!("one-hot vectors of {n} symbols need a model.width of {n}, not {width}; or use \"orthogonal\""),
            );
        }
        let task = NtTask::new(self.data.nt());
        let task = task.map_err(|error| match error {
            NtError::StatesOverflow { symbols, delay } => ConfigError::new(
                "data.tau",
                format!("{symbols}^{delay} states are more than 128 bits can count; make data.n or data.tau smaller"),
            ),
            error => ConfigError::new("data", error.to_string()),
        })?;
        let least = task.first_counted() + 2;
        if context >= least {
            return Ok(());
        }
        let tau = self.data.tau;
        refuse(
            "model.context",
            format!("a context of {context} leaves too little to predict after a delay of {tau}; use {least} or more"),
        )
    }
}

impl DataConfig {
    /// Checks that the table says where the data are, and all else that can be known of it.
    pub(crate) fn validate_source(&self) -> Checked {
        self.validate(Source::Needed)
    }

    /// Whether the table says where the data are, as far as its task has to.
    pub(crate) fn has_source(&self) -> bool {
        self.name.is_some() || self.path.is_some()
    }

    fn validate(&self, source: Source) -> Checked {
        if !self.task.tells_classes() && (self.hold_out != 0.0 || self.has_images()) {
            return refuse(
                "data",
                "hold_out, size, mean, std and augment are for tasks that tell classes; remove them or change data.task",
            );
        }
        match self.task {
            TaskKind::Text | TaskKind::MaskedText => self.validate_text(source),
            TaskKind::Images | TaskKind::Series | TaskKind::Listops => self.validate_classes(source),
            TaskKind::Nt => self.validate_nt(),
            TaskKind::ReverseMap => self.validate_reverse_map(),
            TaskKind::Translation => self.validate_translation(source),
        }
    }

    fn validate_classes(&self, source: Source) -> Checked {
        if self.path.is_some() {
            return refuse("data.path", "the task reads the files of a folder; name the folder with data.name");
        }
        if self.rule.is_some() || !self.rules.is_empty() {
            return refuse("data.rule", "the task has no rules; remove the key or set data.task to \"nt\"");
        }
        match self.name.as_deref() {
            Some("") => return refuse("data.name", "the name of the data set is empty; name its folder"),
            None if self.task != TaskKind::Listops && source == Source::Needed => {
                return refuse("data.name", "the task needs data; name their folder");
            }
            _ => {}
        }
        if !(0.0..=0.9).contains(&self.hold_out) {
            return refuse("data.hold_out", format!("{} is not between 0 and 0.9", self.hold_out));
        }
        self.validate_images()?;
        if self.task == TaskKind::Listops && self.name.is_none() { self.validate_listops() } else { Ok(()) }
    }

    fn validate_listops(&self) -> Checked {
        self.validate_table_seed()?;
        if self.hold_out != 0.0 {
            return refuse("data.hold_out", "the lists have a validation part already; set it to 0");
        }
        if !(1..=MAX_EXAMPLES).contains(&self.examples) {
            return refuse("data.examples", format!("{} is not between 1 and {MAX_EXAMPLES}", self.examples));
        }
        ListOps::new(self.listops()).map(|_| ()).map_err(|error| match error {
            ListOpsError::Setting { key, .. } => ConfigError::new(&format!("data.{key}"), error.to_string()),
            _ => ConfigError::new("data.longest", error.to_string()),
        })
    }

    fn validate_reverse_map(&self) -> Checked {
        self.validate_no_text("reverse-map")?;
        if self.rule.is_some() || !self.rules.is_empty() {
            return refuse("data.rule", "the task reverse-map has no rules; remove the key or set data.task to \"nt\"");
        }
        self.validate_table_seed()?;
        match ReverseMap::new(self.reverse_map()) {
            Ok(_) => Ok(()),
            Err(error @ ReverseMapError::Tokens { .. }) => refuse("data.n", error.to_string()),
            Err(error) => refuse("data.longest", error.to_string()),
        }
    }

    fn validate_no_text(&self, task: &str) -> Checked {
        match [("data.path", &self.path), ("data.name", &self.name)].iter().find(|(_, text)| text.is_some()) {
            Some((key, _)) => {
                refuse(key, format!("the task {task} reads no file; remove the key or set data.task to \"text\""))
            }
            None => Ok(()),
        }
    }

    fn validate_translation(&self, source: Source) -> Checked {
        let needed = [("data.name", &self.name), ("data.source", &self.source), ("data.target", &self.target)];
        let named = source == Source::Needed || needed.iter().any(|(_, value)| value.is_some());
        for (key, value) in needed {
            if named && value.as_deref().is_none_or(str::is_empty) {
                let reason = "the task translation needs a folder of files (data.name) and two languages (data.source and data.target); name it";
                return refuse(key, reason);
            }
        }
        if self.path.is_some() {
            return refuse(
                "data.path",
                "the task translation reads two files a part; name their folder with data.name",
            );
        }
        if self.source == self.target && self.source.is_some() {
            return refuse("data.target", "source and target have the same language; their files would be the same");
        }
        if self.rule.is_some() || !self.rules.is_empty() {
            return refuse("data.rule", "the task translation has no rules; remove the key or set data.task to \"nt\"");
        }
        if self.max_tokens == Some(0) {
            return refuse(
                "data.max_tokens",
                "a batch of 0 tokens trains nothing; leave it out to count pairs with train.batch",
            );
        }
        self.validate_tokenizer()
    }

    fn validate_tokenizer(&self) -> Checked {
        let TokenizerConfig { kind, size, .. } = self.tokenizer;
        let least = match kind {
            TokenizerKind::Characters | TokenizerKind::Bytes => 0,
            TokenizerKind::Words => 6,
            TokenizerKind::Bpe => 261,
        };
        if (least..=MAX_TOKENS).contains(&size) {
            return Ok(());
        }
        refuse("data.tokenizer.size", format!("{size} tokens are not between {least} and {MAX_TOKENS}"))
    }

    fn validate_table_seed(&self) -> Checked {
        if i64::try_from(self.table_seed).is_ok() {
            return Ok(());
        }
        refuse("data.table_seed", format!("{} is over {}, the largest number of TOML", self.table_seed, i64::MAX))
    }

    fn validate_text(&self, source: Source) -> Checked {
        match (self.path.as_deref(), self.name.as_deref()) {
            (None, None) if source == Source::Needed => {
                return refuse(
                    "data.path",
                    "the task text needs a file; name one, or a folder of parts with data.name",
                );
            }
            (Some(_), Some(_)) => return refuse("data.path", "data.name is given as well; keep one of the two"),
            (Some(""), None) => return refuse("data.path", "the name of the file is empty; name one"),
            (None, Some("")) => return refuse("data.name", "the name of the folder is empty; name one"),
            _ => {}
        }
        let parts = [("data.train", &self.train), ("data.validation", &self.validation), ("data.test", &self.test)];
        if let (None, Some((key, _))) = (&self.name, parts.iter().find(|(_, part)| part.is_some())) {
            return refuse(
                key,
                "it names a file in the folder data.name, which is not given; remove it or name the folder",
            );
        }
        if !(self.train_fraction > 0.0 && self.train_fraction < 1.0) {
            let fraction = self.train_fraction;
            return refuse("data.train_fraction", format!("{fraction} is not between 0 and 1, both excluded"));
        }
        self.validate_tokenizer()?;
        if self.rule.is_some() || !self.rules.is_empty() {
            return refuse("data.rule", "the task text has no rules; remove the key or set data.task to \"nt\"");
        }
        Ok(())
    }

    fn validate_nt(&self) -> Checked {
        let &DataConfig { n, tau, noise, .. } = self;
        self.validate_no_text("nt")?;
        if self.rule.is_some() && !self.rules.is_empty() {
            return refuse("data.rules", "data.rule is given as well; keep one of the two");
        }
        if !(2..=MAX_SYMBOLS).contains(&n) {
            return refuse("data.n", format!("{n} symbols are not between 2 and {MAX_SYMBOLS}"));
        }
        if tau == 0 {
            return refuse(
                "data.tau",
                "the delay must be at least 1, which makes a symbol depend on the one before it",
            );
        }
        if !(0.0..=1.0).contains(&noise) {
            return refuse("data.noise", format!("{noise} is not a probability between 0 and 1"));
        }
        if noise == 1.0 {
            return refuse("data.noise", "with a noise of 1 no symbol can be predicted; make it smaller");
        }
        self.validate_table_seed()
    }
}

impl TrainConfig {
    fn validate(&self) -> Checked {
        self.validate_counts()?;
        self.validate_rates()?;
        self.validate_optimizer()
    }

    fn validate_counts(&self) -> Checked {
        let counts = [
            ("train.steps", self.steps),
            ("train.batch", self.batch as u64),
            ("train.accumulate", self.accumulate as u64),
            ("train.eval_every", self.eval_every),
            ("train.eval_batches", self.eval_batches as u64),
            ("train.checkpoint_every", self.checkpoint_every),
            ("train.keep", self.keep as u64),
            ("train.log_every", self.log_every),
        ];
        for (key, value) in counts {
            if value == 0 || value > MAX_STEPS {
                return refuse(key, format!("{value} is not between 1 and {MAX_STEPS}"));
            }
        }
        if !self.batch.is_multiple_of(self.accumulate) {
            let &TrainConfig { batch, accumulate, .. } = self;
            return refuse(
                "train.accumulate",
                format!("a batch of {batch} cannot be cut into {accumulate} equal parts; choose a divisor"),
            );
        }
        if self.warmup > self.steps {
            let &TrainConfig { warmup, steps, .. } = self;
            return refuse(
                "train.warmup",
                format!("{warmup} steps of warm-up are more than the {steps} steps of the run; shorten it"),
            );
        }
        if i64::try_from(self.seed).is_err() {
            return refuse("train.seed", format!("{} is over {}, the largest number of TOML", self.seed, i64::MAX));
        }
        Ok(())
    }

    fn validate_rates(&self) -> Checked {
        let &TrainConfig { learning_rate, min_learning_rate, decay_factor, .. } = self;
        if !(learning_rate.is_finite() && learning_rate >= 0.0) {
            return refuse("train.learning_rate", format!("{learning_rate} is not a finite number of at least 0"));
        }
        if !(min_learning_rate >= 0.0 && min_learning_rate <= learning_rate) {
            return refuse(
                "train.min_learning_rate",
                format!("{min_learning_rate} is not between 0 and the learning rate {learning_rate}"),
            );
        }
        if self.schedule == ScheduleKind::Step && !(decay_factor > 0.0 && decay_factor <= 1.0) {
            return refuse("train.decay_factor", format!("{decay_factor} is not above 0 and at most 1"));
        }
        for (key, value) in [("train.label_smoothing", self.label_smoothing), ("train.ema", self.ema)] {
            if !(0.0..1.0).contains(&value) {
                return refuse(key, format!("{value} is not at least 0 and below 1"));
            }
        }
        match self.target {
            Some(target) if !target.is_finite() => refuse(
                "train.target",
                format!("{target} is not a finite number; leave the key out to train to the end"),
            ),
            _ => Ok(()),
        }
    }

    fn validate_optimizer(&self) -> Checked {
        for (key, value) in
            [("train.beta1", self.beta1), ("train.beta2", self.beta2), ("train.momentum", self.momentum)]
        {
            if !(0.0..1.0).contains(&value) {
                return refuse(key, format!("{value} is not at least 0 and below 1"));
            }
        }
        if !(1e-30..=1.0).contains(&self.eps) {
            return refuse("train.eps", format!("{} is not between 1e-30 and 1", self.eps));
        }
        for (key, value) in [("train.weight_decay", self.weight_decay), ("train.clip", self.clip)] {
            if !(value.is_finite() && value >= 0.0) {
                return refuse(key, format!("{value} is not a finite number of at least 0"));
            }
        }
        if self.optimizer == OptimizerKind::Nesterov && self.momentum == 0.0 {
            return refuse(
                "train.momentum",
                "the optimiser nesterov needs a momentum above 0; use \"sgd\" to go without",
            );
        }
        Ok(())
    }
}
