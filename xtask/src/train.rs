//! `cargo xtask train [RECIPE] [ARGS]`: one command from a fresh clone to a training run, or to the rest of one.

use std::ffi::OsString;

use anyhow::Result;

use crate::app;
use crate::project::Project;

/// The recipe of a command line that names none: small enough to finish while one watches.
const DEFAULT_RECIPE: &str = "nt-expressive";

/// Builds the command line and trains.
pub fn main(project: &Project, args: Vec<OsString>) -> Result<u8> {
    app::build_and_run(project, command_line(args))
}

/// `train RECIPE ARGS`, with the default recipe if the first argument is missing or a flag and nothing asks for something else than
/// a new run; every argument is kept as it is.
fn command_line(args: Vec<OsString>) -> Vec<OsString> {
    let names_a_recipe = args.first().is_some_and(|first| !first.to_string_lossy().starts_with('-'));
    let mut line = vec![OsString::from("train")];
    if !names_a_recipe && !needs_no_recipe(&args) {
        line.push(DEFAULT_RECIPE.into());
    }
    line.extend(args);
    line
}

/// Whether a flag asks for the rest of a run, which has a recipe of its own, or for help.
fn needs_no_recipe(args: &[OsString]) -> bool {
    args.iter()
        .map(|arg| arg.to_string_lossy())
        .take_while(|arg| arg != "--")
        .any(|arg| matches!(arg.as_ref(), "--resume" | "--help" | "-h") || arg.starts_with("--resume="))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(args: &[&str]) -> Vec<String> {
        let line = command_line(args.iter().map(OsString::from).collect());
        line.into_iter().map(|word| word.into_string().unwrap()).collect()
    }

    #[test]
    fn no_recipe_means_the_default_one() {
        assert_eq!(line(&[]), ["train", "nt-expressive"]);
        assert_eq!(line(&["--json"]), ["train", "nt-expressive", "--json"]);
        assert_eq!(line(&["--set", "model.dim=8"]), ["train", "nt-expressive", "--set", "model.dim=8"]);
    }

    #[test]
    fn the_rest_of_a_run_and_help_need_no_recipe() {
        assert_eq!(line(&["--resume", "runs/copy-1"]), ["train", "--resume", "runs/copy-1"]);
        assert_eq!(line(&["--json", "--resume=runs/copy-1"]), ["train", "--json", "--resume=runs/copy-1"]);
        assert_eq!(line(&["--help"]), ["train", "--help"]);
        assert_eq!(line(&["--quiet", "-h"]), ["train", "--quiet", "-h"]);
        assert_eq!(line(&["--resumed"]), ["train", "nt-expressive", "--resumed"]);
        assert_eq!(line(&["--", "--resume", "x"]), ["train", "nt-expressive", "--", "--resume", "x"]);
    }

    #[test]
    fn everything_is_passed_on_in_order() {
        assert_eq!(line(&["copy", "--help", "--", "-x"]), ["train", "copy", "--help", "--", "-x"]);
        assert_eq!(line(&["copy", "--set", "a.b=c d"]), ["train", "copy", "--set", "a.b=c d"]);
    }
}
