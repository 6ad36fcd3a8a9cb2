//! `anther train`: a new run, or the rest of one.

mod report;
pub mod seeds;

use std::path::{Path, PathBuf};

use anther_train::checkpoint::RECIPE_FILE;
use anther_train::learner::Learner;
use anther_train::recipe::{Presets, Recipe};
use anther_train::run_dir::RunDir;
use anther_train::task;
use anther_train::trainer::{Out, Outcome, Reason, ResumeOptions, StartOptions, TrainError, Trainer};

pub use report::of_test;

use super::{DONE, data_dir};
use crate::cli::TrainArgs;
use crate::compute::Compute;
use crate::failure::Failure;
use crate::memory;
use crate::output;
use crate::progress::Progress;
use crate::recipes::Source;
use crate::signals::{self, Signals};

/// The directory of runs that are given none.
pub(super) const RUNS: &str = "runs";
/// The fact of `run.json` that keeps the name of the recipe.
const RECIPE_NAME: &str = "recipe";
/// The only key that a resumed run may be given anew.
const STEPS: &str = "train.steps";

/// Trains and tells the result. A run that was asked to stop ends with the exit code of the signal.
pub fn run(args: &TrainArgs) -> Result<u8, Failure> {
    Compute::set_up(&args.compute)?;
    let signals = Signals::listen()?;
    let (name, mut trainer) = match (&args.resume, &args.recipe, &args.seeds) {
        (Some(run), ..) => resume(args, run, &signals)?,
        (None, Some(recipe), Some(seeds)) => return seeds::run(args, recipe, seeds, &signals),
        (None, Some(recipe), None) => {
            let source = Source::find(recipe)?;
            let out = match &args.out {
                Some(directory) => Out::Directory(directory.clone()),
                None => Out::Numbered { parent: PathBuf::from(RUNS), name: source.name.clone() },
            };
            let trainer = start(args, &source, resolve(args, &source, args.seed)?, out, &signals)?;
            (source.name, trainer)
        }
        (None, None, _) => {
            return Err(Failure::usage(anyhow::anyhow!("name a recipe, or with --resume a run to go on with")));
        }
    };
    let outcome = finish(&mut trainer, args, &signals)?;
    if args.json {
        output::print_json(&report::report(&name, &outcome))?;
    } else {
        output::print(&report::summary(&outcome))?;
    }
    Ok(match outcome.stopped {
        Reason::Signal(signal) => signal.exit_code(),
        Reason::Finished | Reason::Target | Reason::EarlyStopping => DONE,
    })
}

/// Trains until the run is over or a signal comes.
fn finish(trainer: &mut Trainer, args: &TrainArgs, signals: &Signals) -> Result<Outcome, Failure> {
    let mut progress = Progress::new(args.quiet);
    let outcome = trainer.run(&mut progress, &|| signals.received());
    progress.finish();
    let outcome = outcome?;
    if let Reason::Signal(signal) = outcome.stopped {
        let (signal, steps) = (signals::name(signal), outcome.steps);
        let place = outcome.run_dir.display();
        output::tell(&format!("{signal}: saved after step {steps}; go on with `--resume {place}`"));
    }
    Ok(outcome)
}

/// The recipe with everything that the flags change.
fn resolve(args: &TrainArgs, source: &Source, seed: Option<u64>) -> Result<Recipe, Failure> {
    let mut edits = args.set.clone();
    edits.extend(seed.map(|seed| format!("train.seed={seed}")));
    let presets = Presets { model: args.model.as_deref(), attention: args.attention.as_deref() };
    let recipe = source.resolve(presets, &edits)?;
    memory::check(&recipe, recipe.least_form())?;
    Ok(recipe)
}

fn start(args: &TrainArgs, source: &Source, recipe: Recipe, out: Out, signals: &Signals) -> Result<Trainer, Failure> {
    let options = StartOptions { out, data: data_dir(&args.data), command: command() };
    let before = signals.end_at_once("stopped before the first step; the run was not begun");
    let task = task::of_recipe(&recipe, &options.data).map_err(TrainError::from)?;
    memory::check(&recipe, task.symbols().form())?;
    let learner = Learner::new(&recipe, task).map_err(TrainError::from)?;
    before.go_on();
    let trainer = Trainer::with_learner(recipe, learner, &options)?;
    let run = trainer.run_dir();
    let mut facts = run.read_facts()?;
    facts.insert(RECIPE_NAME.to_owned(), source.name.clone());
    run.write_facts(&facts)?;
    Ok(trainer)
}

fn resume(args: &TrainArgs, run: &Path, signals: &Signals) -> Result<(String, Trainer), Failure> {
    let mut steps = None;
    for edit in &args.set {
        steps = Some(steps_of(edit)?);
    }
    let trainer = resumed(args, run, steps, signals)?;
    // A run whose facts were lost can still go on; it is then called after its directory.
    let named = trainer.run_dir().read_facts().ok();
    let name = named.and_then(|mut facts| facts.remove(RECIPE_NAME));
    let directory = || run.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok((name.unwrap_or_else(directory), trainer))
}

fn resumed(args: &TrainArgs, run: &Path, steps: Option<u64>, signals: &Signals) -> Result<Trainer, Failure> {
    if RunDir::open(run).map_err(TrainError::from)?.recipe_was_changed() {
        output::warn(&format!(
            "{} is not the recipe that the run was saved with and is not read; only train.steps can be changed, with --set",
            run.join(RECIPE_FILE).display()
        ));
    }
    let options = ResumeOptions { data: data_dir(&args.data), strict: false, steps };
    // Until the first step a run is as it was, or has its new number of steps: it can be resumed whenever this ends.
    let _reading = signals.end_at_once("stopped before the next step; the run can be resumed as before");
    Ok(Trainer::resume(run, &options)?)
}

/// The steps that `--set train.steps=N` asks for.
fn steps_of(edit: &str) -> Result<u64, Failure> {
    let refused =
        |why: &str| Failure::usage(anyhow::anyhow!("the argument `--set {edit}` cannot be used with --resume: {why}"));
    let Some((STEPS, value)) = edit.split_once('=').map(|(key, value)| (key.trim(), value.trim())) else {
        return Err(refused("a run keeps its own recipe, only train.steps may be set anew"));
    };
    value.replace('_', "").parse().map_err(|_| refused("the number of steps must be a whole number"))
}

/// The command line as it was typed, more or less: for the eyes only.
pub(super) fn command() -> String {
    let words: Vec<_> = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    format!("anther {}", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_steps_of_a_run_can_be_set_anew() {
        assert_eq!(steps_of("train.steps=1_000").unwrap(), 1000);
        for edit in ["train.seed=3", "train.steps", "steps=3", "train.steps=-1", "train.steps=many"] {
            let refusal = steps_of(edit).unwrap_err();
            assert_eq!(refusal.code(), crate::failure::USAGE);
            assert!(refusal.to_string().contains(edit), "{refusal}");
        }
    }
}
