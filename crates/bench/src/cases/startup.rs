//! From the start of the command line to the end of a run of one step.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::case::{Case, Work};

/// The recipe whose first step is awaited; it needs no data set.
const RECIPE: &str = "nt-dot";

/// Starts the program `anther` and waits until it has taken one step and is gone.
#[must_use]
pub fn case(anther: &Path) -> Case {
    let anther = anther.to_owned();
    Case::new("startup_first_step", Work::Time, move || {
        let anther = anther.clone();
        let dir = tempfile::tempdir().expect("there is room for a temporary folder");
        let mut run = 0;
        move || {
            run += 1;
            first_step(&anther, dir.path().join(format!("run-{run}")));
        }
    })
    .quick()
}

fn first_step(anther: &Path, out: PathBuf) {
    let edits = ["train.steps=1", "train.warmup=0", "train.eval_batches=1"];
    let mut command = Command::new(anther);
    command.args(["train", RECIPE, "--quiet", "--out"]).arg(out);
    command.args(edits.iter().flat_map(|edit| ["--set", edit]));
    command.args(["--threads", &rayon::current_num_threads().to_string()]);
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{} did not start: {error}", anther.display()));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} failed: {}", anther.display(), message.trim());
}
