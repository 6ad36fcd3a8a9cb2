//! Tiny runs for tests: recipes, directories, and what they leave behind.

use std::cell::Cell;
use std::path::Path;

use anther_data::DataDir;
use anther_tensor::Parameters;
use anther_train::recipe::Recipe;
use anther_train::trainer::{Out, Outcome, ResumeOptions, Signal, StartOptions, TrainError, Trainer};
use sha2::{Digest, Sha256};

/// A run of a few milliseconds a step: two heads, two layers, dropout, moving average, evaluations, checkpoints.
const TINY: &str = r#"
data = { n = 3, tau = 2 }

[model]
layers = 2
heads = 2
width = 16
context = 10
dropout = 0.1

[model.attention]
dropout = 0.1

[train]
steps = 12
batch = 8
accumulate = 2
learning_rate = 0.01
warmup = 2
ema = 0.9
seed = 5
eval_every = 4
eval_batches = 2
checkpoint_every = 5
log_every = 2
"#;

pub fn recipe(edits: &[&str]) -> Recipe {
    Recipe::read(TINY, "tiny.toml", edits).unwrap()
}

/// The tiny run on a text, which is written into `dir`.
pub fn text_recipe(dir: &Path, edits: &[&str]) -> Recipe {
    let path = dir.join("text.txt");
    std::fs::write(&path, "the cat sat on the mat. the dog sat on the log.\n".repeat(12)).unwrap();
    let text = TINY.replace("n = 3, tau = 2", &format!("task = \"text\", path = {:?}", path.to_str().unwrap()));
    Recipe::read(&text, "tiny.toml", edits).unwrap()
}

pub fn data() -> DataDir {
    DataDir::resolve(None, None)
}

pub fn start(recipe: Recipe, dir: &Path) -> Result<Trainer, TrainError> {
    let out = Out::Directory(dir.to_path_buf());
    Trainer::new(recipe, &StartOptions { out, data: data(), command: "test".into() })
}

pub fn resume(dir: &Path) -> Result<Trainer, TrainError> {
    Trainer::resume(dir, &ResumeOptions { data: data(), strict: true, steps: None })
}

/// Runs to the end.
pub fn finish(trainer: &mut Trainer) -> Outcome {
    trainer.run(&mut (), &|| None).unwrap()
}

/// Runs `steps` steps and is then stopped by a signal.
pub fn stop_after(trainer: &mut Trainer, steps: u32) -> Outcome {
    let left = Cell::new(steps);
    let stop = || match left.get() {
        0 => Some(Signal::Interrupt),
        steps => {
            left.set(steps - 1);
            None
        }
    };
    trainer.run(&mut (), &stop).unwrap()
}

/// SHA-256 of all parameters.
pub fn digest(parameters: &Parameters<f32>) -> String {
    let bytes: Vec<u8> = parameters.values().iter().flat_map(|x| x.to_bits().to_le_bytes()).collect();
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
