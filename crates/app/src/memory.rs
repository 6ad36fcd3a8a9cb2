//! Whether a recipe can fit the machine at all: a process that is refused memory is ended by the system without a sentence.

use anther_tensor::ParamSet;
use anther_train::form::Form;
use anther_train::model::Model;
use anther_train::optim::OptimizerKind;
use anther_train::recipe::{ModelConfig, Recipe, TaskKind};
use anther_train::task::TaskError;
use anther_transformer::{EmbeddingKind, ExampleForm};

use crate::failure::Failure;

/// Refuses a recipe whose training on data of this form surely needs more memory than there is. Where the system does not tell how much there
/// is, nothing is refused.
///
/// # Errors
/// A failure that names both sizes.
pub fn check(recipe: &Recipe, form: Form) -> Result<(), Failure> {
    let total = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| total_of(&text));
    let needed = Needed::of(recipe, form);
    match total {
        Some(total) if needed.bytes() > total => Err(anyhow::anyhow!(
            "the model needs at least {:.0} GB to train, but this machine has {:.0} GB; make {}",
            needed.bytes() / 1e9,
            total / 1e9,
            needed.advice()
        )
        .into()),
        _ => Ok(()),
    }
}

/// Bytes of memory of the machine, from the line `MemTotal:   123 kB`.
fn total_of(meminfo: &str) -> Option<f64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024.0)
}

/// A lower bound of the bytes of a training step, in floating point because a recipe can ask for more than any integer holds.
struct Needed {
    /// Values, gradients, moments and averages of all parameters.
    parameters: f64,
    /// A batch and what its parts save, and the batches of an evaluation that are made beforehand.
    batches: f64,
}

impl Needed {
    fn of(recipe: &Recipe, form: Form) -> Self {
        let model = form.applied_to(&recipe.model);
        let train = &recipe.train;
        let moments = match train.optimizer {
            OptimizerKind::AdamW | OptimizerKind::Adam | OptimizerKind::RAdam => 2.0,
            OptimizerKind::Sgd | OptimizerKind::Nesterov => 0.0,
        };
        let slabs = 2.0 + moments + f64::from(u8::from(train.ema > 0.0));
        let batches = match recipe.data.task {
            // The context and data.max_tokens are limits: how long pairs are, the data say.
            TaskKind::Translation => 0.0,
            TaskKind::Nt | TaskKind::ReverseMap => {
                let evaluation = 3.0 * real(train.eval_batches) * real(train.batch) * real(model.context());
                evaluation + saved(recipe, &model)
            }
            _ => real(train.batch) * example(form) + saved(recipe, &model),
        };
        Needed { parameters: 4.0 * slabs * parameters(&model), batches: 4.0 * batches }
    }

    fn bytes(&self) -> f64 {
        self.parameters + self.batches
    }

    /// How to make the larger part smaller.
    fn advice(&self) -> &'static str {
        if self.parameters > self.batches {
            "model.width, the number of layers, model.feed_forward or the networks of model.attention.project smaller"
        } else {
            "model.context, data.size, model.width, the number of layers, train.batch or train.eval_batches smaller, or \
             train.accumulate larger"
        }
    }
}

fn real(n: usize) -> f64 {
    n as f64
}

/// The numbers of all parameters of a model, which is defined and not made. One that cannot be defined is refused where it is made.
fn parameters(model: &ModelConfig) -> f64 {
    let mut model = model.clone();
    if let ModelConfig::CausalLm(model) = &mut model
        && model.embedding == EmbeddingKind::Fixed
    {
        // The table takes long to make. A learned one that is the output as well has as many numbers as the output beside a fixed one.
        (model.embedding, model.tied) = (EmbeddingKind::Learned, true);
    }
    let mut set = ParamSet::new();
    match Model::define(&mut set.root(), &model, |_| Err(TaskError::Kind)) {
        Ok(_) => set.specs().iter().map(|spec| real(spec.shape.numel())).sum(),
        Err(_) => 0.0,
    }
}

/// The numbers of an example of data that tell classes.
fn example(form: Form) -> f64 {
    match form {
        Form::Examples { form: ExampleForm::Images { shape }, .. } => shape.into_iter().map(real).product(),
        Form::Examples { form: ExampleForm::Series { channels, longest }, .. } => real(channels) * real(longest),
        _ => 0.0,
    }
}

/// The inputs of products that a part of a batch saves, of one block where blocks are recomputed. Scores do not count, because attention can be
/// computed in tiles, and logits do not, because they can be computed in pieces.
fn saved(recipe: &Recipe, model: &ModelConfig) -> f64 {
    // What a block has, and the blocks.
    let (sizes, blocks) = match model {
        ModelConfig::CausalLm(model) => (model.block(), model.layers),
        ModelConfig::MaskedLm(model) => (model.block(), model.layers),
        ModelConfig::EncoderDecoder(model) => (model.encoder_block(), model.encoder_layers + model.decoder_layers),
        ModelConfig::Classifier(model) => (model.block(), model.layers),
    };
    let train = &recipe.train;
    let tokens = real(train.batch / train.accumulate.max(1)) * real(model.context());
    let block = tokens * (6.0 * real(sizes.width) + real(sizes.feed_forward));
    match train.recompute {
        true => block + real(blocks - 1) * tokens * real(sizes.width),
        false => real(blocks) * block,
    }
}

#[cfg(test)]
mod tests {
    use anther_tensor::Tensor;

    use super::*;

    #[test]
    fn the_size_of_the_machine_is_read() {
        assert_eq!(total_of("MemTotal:       2 kB\nMemFree: 1 kB\n"), Some(2048.0));
        assert_eq!(total_of("MemFree: 1 kB\n"), None);
        assert_eq!(total_of("MemTotal: much\n"), None);
    }

    #[test]
    fn the_bound_grows_with_every_size() {
        let bytes = |edits: &[&str]| {
            let recipe = Recipe::read("", "test", edits).unwrap();
            Needed::of(&recipe, recipe.least_form()).bytes()
        };
        let start = bytes(&[]);
        for edit in [
            "model.width=64",
            "model.layers=4",
            "model.context=128",
            "train.batch=64",
            "train.ema=0.9",
            "train.eval_batches=20",
        ] {
            assert!(bytes(&[edit]) > start, "{edit}");
        }
        for edit in ["train.optimizer=sgd", "train.accumulate=2", "train.recompute=true"] {
            assert!(bytes(&[edit]) < start, "{edit}");
        }
        assert!(bytes(&["model.width=65536", "model.layers=1024"]) > 1e14);
        let pairs = ["data.task=reverse-map", "data.n=9", "model.kind=encoder-decoder"];
        let bytes_of_pairs = |edit: &str| bytes(&[&pairs[..], &[edit]].concat());
        let start = bytes_of_pairs("train.seed=1");
        for edit in ["model.width=64", "model.encoder_layers=3", "model.decoder_layers=3", "data.n=99"] {
            assert!(bytes_of_pairs(edit) > start, "{edit}");
        }
        let networks = |hidden| bytes(&[&format!("model.attention.project={{kind=\"mlp\", hidden={hidden}}}")]);
        assert!(networks(1 << 20) > networks(1 << 10) + 1e8);
    }

    #[test]
    fn what_is_read_counts_and_what_may_be_less_does_not() {
        let read = |edits: &[&str]| Recipe::read("", "test", edits).unwrap();
        let series = read(&["data.task=series", "data.name=x", "model.kind=classifier", "train.batch=1000000"]);
        let form = ExampleForm::Series { channels: 12, longest: 29 };
        let (least, known) =
            [series.least_form(), Form::Examples { form, classes: 9 }].map(|form| Needed::of(&series, form)).into();
        assert!(known.bytes() > 20.0 * least.bytes() && known.advice().contains("train.batch"));
        let words = Needed::of(&read(&[]), Form::Tokens(1 << 30));
        assert!(words.bytes() > 1e11 && words.advice().contains("model.width"));
        let pairs = ["data.task=translation", "data.name=x", "data.source=de", "data.target=en", "data.joint=true"];
        let recipe = read(&[&pairs[..], &["model.kind=encoder-decoder", "data.max_tokens=67108864"]].concat());
        assert!(Needed::of(&recipe, recipe.least_form()).bytes() < 1e9);
    }

    #[test]
    fn fixed_vectors_are_no_parameters() {
        let recipe = Recipe::read("", "test", &["model.embedding=fixed", "data.n=9"]).unwrap();
        let model = recipe.least_form().applied_to(&recipe.model);
        let fixed = |width| Ok(Tensor::zeros([9, width]));
        let (_, made) = Model::build(&recipe.model, recipe.least_form(), fixed, 1).unwrap();
        assert_eq!(parameters(&model), real(made.count()));
    }
}
