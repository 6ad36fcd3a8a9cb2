//! `anther prune`: layers of a trained model as tensor chains, and where a model has parameters to spare.

use std::path::{Path, PathBuf};

use anther_chain::Truncation;
use anther_data::DataDir;
use anther_train::evaluate::{Evaluation, EvaluationSet};
use anther_train::log::svg::{self, Axes, Curve};
use anther_train::prune::{Point, Pruned, PrunedLayer, Pruning, scan};
use anther_train::recipe::Recipe;
use anther_train::task::Metric;
use anther_train::trained::TrainedModel;
use anther_train::trainer::{Out, Reason, StartOptions, Trainer};
use serde_json::{Value, json};

use super::train::{RUNS, command};
use super::{DONE, data_dir, eval::load};
use crate::cli::PruneArgs;
use crate::compute::Compute;
use crate::failure::Failure;
use crate::output;
use crate::progress::{Progress, grouped};
use crate::signals::Signals;

/// Batches of training data for `--data-aware`.
const CALIBRATION: usize = 8;
/// The picture of a scan, in the directory of the run.
const PICTURE: &str = "prune-scan.svg";

/// Prunes or scans.
pub fn run(args: &PruneArgs) -> Result<u8, Failure> {
    Compute::set_up(&args.compute)?;
    let trained = load(&args.run, &args.checkpoint)?;
    let data = data_dir(&args.data);
    if args.scan {
        return run_scan(args, &trained, &data);
    }
    let pruning = Pruning {
        cores: args.cores.into(),
        calibration: if args.data_aware { CALIBRATION } else { 0 },
        ..Pruning::new(args.layers.clone(), truncation(args))
    };
    let (metric, before) = trained.evaluate(&data)?;
    let mut pruned = pruning.apply(&trained, &data)?;
    pruned.recipe = fine_tuning(&pruned.recipe, args)?;
    let mut evaluation = EvaluationSet::new(trained.task(&data)?.evaluation().map_err(anyhow::Error::from)?);
    let after = evaluation.measure(&pruned.model, &pruned.parameters);

    let signals = Signals::listen()?;
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
        tuned = Some(
            evaluation.measure(&pruned.model, trainer.learner().average().unwrap_or(trainer.learner().parameters())),
        );
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

/// What pruning did.
struct Report<'a> {
    pruned: &'a Pruned,
    metric: Metric,
    before: Evaluation,
    after: Evaluation,
    tuned: Option<Evaluation>,
    /// Parameters of the model before.
    total: usize,
    place: &'a Path,
}

impl Report<'_> {
    fn table(&self) -> String {
        let mut rows = vec![["layer", "dense", "chain", "ratio", "error", "bound"].map(str::to_owned)];
        rows.extend(self.pruned.layers.iter().map(|layer| {
            let PrunedLayer { name, dense, spec, report, .. } = layer;
            let relative = |x: f64| format!("{:.4}", if report.norm > 0.0 { x / report.norm } else { 0.0 });
            [
                name.clone(),
                grouped(*dense as u64),
                grouped(spec.params() as u64),
                format!("{:.4}", spec.ratio()),
                relative(report.error),
                relative(report.bound),
            ]
        }));
        let mut lines = aligned(&rows);
        for layer in &self.pruned.kept {
            lines.push(format!("{layer} stays dense: its chain would have had more parameters"));
        }
        for layer in &self.pruned.layers {
            if let Some([plain, fitted]) = layer.on_data {
                lines.push(format!("{}: error on the data {plain:.4}, fitted to them {fitted:.4}", layer.name));
            }
        }
        lines.push(format!("parameters: {} -> {}", grouped(self.total as u64), grouped(self.count() as u64)));
        let name = self.metric.name();
        let shown = |evaluation: Evaluation| format!("{:.4}", evaluation.of(self.metric));
        let mut line = format!("{name}: {} before, {} after", shown(self.before), shown(self.after));
        if let Some(tuned) = self.tuned {
            line += &format!(", {} after fine-tuning", shown(tuned));
        }
        lines.push(line);
        lines.push(format!("run: {}", self.place.display()));
        lines.join("\n")
    }

    fn count(&self) -> usize {
        self.pruned.parameters.count()
    }

    fn json(&self) -> Value {
        let layers = self.pruned.layers.iter().map(|layer| {
            json!({
                "layer": layer.name,
                "dense": layer.dense,
                "chain": layer.spec.params(),
                "ratio": layer.spec.ratio(),
                "inputs": layer.spec.inputs,
                "outputs": layer.spec.outputs,
                "ranks": layer.spec.ranks,
                "error": layer.report.error,
                "bound": layer.report.bound,
                "norm": layer.report.norm,
                "error_on_data": layer.on_data,
            })
        });
        let measured = |evaluation: Evaluation| evaluation.of(self.metric);
        json!({
            "layers": layers.collect::<Vec<_>>(),
            "dense_layers": self.pruned.kept,
            "parameters_before": self.total,
            "parameters": self.count(),
            "metric": self.metric.name(),
            "before": measured(self.before),
            "after": measured(self.after),
            "after_fine_tuning": self.tuned.map(measured),
            "run_dir": self.place.to_string_lossy(),
        })
    }
}

/// Columns under each other, the first to the left and the others to the right.
fn aligned<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    let widths: [usize; N] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).enumerate();
        let cells = cells.map(
            |(column, (cell, width))| {
                if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
            },
        );
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

fn run_scan(args: &PruneArgs, trained: &TrainedModel, data: &DataDir) -> Result<u8, Failure> {
    let picture = args.out.clone().unwrap_or_else(|| args.run.join(PICTURE));
    let pruning = Pruning { cores: args.cores.into(), ..Pruning::new(Vec::new(), Truncation::Cap(1)) };
    let points = scan(trained, data, &pruning, &mut |point| {
        if !args.quiet {
            output::tell(&format!("{} at {}: loss {:.4}", point.group, point.ratio, point.loss));
        }
    })?;
    let curve = |group: &str| Curve {
        label: group.to_owned(),
        points: points
            .iter()
            .filter(|point| point.group == group)
            .map(|point| (point.removed as u64, point.loss - point.before))
            .collect(),
    };
    let mut groups: Vec<&str> = points.iter().map(|point| point.group).collect();
    groups.dedup();
    let curves: Vec<_> = groups.into_iter().map(curve).collect();
    let axes = Axes { x: "parameters removed", y: "increase of the loss" };
    svg::draw(&picture, &format!("{}: what pruning each group costs", name_of(&args.run)), axes, &curves)?;
    if args.json {
        output::print_json(&scan_json(&points, trained.parameters.count(), &picture))?;
    } else {
        output::print(&scan_table(&points, trained.parameters.count(), &picture))?;
    }
    Ok(DONE)
}

fn scan_table(points: &[Point], total: usize, picture: &Path) -> String {
    let mut rows =
        vec![["group", "asked", "dense", "removed", "of model", "error", "loss", "increase"].map(str::to_owned)];
    rows.extend(points.iter().map(|point| {
        [
            point.group.to_owned(),
            format!("{}", point.ratio),
            grouped(point.dense as u64),
            grouped(point.removed as u64),
            format!("{:.1} %", 100.0 * point.removed as f64 / total as f64),
            format!("{:.4}", point.error),
            format!("{:.4}", point.loss),
            format!("{:+.4}", point.loss - point.before),
        ]
    }));
    let mut lines = aligned(&rows);
    lines.extend(
        points
            .first()
            .map(|point| format!("loss before: {:.4} with {} parameters", point.before, grouped(total as u64))),
    );
    lines.push(format!("picture: {}", picture.display()));
    lines.join("\n")
}

fn scan_json(points: &[Point], total: usize, picture: &Path) -> Value {
    let points = points.iter().map(|point| {
        json!({
            "group": point.group,
            "ratio": point.ratio,
            "dense": point.dense,
            "removed": point.removed,
            "error": point.error,
            "loss": point.loss,
            "loss_before": point.before,
        })
    });
    json!({ "parameters": total, "points": points.collect::<Vec<_>>(), "picture": picture.to_string_lossy() })
}
