//! Whether a recipe can fit the machine at all: a process that is refused memory is ended by the system without a sentence.

use anther_train::optim::OptimizerKind;
use anther_train::recipe::{ModelConfig, Recipe, TaskKind};
use anther_transformer::Activation;

use crate::failure::Failure;

/// The vocabulary of a text that was not read yet; most have more.
const TEXT_TOKENS: usize = 64;

/// Refuses a recipe whose training surely needs more memory than there is. Where the system does not tell how much there is,
/// nothing is refused.
///
/// # Errors
/// A failure that names both sizes.
pub fn check(recipe: &Recipe) -> Result<(), Failure> {
    let total = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| total_of(&text));
    let needed = least_bytes(recipe);
    match total {
        Some(total) if needed > total => Err(anyhow::anyhow!(
            "the model needs at least {:.0} GB to train, but this machine has {:.0} GB; make model.width, model.layers, \
             model.context or train.batch smaller, or train.accumulate larger",
            needed / 1e9,
            total / 1e9
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

/// A lower bound of the bytes of a training step, in floating point because a recipe can ask for more than any integer holds:
/// values, gradients and moments of the matrices; the saved inputs of products and the scores, of one block where blocks are
/// recomputed; the batches of an evaluation. Logits do not count: they may be computed in pieces.
fn least_bytes(recipe: &Recipe) -> f64 {
    let train = &recipe.train;
    let real = |n: usize| n as f64;
    let tokens = match recipe.data.task {
        TaskKind::Nt | TaskKind::ReverseMap => recipe.data.n as usize,
        TaskKind::Text | TaskKind::MaskedText | TaskKind::Translation => TEXT_TOKENS,
        // Examples of classes have few tokens or none.
        TaskKind::Images | TaskKind::Series | TaskKind::Listops => 0,
    };
    // What a block has, the blocks, and the layers of attention in them.
    let (sizes, blocks, attentions) = match &recipe.model {
        ModelConfig::CausalLm(model) => (model.block(), model.layers, model.layers),
        ModelConfig::MaskedLm(model) => (model.block(), model.layers, model.layers),
        ModelConfig::EncoderDecoder(model) => {
            let (encoder, decoder) = (model.encoder_layers, model.decoder_layers);
            (model.encoder_block(), encoder + decoder, encoder + 2 * decoder)
        }
        ModelConfig::Classifier(model) => (model.block(), model.layers, model.layers),
    };
    let (width, hidden, context) = (real(sizes.width), real(sizes.feed_forward), real(recipe.model.context()));
    let matrices = if sizes.activation == Activation::Swiglu { 3.0 } else { 2.0 };
    let products = real(attentions) * 4.0 * width * width + real(blocks) * matrices * width * hidden;
    let parameters = products + real(tokens) * width;
    let moments = match train.optimizer {
        OptimizerKind::AdamW | OptimizerKind::Adam | OptimizerKind::RAdam => 2.0,
        OptimizerKind::Sgd | OptimizerKind::Nesterov => 0.0,
    };
    let slabs = 2.0 + moments + f64::from(u8::from(train.ema > 0.0));
    let rows = recipe.data.max_tokens.map_or(train.batch, |tokens| tokens / recipe.model.context().max(1));
    let sequences = real(rows / train.accumulate.max(1));
    let saved = sequences * context * (6.0 * width + hidden) + sequences * real(sizes.heads) * context * context;
    let activations = match train.recompute {
        true => saved + real(blocks - 1) * sequences * context * width,
        false => real(blocks) * saved,
    };
    let evaluation = match recipe.data.task {
        TaskKind::Nt | TaskKind::ReverseMap => 3.0 * real(train.eval_batches) * real(train.batch) * context,
        _ => 0.0,
    };
    4.0 * (slabs * parameters + activations + evaluation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_the_machine_is_read() {
        assert_eq!(total_of("MemTotal:       2 kB\nMemFree: 1 kB\n"), Some(2048.0));
        assert_eq!(total_of("MemFree: 1 kB\n"), None);
        assert_eq!(total_of("MemTotal: much\n"), None);
    }

    #[test]
    fn the_bound_grows_with_every_size() {
        let bytes = |edits: &[&str]| least_bytes(&Recipe::read("", "test", edits).unwrap());
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
    }
}
