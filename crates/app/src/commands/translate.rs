//! `anther translate`: an encoder–decoder answers the lines of the standard input.

use std::io::stdin;

use anther_train::generate::TranslateError;

use super::{DONE, eval::load};
use crate::cli::TranslateArgs;
use crate::compute::Compute;
use crate::failure::Failure;
use crate::input;
use crate::output;

/// The most bytes that are read, 64 MiB: all lines are checked before the first is answered.
const LIMIT: u64 = 64 << 20;

/// Loads, reads all lines, answers each.
pub fn run(args: &TranslateArgs) -> Result<u8, Failure> {
    Compute::set_up(&args.compute)?;
    let trained = load(&args.run, &args.checkpoint)?;
    let text = input::text(stdin().lock(), "the standard input", LIMIT)?;
    let lines: Vec<&str> = text.lines().collect();
    let answers = trained.translate(&lines).map_err(|error| match error {
        TranslateError::Kind => Failure::from(error),
        TranslateError::Source { .. } | TranslateError::TooLong { .. } => Failure::usage(error),
    })?;
    for answer in answers {
        output::print(&answer)?;
    }
    Ok(DONE)
}
