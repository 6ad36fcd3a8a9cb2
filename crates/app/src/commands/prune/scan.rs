//! `anther prune RUN --scan`: where a model has parameters to spare, as a table and a picture.

use std::path::Path;

use anther_chain::Truncation;
use anther_data::DataDir;
use anther_train::log::svg::{self, Axes, Curve};
use anther_train::prune::{Point, Pruning, scan};
use anther_train::trained::TrainedModel;
use serde_json::{Value, json};

use super::name_of;
use super::report::aligned;
use crate::cli::PruneArgs;
use crate::commands::DONE;
use crate::failure::Failure;
use crate::output;
use crate::progress::grouped;

/// The picture, in the directory of the run.
const PICTURE: &str = "prune-scan.svg";

/// Tries all groups and sizes, prints, draws.
pub fn run(args: &PruneArgs, trained: &TrainedModel, data: &DataDir) -> Result<u8, Failure> {
    let picture = args.out.clone().unwrap_or_else(|| args.run.join(PICTURE));
    output::check_place(&picture)?;
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
        output::print_json(&json_of(&points, trained.parameters.count(), &picture))?;
    } else {
        output::print(&table(&points, trained.parameters.count(), &picture))?;
    }
    Ok(DONE)
}

fn table(points: &[Point], total: usize, picture: &Path) -> String {
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

fn json_of(points: &[Point], total: usize, picture: &Path) -> Value {
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
