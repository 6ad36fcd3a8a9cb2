//! `anther export`: the weights of a trained model as one safetensors file.

use anther_train::export::export;

use super::{DONE, eval::load};
use crate::cli::ExportArgs;
use crate::failure::Failure;
use crate::output;
use crate::progress::grouped;

/// Loads, writes, says how much.
pub fn run(args: &ExportArgs) -> Result<u8, Failure> {
    let trained = load(&args.run, &args.checkpoint)?;
    let written = export(&trained, &args.file, args.dense)?;
    output::print(&format!(
        "{} tensors with {} numbers in {}",
        written.tensors,
        grouped(written.numbers as u64),
        args.file.display()
    ))?;
    Ok(DONE)
}
