//! `anther import`: a model of another program becomes a run.

use std::path::PathBuf;

use anther_train::hugging_face::{HuggingFaceError, Import};
use anther_train::trainer::{Out, StartOptions};
use serde_json::json;

use super::train::{RUNS, command};
use super::{DONE, data_dir};
use crate::cli::{ImportArgs, ImportFrom, ImportHfArgs};
use crate::compute::Compute;
use crate::failure::Failure;
use crate::output;
use crate::progress::grouped;

/// Reads, checks, writes the run.
pub fn run(args: &ImportArgs) -> Result<u8, Failure> {
    let ImportFrom::Hf(args) = &args.from;
    hugging_face(args)
}

fn hugging_face(args: &ImportHfArgs) -> Result<u8, Failure> {
    Compute::set_up(&args.compute)?;
    let import = Import { dir: args.dir.clone(), tokenizer: args.tokenizer.clone(), edits: args.set.clone() };
    let out = match &args.out {
        Some(directory) => Out::Directory(directory.clone()),
        None => {
            let name = args.dir.file_name().map_or_else(|| "imported".into(), |name| name.to_string_lossy());
            Out::Numbered { parent: PathBuf::from(RUNS), name: name.into_owned() }
        }
    };
    let options = StartOptions { out, data: data_dir(&args.data), command: command() };
    let (trainer, warnings) = import.start(&options).map_err(failure)?;
    warnings.iter().for_each(|warning| output::warn(warning));
    let (place, parameters) = (trainer.run_dir().path(), trainer.learner().parameters().count());
    if args.json {
        output::print_json(&json!({ "run_dir": place.to_string_lossy(), "parameters": parameters }))?;
    } else {
        output::print(&format!("{} parameters in {}", grouped(parameters as u64), place.display()))?;
    }
    Ok(DONE)
}

fn failure(error: HuggingFaceError) -> Failure {
    match error {
        HuggingFaceError::Edit { .. } => Failure::usage(error),
        HuggingFaceError::Recipe(error) => error.into(),
        HuggingFaceError::Train(error) => (*error).into(),
        error => error.into(),
    }
}
