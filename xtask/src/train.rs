//! `cargo xtask train [RECIPE] [ARGS]`: one command from a fresh clone to a training run.

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

/// `train RECIPE ARGS`, with the default recipe if the first argument is missing or a flag; every argument is kept as it is.
fn command_line(args: Vec<OsString>) -> Vec<OsString> {
    let names_a_recipe = args.first().is_some_and(|first| !first.to_string_lossy().starts_with('-'));
    let mut line = vec![OsString::from("train")];
    if !names_a_recipe {
        line.push(DEFAULT_RECIPE.into());
    }
    line.extend(args);
    line
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
    fn everything_is_passed_on_in_order() {
        assert_eq!(line(&["copy", "--help", "--", "-x"]), ["train", "copy", "--help", "--", "-x"]);
        assert_eq!(line(&["copy", "--set", "a.b=c d"]), ["train", "copy", "--set", "a.b=c d"]);
    }
}
