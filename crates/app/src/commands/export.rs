//! `anther export`: the weights of a trained model as one safetensors file, or the model for another program.

use anther_train::export::export;
use anther_train::hugging_face;

use super::{DONE, eval::load};
use crate::cli::{ExportArgs, ExportHfArgs, ExportTo};
use crate::failure::Failure;
use crate::output;
use crate::progress::grouped;

/// Loads, writes, says how much.
pub fn run(args: &ExportArgs) -> Result<u8, Failure> {
    let (run, file) = match (&args.to, &args.run, &args.file) {
        (Some(ExportTo::Hf(args)), ..) => return to_hugging_face(args),
        (None, Some(run), Some(file)) => (run, file),
        _ => return Err(Failure::usage(anyhow::anyhow!("name a run and the safetensors file to write"))),
    };
    let trained = load(run, &args.checkpoint)?;
    let written = export(&trained, file, args.dense)?;
    output::print(&format!(
        "{} tensors with {} numbers in {}",
        written.tensors,
        grouped(written.numbers as u64),
        file.display()
    ))?;
    Ok(DONE)
}

fn to_hugging_face(args: &ExportHfArgs) -> Result<u8, Failure> {
    let trained = load(&args.run, &args.checkpoint)?;
    let exported = hugging_face::export(&trained, &args.dir, args.dense)?;
    if !exported.tokenizer && !trained.model.tells_classes() {
        output::warn(
            "there is no tokenizer.json: the tokens of this run are none of the library of Hugging Face, which data.tokenizer.kind = \"bpe\" makes",
        );
    }
    if !exported.preprocessor && trained.model.tells_classes() {
        output::warn(
            "there is no preprocessor_config.json: the run does not say what images are standardised by, which it does when it is imported with that file or saves a checkpoint on data",
        );
    }
    output::print(&format!(
        "{} with {} tensors and {} numbers in {}",
        exported.architecture.name(),
        exported.written.tensors,
        grouped(exported.written.numbers as u64),
        args.dir.display()
    ))?;
    Ok(DONE)
}
