//! What pruning did, for people and for programs.

use std::path::Path;

use anther_train::evaluate::Evaluation;
use anther_train::prune::{Pruned, PrunedLayer};
use anther_train::task::Metric;
use serde_json::{Value, json};

use crate::progress::grouped;

/// What pruning did.
pub(super) struct Report<'a> {
    pub pruned: &'a Pruned,
    pub metric: Metric,
    pub before: Evaluation,
    pub after: Evaluation,
    pub tuned: Option<Evaluation>,
    /// Parameters of the model before.
    pub total: usize,
    pub place: &'a Path,
}

impl Report<'_> {
    pub fn table(&self) -> String {
        let mut rows = vec![["layer", "dense", "chain", "ratio", "error", "bound"].map(str::to_owned)];
        rows.extend(self.pruned.layers.iter().map(|layer| {
            let PrunedLayer { name, dense, spec, error, report, .. } = layer;
            let relative = |x: f64| format!("{:.4}", if report.norm > 0.0 { x / report.norm } else { 0.0 });
            [
                name.clone(),
                grouped(*dense as u64),
                grouped(spec.params() as u64),
                format!("{:.4}", spec.ratio()),
                relative(*error),
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

    pub fn json(&self) -> Value {
        let layers = self.pruned.layers.iter().map(|layer| {
            json!({
                "layer": layer.name,
                "dense": layer.dense,
                "chain": layer.spec.params(),
                "ratio": layer.spec.ratio(),
                "inputs": layer.spec.inputs,
                "outputs": layer.spec.outputs,
                "ranks": layer.spec.ranks,
                "error": layer.error,
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
pub(super) fn aligned<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
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
