//! `anther eval`: what a trained model reaches on data it was not trained on.

use anther_train::evaluate::Evaluation;
use anther_train::task::Metric;
use anther_train::trained::{TrainedModel, Which};
use serde_json::json;

use super::{DONE, data_dir};
use crate::cli::{CheckpointArgs, EvalArgs};
use crate::compute::Compute;
use crate::failure::Failure;
use crate::output;

/// Loads, measures, prints.
pub fn run(args: &EvalArgs) -> Result<u8, Failure> {
    Compute::set_up(&args.compute)?;
    let trained = load(&args.run, &args.checkpoint)?;
    let data = data_dir(&args.data);
    let (metric, evaluation) = trained.evaluate(&data)?;
    let test = trained.test(&data)?;
    if args.json {
        let mut report = json!({
            "run_dir": args.run.to_string_lossy(),
            "step": trained.step,
            "metric": { "name": metric.name(), "value": evaluation.of(metric) },
            "loss": evaluation.loss,
            "accuracy": evaluation.accuracy,
            "perplexity": evaluation.perplexity(),
            "padded_perplexity": evaluation.padded_perplexity(),
        });
        if let Some(top5) = evaluation.top5 {
            report["top5_accuracy"] = top5.into();
        }
        if let Some(test) = test {
            report["test"] = json!({ "loss": test.loss, "accuracy": test.accuracy });
            if let Some(top5) = test.top5 {
                report["test"]["top5_accuracy"] = top5.into();
            }
        }
        output::print_json(&report)?;
    } else {
        let Evaluation { loss, accuracy, counted, top5 } = evaluation;
        let mut lines = vec![format!("step: {}", trained.step)];
        if metric == Metric::Perplexity {
            lines.push(format!("perplexity: {:.4} a token, padding not counted", evaluation.perplexity()));
            lines.push(format!(
                "padded perplexity: {:.4} (as if the {:.1} % of padding were predicted with certainty, as the program of arXiv 2305.10991 counts)",
                evaluation.padded_perplexity(),
                100.0 * (1.0 - counted)
            ));
        }
        lines.push(format!("loss: {loss:.4}\naccuracy: {accuracy:.4}"));
        lines.extend(top5.map(|top5| format!("top-5 accuracy: {top5:.4}")));
        if let Some(test) = test {
            lines.push(format!("test loss: {:.4}\ntest accuracy: {:.4}", test.loss, test.accuracy));
            lines.extend(test.top5.map(|top5| format!("test top-5 accuracy: {top5:.4}")));
        }
        output::print(&lines.join("\n"))?;
    }
    Ok(DONE)
}

/// The model of a run; what loading it found is told on the error stream.
pub fn load(run: &std::path::Path, checkpoint: &CheckpointArgs) -> Result<TrainedModel, Failure> {
    let which = if checkpoint.best { Which::Best } else { Which::Latest };
    let trained = TrainedModel::load(run, which, false)?;
    trained.warnings.iter().for_each(|warning| output::warn(warning));
    Ok(trained)
}
