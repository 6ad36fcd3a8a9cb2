//! `anther completions SHELL`: a script that a shell can load.

use clap::CommandFactory;

use super::DONE;
use crate::cli::{Cli, CompletionsArgs};
use crate::failure::Failure;
use crate::output;

/// Prints the script.
pub fn run(args: &CompletionsArgs) -> Result<u8, Failure> {
    let mut script = Vec::new();
    // Into memory first: the generator would panic if the reader of a pipe were gone.
    clap_complete::generate(args.shell, &mut Cli::command(), "anther", &mut script);
    output::print(&String::from_utf8_lossy(&script))?;
    Ok(DONE)
}
