//! One file per subcommand. Each has `run`, which returns the exit code of a command that did not fail.

pub mod bleu;
pub mod completions;
pub mod eval;
pub mod export;
pub mod fetch;
pub mod generate;
pub mod import;
pub mod inspect;
pub mod prune;
pub mod recipes;
pub mod train;
pub mod translate;

use anther_data::DataDir;

use crate::cli::DataArgs;

/// Exit code of a command that did its work.
pub const DONE: u8 = 0;

/// The directory of data sets: the flag, else the variable, else the default.
fn data_dir(args: &DataArgs) -> DataDir {
    DataDir::resolve(args.data_dir.as_deref(), std::env::var_os("ANTHER_DATA").as_deref())
}
