//! `anther prune`: layers of a trained model as tensor chains, and where a model has parameters to spare.

mod report;
mod scan;

use std::path::{Path, PathBuf};

use anther_chain::Truncation;
use anther_tensor::Parameters;
use anther_train::evaluate::Evaluation;
use anther_train::model::Model;
use anther_train::prune::Pruning;
use anther_train::recipe::Recipe;
use anther_train::trainer::{Out, Reason, StartOptions, Trainer};

use report::Report;

use super::train::{RUNS, command};
use super::{DONE, data_dir, eval::load};
use crate::cli::PruneArgs;
use crate::compute::Compute;
use crate::failure::Failure;
use crate::output;
use crate::progress::Progress;
use crate::signals::Signals;

/// Batches of training data for `--data-aware`.
const CALIBRATION: usize = 8;

/// Prunes or scans.
pub fn run(args: &PruneArgs) -> Result<u8, Failure> {
    Compute::set_up(&args.compute)?;
    let signals = Signals::listen()?;
    let pruning_only = signals.end_at_once("stopped before a run was made; nothing was written");
    let trained = load(&args.run, &args.checkpoint)?;
    let data = data_dir(&args.data);
    if args.scan {
        return scan::run(args, &trained, &data);
    }
    let pruning = Pruning {
        cores: args.cores.into(),
        calibration: if args.data_aware { CALIBRATION } else { 0 },
        ..Pruning::new(args.layers.clone(), truncation(args))
    };
    let task = trained.task(&data)?;
    let batches = task.evaluation();
    let measure = |model: &Model, parameters: &Parameters<f32>| {
        Evaluation::measure(model, parameters, &batches).map_err(anyhow::Error::from)
    };
    let (metric, before) = (task.metric(), measure(&trained.model, &trained.parameters)?);
    let mut pruned = pruning.apply(&trained, &data)?;
    pruned.recipe = fine_tuning(&pruned.recipe, args)?;
    let after = measure(&pruned.model, &pruned.parameters)?;

    pruning_only.go_on();
    let out = match &args.out {
        Some(directory) => Out::Directory(directory.clone()),
        None => Out::Numbered { parent: PathBuf::from(RUNS), name: format!("{}-pruned", name_of(&args.run)) },
    };
    let options = StartOptions { out, data, command: command() };
    let mut trainer = Trainer::with_parameters(pruned.recipe.clone(), &pruned.parameters, &options)?;
    let place = trainer.run_dir().path().to_path_buf();
    let mut tuned = None;
    if args.fine_tune.is_some() {
        let mut progress = Progress::new(args.quiet);
        let outcome = trainer.run(&mut progress, &|| signals.received());
        progress.finish();
        let outcome = outcome?;
        if let Reason::Signal(signal) = outcome.stopped {
            output::tell(&format!("stopped after step {}; go on with `--resume {}`", outcome.steps, place.display()));
            return Ok(signal.exit_code());
        }
        let learner = trainer.learner();
        tuned = Some(measure(&pruned.model, learner.average().unwrap_or(learner.parameters()))?);
    }
    let report =
        Report { pruned: &pruned, metric, before, after, tuned, total: trained.parameters.count(), place: &place };
    if args.json {
        output::print_json(&report.json())?;
    } else {
        output::print(&report.table())?;
    }
    Ok(DONE)
}

/// How far to prune; the flags exclude each other, and one of them is given.
fn truncation(args: &PruneArgs) -> Truncation {
    match (args.keep, args.tol, args.rank) {
        (Some(ratio), _, _) => Truncation::Budget(ratio),
        (_, Some(error), _) => Truncation::Tolerance(error),
        (_, _, rank) => Truncation::Cap(rank.unwrap_or(0)),
    }
}

/// The recipe of the new run: as long as fine-tuning, with the edits of `--set`.
fn fine_tuning(recipe: &Recipe, args: &PruneArgs) -> Result<Recipe, Failure> {
    if let Some(edit) = args.set.iter().find(|edit| !edit.trim_start().starts_with("train.")) {
        return Err(Failure::usage(anyhow::anyhow!(
            "the argument `--set {edit}` cannot be used here: the model and the data are those of the run, only keys of train can be changed"
        )));
    }
    let mut edits = args.set.clone();
    edits.extend(args.fine_tune.map(|steps| format!("train.steps={steps}")));
    Ok(Recipe::read(&recipe.to_toml()?, "the recipe of the pruned model", &edits)?)
}

/// What a run is called after.
fn name_of(run: &Path) -> String {
    run.file_name().map_or_else(|| "run".to_owned(), |name| name.to_string_lossy().into_owned())
}
