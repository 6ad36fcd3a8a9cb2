//! `cargo xtask tidy`: the house rules, as far as a program can check them.
//!
//! One file per rule. A rule is a function from the files of the repository to problems, so that a test can show it a bad example.

mod dependencies;
mod leftovers;
mod licences;
mod ops;
mod paths;
mod recipes;
mod rust_source;
mod size;
pub mod tree;
mod unsafety;
mod whitespace;

use std::fmt;

use anyhow::{Context, Result};

use crate::project::Project;
pub use size::MAX_BYTES;
use tree::Tree;

/// A place that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    path: String,
    line: Option<usize>,
    message: String,
}

impl Problem {
    /// About a file, or about what it should have.
    fn of_file(path: &str, message: impl Into<String>) -> Problem {
        Problem { path: path.to_owned(), line: None, message: message.into() }
    }

    /// About a line, counted from 1.
    fn at(path: &str, line: usize, message: impl Into<String>) -> Problem {
        Problem { path: path.to_owned(), line: Some(line), message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.path, self.message),
            None => write!(f, "{}: {}", self.path, self.message),
        }
    }
}

/// What a rule has found.
struct Verdict {
    problems: Vec<Problem>,
    /// How much it has looked at: a rule that looks at nothing finds nothing.
    seen: String,
}

/// A named rule.
type Rule = (&'static str, fn(&Tree) -> Verdict);

const RULES: [Rule; 9] = [
    ("ops", ops::check),
    ("dependencies", dependencies::check),
    ("length", size::lines),
    ("size", size::bytes),
    ("paths", paths::check),
    ("unsafe", unsafety::check),
    ("leftovers", leftovers::check),
    ("whitespace", whitespace::check),
    ("recipes", recipes::check),
];

/// Checks all rules and prints every problem; the exit code is 1 if there is one.
pub fn main(project: &Project) -> Result<u8> {
    let tree = Tree::of_repository(project.root())?;
    let mut verdicts: Vec<_> = RULES.iter().map(|(name, rule)| (*name, rule(&tree))).collect();
    let metadata = project.metadata(&["--locked"]).context("the licences are not known")?;
    verdicts.push(("licences", licences::check(&tree, &metadata)));

    let mut count = 0;
    for (name, verdict) in verdicts {
        count += verdict.problems.len();
        println!("{} {name:<13} {}", if verdict.problems.is_empty() { "ok  " } else { "FAIL" }, verdict.seen);
        for problem in verdict.problems {
            println!("  {problem}");
        }
    }
    println!("tidy: {} files, {count} problems", tree.files().len());
    Ok(u8::from(count > 0))
}
