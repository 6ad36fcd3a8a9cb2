//! The command line of Anther: train, evaluate, generate, inspect.
//!
//! | file | what |
//! |---|---|
//! | `cli` | the flags |
//! | `commands` | one file per subcommand |
//! | `recipes` | the recipes that are compiled in, and files in their place |
//! | `progress` | what a training run says while it goes |
//! | `memory` | whether a recipe can fit the machine |
//! | `signals`, `compute` | what the process is told: to stop, how many threads, which instructions |
//! | `cost`, `scores` | what results have in common: what they took, and how near translations are |
//! | `failure`, `input`, `output` | exit codes, texts that are given, the error stream, the result stream |
//!
//! The result goes to the standard output and nothing else does; everything a person watches goes to the error stream.
#![forbid(unsafe_code)]

mod cli;
mod commands;
mod compute;
mod cost;
mod failure;
mod heat_map;
mod input;
mod memory;
mod output;
mod progress;
mod recipes;
mod scores;
mod signals;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};
use failure::Failure;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(refusal) => {
            // Help and version are results, everything else is a mistake; clap knows the stream and the exit code of each.
            let code = u8::try_from(refusal.exit_code()).unwrap_or(failure::USAGE);
            let _ = refusal.print();
            return ExitCode::from(code);
        }
    };
    match run(cli.command) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            output::complain(&failure);
            ExitCode::from(failure.code())
        }
    }
}

/// Runs one subcommand and returns the exit code of a run that did not fail.
fn run(command: Command) -> Result<u8, Failure> {
    match command {
        Command::Train(args) => commands::train::run(&args),
        Command::Eval(args) => commands::eval::run(&args),
        Command::Generate(args) => commands::generate::run(&args),
        Command::Translate(args) => commands::translate::run(&args),
        Command::Bleu(args) => commands::bleu::run(&args),
        Command::Prune(args) => commands::prune::run(&args),
        Command::Import(args) => commands::import::run(&args),
        Command::Export(args) => commands::export::run(&args),
        Command::Inspect(args) => commands::inspect::run(&args),
        Command::Recipes(args) => commands::recipes::run(&args),
        Command::Completions(args) => commands::completions::run(&args),
        Command::Fetch(args) => commands::fetch::run(&args),
    }
}
