//! A checkpoint of `transformers` as a run, whose first parameters it gives.

use std::path::{Path, PathBuf};

use anther_data::DataDir;
use anther_data::images::Standard;
use anther_data::tokenizer::Tokenizer;
use anther_tensor::Parameters;
use anther_transformer::hugging_face::{Architecture, Form, TokenIds};

use super::files::{content, json};
use super::preprocessor::Preprocessor;
use super::{CONFIG_FILE, HuggingFaceError, PREPROCESSOR_FILE, TENSOR_FILE, TOKENIZER_FILE, read_checkpoint};
use crate::form;
use crate::model::Model;
use crate::recipe::{DataConfig, DecoderStart, ModelConfig, Recipe, RecipeError, TaskKind};
use crate::task::{self, Metric, NoData, Symbols, Task, TaskError, tokenizer};
use crate::trainer::{StartOptions, Trainer};

/// A checkpoint that has been read.
pub struct Checkpoint {
    /// What it describes.
    pub form: Form,
    /// The model.
    pub model: Model,
    /// Its parameters.
    pub parameters: Parameters<f32>,
    /// What of the checkpoint was not looked at.
    pub warnings: Vec<String>,
}

impl Checkpoint {
    /// Reads `config.json` and the tensors of a directory; needs no tokenizer.
    ///
    /// # Errors
    /// [`HuggingFaceError`] naming the file and the key or tensor.
    pub fn read(dir: &Path) -> Result<Self, HuggingFaceError> {
        let (form, tensors, warnings) = read_checkpoint(dir)?;
        let no_vectors = |_| Err(TaskError::Kind);
        let (model, mut parameters) =
            Model::build(&form.model, data_form(&form), no_vectors, 0).map_err(HuggingFaceError::Learn)?;
        let path = dir.join(TENSOR_FILE);
        form.import(&tensors, &mut parameters).map_err(|cause| HuggingFaceError::Form { path, cause })?;
        Ok(Checkpoint { form, model, parameters, warnings })
    }
}

/// What the data of a form would be.
fn data_form(form: &Form) -> form::Form {
    match &form.model {
        ModelConfig::CausalLm(config) => form::Form::Tokens(config.vocab_size),
        ModelConfig::MaskedLm(config) => form::Form::Tokens(config.vocab_size),
        ModelConfig::EncoderDecoder(config) => form::Form::Tokens(config.target_vocabulary),
        ModelConfig::Classifier(config) => form::Form::Examples { form: config.form, classes: config.classes },
    }
}

/// What messages call the recipe.
const ORIGIN: &str = "the recipe of the imported model";

/// What is to become a run.
#[derive(Clone, Debug)]
pub struct Import {
    /// The directory of the checkpoint.
    pub dir: PathBuf,
    /// A tokenizer in the place of its `tokenizer.json`.
    pub tokenizer: Option<PathBuf>,
    /// Edits of the recipe, of the tables `data` and `train`.
    pub edits: Vec<String>,
}

impl Import {
    /// Makes the run: a recipe, and the parameters as the checkpoint of step 0. If the edits name data, the model is measured on them and can be trained on.
    /// Gives warnings beside it.
    ///
    /// # Errors
    /// [`HuggingFaceError`]; whatever is wrong with the checkpoint, the tokenizer, the recipe or the data is found before anything is written.
    pub fn start(&self, options: &StartOptions) -> Result<(Trainer, Vec<String>), HuggingFaceError> {
        if let Some(edit) =
            self.edits.iter().find(|edit| !["data.", "train."].iter().any(|t| edit.trim_start().starts_with(t)))
        {
            return Err(HuggingFaceError::Edit { edit: edit.clone() });
        }
        let Checkpoint { form, mut parameters, mut warnings, .. } = Checkpoint::read(&self.dir)?;
        let recipe = self.recipe(&form, &mut warnings)?;
        let symbols = self.symbols(&form, &recipe, &options.data)?;
        if let Some(surplus) = data_form(&form).outputs().checked_sub(symbols.form().outputs()).filter(|&some| some > 0)
        {
            parameters = without_surplus(&recipe, &symbols, &parameters)?;
            warnings.push(format!(
                "{}: the last {surplus} rows of the vocabulary belong to no token and are left out",
                self.dir.join(CONFIG_FILE).display()
            ));
        }
        let task: Box<dyn Task> = if recipe.data.has_source() {
            let origin = ORIGIN.to_owned();
            recipe.validate().map_err(|mistake| RecipeError::Invalid { origin, mistake })?;
            let task = task::of_recipe(&recipe, &options.data)?;
            if *task.symbols() != symbols {
                return Err(HuggingFaceError::Data { reason: unlike(&symbols, task.symbols()) });
            }
            task
        } else {
            let metric = match recipe.data.task {
                TaskKind::MaskedText => Metric::MaskedPerplexity,
                TaskKind::Images => Metric::Accuracy,
                _ => Metric::Perplexity,
            };
            Box::new(NoData { symbols, metric })
        };
        let trainer = Trainer::with_task_and_parameters(recipe, task, &parameters, options)?;
        Ok((trainer, warnings))
    }

    /// The recipe, with what a file beside the checkpoint says of images.
    fn recipe(&self, form: &Form, warnings: &mut Vec<String>) -> Result<Recipe, HuggingFaceError> {
        let task = match form.architecture {
            Architecture::Gpt2 => TaskKind::Text,
            Architecture::Roberta => TaskKind::MaskedText,
            Architecture::Marian => TaskKind::Translation,
            Architecture::Vit | Architecture::Deit => TaskKind::Images,
        };
        let decoder_start = match (task, form.tokens) {
            // What transformers takes where nothing is said is the padding.
            (TaskKind::Translation, TokenIds { start: None, .. }) => DecoderStart::Padding,
            (TaskKind::Translation, TokenIds { start, padding, .. }) if start == padding => DecoderStart::Padding,
            _ => DecoderStart::Begin,
        };
        let beside = self.dir.join(TOKENIZER_FILE);
        let tokenizer = self.tokenizer.clone().or_else(|| beside.is_file().then_some(beside));
        let tokenizer_file = tokenizer.filter(|_| task != TaskKind::Images).map(|path| path.display().to_string());
        let (mut size, mut standard) = (None, None);
        if let Some(shape) = form.model.image_shape()
            && let Some(preprocessor) = self.preprocessor(shape, warnings)?
        {
            // Other shapes than squares have no key; images must have them already.
            size = Some(shape[1]).filter(|_| preprocessor.resizes && shape[1] == shape[2]);
            standard = Some(preprocessor.standard);
        }
        let (mean, std) = standard.map(|Standard { mean, std }| (mean, std)).unzip();
        let data = DataConfig {
            task,
            size,
            mean,
            std,
            joint: task == TaskKind::Translation,
            decoder_start,
            tokenizer_file,
            ..DataConfig::default()
        };
        let recipe = Recipe { data, model: form.model.clone(), ..Recipe::default() };
        let recipe = Recipe::read_of_model(&recipe.to_toml()?, ORIGIN, &self.edits)?;
        if recipe.data.task != task {
            let edit = self.edits.iter().find(|edit| edit.trim_start().starts_with("data.task"));
            return Err(HuggingFaceError::Edit { edit: edit.cloned().unwrap_or_default() });
        }
        Ok(recipe)
    }

    /// What the file beside the checkpoint says of images of `[channels, rows, columns]`, if there is one.
    fn preprocessor(
        &self,
        shape: [usize; 3],
        warnings: &mut Vec<String>,
    ) -> Result<Option<Preprocessor>, HuggingFaceError> {
        let path = self.dir.join(PREPROCESSOR_FILE);
        if !path.is_file() {
            return Ok(None);
        }
        let read = Preprocessor::read(&json(&path)?, shape).map_err(|reason| content(&path, reason))?;
        warnings.extend(read.warnings.iter().map(|warning| format!("{}: {warning}", path.display())));
        Ok(Some(read))
    }

    /// What the model reads and predicts: the tokens of its tokenizer, or images.
    fn symbols(&self, form: &Form, recipe: &Recipe, data: &DataDir) -> Result<Symbols, HuggingFaceError> {
        let vocabulary = match data_form(form) {
            form::Form::Examples { form, classes } => return Ok(Symbols::Examples { form, classes }),
            form => form.outputs(),
        };
        let Some(file) = &recipe.data.tokenizer_file else {
            let hint = match form.architecture {
                Architecture::Marian => {
                    "; a Marian model comes with source.spm, target.spm and vocab.json: convert them with transformers (convert_slow_tokenizer) and name the result with --tokenizer FILE"
                }
                _ => {
                    "; let transformers write one (AutoTokenizer.from_pretrained, save_pretrained), or name one with --tokenizer FILE"
                }
            };
            return Err(HuggingFaceError::Missing { dir: self.dir.clone(), file: TOKENIZER_FILE, hint });
        };
        let tokenizer = tokenizer(file, data)?;
        let unfit = |reason: String| Err(HuggingFaceError::Content { path: file.into(), reason });
        if tokenizer.len() != vocabulary && !is_rounded_up(vocabulary, tokenizer.len()) {
            let (own, config) = (tokenizer.len(), self.dir.join(CONFIG_FILE));
            return unfit(format!("it has {own} tokens, but by {} the model has {vocabulary}", config.display()));
        }
        let (own, theirs) = (tokenizer.special(), form.tokens);
        let mut pairs = Vec::new();
        match form.architecture {
            Architecture::Roberta => pairs.push(("pad_token_id", own.padding, theirs.padding)),
            Architecture::Marian => {
                pairs.push(("pad_token_id", own.padding, theirs.padding));
                pairs.push(("eos_token_id", own.end, theirs.end));
            }
            _ => {}
        }
        if let Some((key, own, theirs)) = pairs.into_iter().find(|(_, own, theirs)| theirs.is_some() && own != theirs) {
            let shown = |token: Option<u32>| token.map_or("none".to_owned(), |token| token.to_string());
            return unfit(format!("its token for {key} is {}, that of config.json {}", shown(own), shown(theirs)));
        }
        if form.architecture == Architecture::Marian && starts_elsewhere(&tokenizer, recipe, theirs) {
            return Err(HuggingFaceError::Content {
                path: self.dir.join(CONFIG_FILE),
                reason: "its decoder_start_token_id is neither the padding nor what begins a sequence".to_owned(),
            });
        }
        Ok(Symbols::Text(tokenizer))
    }
}

/// Whether a table of so many rows may be one of so many tokens that was made longer for the sake of a round number: of 50,257 tokens there are 50,304 rows, of
/// 50,295 there are 51,200. Another size is that of another tokenizer.
fn is_rounded_up(rows: usize, tokens: usize) -> bool {
    rows > tokens && rows - tokens < 1024 && rows.is_multiple_of(8)
}

/// The parameters without those of tokens that the symbols do not have, so that none of them is ever predicted. What has a row, a column or a number for each token has
/// tokens as its first axis.
fn without_surplus(
    recipe: &Recipe,
    symbols: &Symbols,
    all: &Parameters<f32>,
) -> Result<Parameters<f32>, HuggingFaceError> {
    let no_vectors = |_| Err(TaskError::Kind);
    let (_, mut parameters) = Model::build(&recipe.model, symbols.form(), no_vectors, 0)?;
    let ids: Vec<_> = parameters.ids().collect();
    for id in ids {
        let name = &parameters.spec(id).name;
        let from = all.find(name).unwrap_or_else(|| panic!("the model has no parameter {name}"));
        let rows = &all.values()[all.range(from)][..parameters.range(id).len()];
        parameters.set(id, rows);
    }
    Ok(parameters)
}

/// Whether the decoder would read another token first than it was trained with.
fn starts_elsewhere(tokenizer: &Tokenizer, recipe: &Recipe, tokens: TokenIds) -> bool {
    let own = Symbols::Text(tokenizer.clone()).pair_tokens(&recipe.data).map(|own| own.begin);
    tokens.start.is_some() && own != tokens.start
}

/// In what the data are unlike what a model takes.
fn unlike(model: &Symbols, data: &Symbols) -> String {
    let shown = |symbols: &Symbols| match symbols {
        Symbols::Examples { form: anther_transformer::ExampleForm::Images { shape }, classes } => {
            let [channels, rows, columns] = shape;
            format!("images of {rows} × {columns} with {channels} channels in {classes} classes")
        }
        other => format!("{} tokens", other.form().outputs()),
    };
    format!("it takes {}, and they have {}; data.size scales images", shown(model), shown(data))
}
