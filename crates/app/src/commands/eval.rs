//! `anther eval`: what a trained model reaches on data it was not trained on.

use std::time::Instant;

use anther_data::DataDir;
use anther_train::evaluate::Evaluation;
use anther_train::perplexity::{Perplexity, Protocol};
use anther_train::recipe::TaskKind;
use anther_train::task::{Metric, TextSplit};
use anther_train::trained::{TrainedModel, Which};
use serde_json::json;

use super::train::of_test;
use super::{DONE, data_dir};
use crate::cli::{CheckpointArgs, EvalArgs, ProtocolArg, SplitArg};
use crate::compute::Compute;
use crate::cost::Cost;
use crate::failure::Failure;
use crate::output;
use crate::signals::Signals;

/// Loads, measures, prints.
pub fn run(args: &EvalArgs) -> Result<u8, Failure> {
    Compute::set_up(&args.compute)?;
    let _ending = Signals::listen()?.end_at_once("stopped; an evaluation writes nothing");
    let trained = load(&args.run, &args.checkpoint)?;
    let data = data_dir(&args.data);
    let mut began = Instant::now();
    let text = of_text(args, &trained, &data)?;
    let (metric, evaluation, test) = match (trained.recipe.data.task, args.split) {
        (TaskKind::MaskedText, Some(split)) => {
            began = Instant::now();
            (Metric::MaskedPerplexity, trained.masked_evaluation(&data, split.into())?, None)
        }
        // What is measured during training says nothing about the test part.
        (TaskKind::Text, Some(SplitArg::Test)) => return print_text(args, &trained, text.as_ref(), began),
        _ => {
            let task = trained.task(&data)?;
            began = Instant::now();
            (task.metric(), trained.measure(&*task)?, trained.test(&*task)?)
        }
    };
    let parts = [Some(evaluation), test].into_iter().flatten();
    let (flops, tokens) = parts.fold((0, 0), |(flops, tokens), part| (flops + part.flops, tokens + part.tokens));
    let cost = Cost::of(&trained, flops, tokens, began);
    if args.json {
        let mut answer = json!({
            "run_dir": args.run.to_string_lossy(),
            "step": trained.step,
            "metric": { "name": metric.name(), "value": evaluation.of(metric) },
            "loss": evaluation.loss,
            "accuracy": evaluation.accuracy,
            "perplexity": evaluation.perplexity(),
            "padded_perplexity": evaluation.padded_perplexity(),
        });
        if let Some(text) = &text {
            answer["text"] = text.json();
        }
        if let Some(top5) = evaluation.top5 {
            answer["top5_accuracy"] = top5.into();
        }
        if let Some(test) = test {
            answer["test"] = of_test(&test);
        }
        cost.add_to(&mut answer);
        output::print_json(&answer)?;
    } else {
        let Evaluation { loss, accuracy, counted, top5, .. } = evaluation;
        let mut lines = vec![format!("step: {}", trained.step)];
        match (metric, trained.recipe.data.task) {
            (Metric::MaskedPerplexity, _) => lines.push(format!(
                "masked-LM perplexity: {:.4} a hidden token, which is no perplexity of the text",
                evaluation.perplexity()
            )),
            (Metric::Perplexity, TaskKind::Text) => {
                lines.push(format!(
                    "perplexity: {:.4} a token, of what is measured during training",
                    evaluation.perplexity()
                ));
            }
            (Metric::Perplexity, _) => {
                lines.push(format!("perplexity: {:.4} a token, padding not counted", evaluation.perplexity()));
                lines.push(format!(
                    "padded perplexity: {:.4} (as if the {:.1} % of padding were predicted with certainty, as the program of arXiv 2305.10991 counts)",
                    evaluation.padded_perplexity(),
                    100.0 * (1.0 - counted)
                ));
            }
            (Metric::Accuracy | Metric::Loss, _) => {}
        }
        lines.push(format!("loss: {loss:.4}\naccuracy: {accuracy:.4}"));
        lines.extend(text.iter().map(OfText::lines));
        lines.extend(top5.map(|top5| format!("top-5 accuracy: {top5:.4}")));
        if let Some(test) = test {
            lines.push(format!("test loss: {:.4}\ntest accuracy: {:.4}", test.loss, test.accuracy));
            lines.extend(test.top5.map(|top5| format!("test top-5 accuracy: {top5:.4}")));
        }
        lines.push(cost.line());
        output::print(&lines.join("\n"))?;
    }
    Ok(DONE)
}

/// How well a part of a text is predicted, and how that was measured.
struct OfText {
    split: TextSplit,
    protocol: Protocol,
    measured: Perplexity,
}

/// Measures a run on text on a whole part of it; nothing for another task, to which the flags of text mean nothing.
fn of_text(args: &EvalArgs, trained: &TrainedModel, data: &DataDir) -> Result<Option<OfText>, Failure> {
    let task = trained.recipe.data.task;
    let protocol = match (args.protocol, args.stride) {
        (ProtocolArg::Standard, None) => Protocol::Disjoint,
        (ProtocolArg::Standard, Some(stride)) => Protocol::Sliding { stride },
        (ProtocolArg::Paper2Overlap, _) => Protocol::Paper2Overlap,
    };
    let refuse = |flags: &str| Err(Failure::usage(anyhow::anyhow!("{flags} is for runs on text, and this one is not")));
    match task {
        TaskKind::Text => {
            let split = args.split.map_or(TextSplit::Validation, TextSplit::from);
            Ok(Some(OfText { split, protocol, measured: trained.perplexity(data, split, protocol)? }))
        }
        _ if protocol != Protocol::Disjoint => refuse("--stride or --protocol"),
        TaskKind::MaskedText => Ok(None),
        _ if args.split.is_some() => refuse("--split"),
        _ => Ok(None),
    }
}

fn print_text(args: &EvalArgs, trained: &TrainedModel, text: Option<&OfText>, began: Instant) -> Result<u8, Failure> {
    let text = text.expect("a run on text was measured on it");
    let cost = Cost::of(trained, text.measured.flops, text.measured.read, began);
    let step = trained.step;
    if args.json {
        let mut answer = json!({ "run_dir": args.run.to_string_lossy(), "step": step, "text": text.json() });
        cost.add_to(&mut answer);
        output::print_json(&answer)?;
    } else {
        output::print(&format!("step: {step}\n{}\n{}", text.lines(), cost.line()))?;
    }
    Ok(DONE)
}

impl OfText {
    fn names(&self) -> (&'static str, String) {
        let split = match self.split {
            TextSplit::Validation => "validation",
            TextSplit::Test => "test",
        };
        let protocol = match self.protocol {
            Protocol::Disjoint => "disjoint windows".to_owned(),
            Protocol::Sliding { stride } => format!("sliding windows of stride {stride}"),
            Protocol::Paper2Overlap => "overlapping windows as in arXiv 2502.17206".to_owned(),
        };
        (split, protocol)
    }

    fn lines(&self) -> String {
        let (split, protocol) = self.names();
        let Perplexity { tokens, words, .. } = self.measured;
        format!(
            "{split} text, {protocol}:\n  perplexity: {:.4} a token ({tokens} tokens), {:.4} a word ({words} words, ends of lines among them)",
            self.measured.per_token(),
            self.measured.per_word()
        )
    }

    fn json(&self) -> serde_json::Value {
        let (split, protocol) = self.names();
        let Perplexity { nats, scored, tokens, words, .. } = self.measured;
        json!({
            "split": split,
            "protocol": protocol,
            "token_perplexity": self.measured.per_token(),
            "word_perplexity": self.measured.per_word(),
            "tokens": tokens,
            "words": words,
            "scored_tokens": scored,
            "nats": nats,
        })
    }
}

/// The model of a run; what loading it found is told on the error stream.
pub fn load(run: &std::path::Path, checkpoint: &CheckpointArgs) -> Result<TrainedModel, Failure> {
    let which = if checkpoint.best { Which::Best } else { Which::Latest };
    let trained = TrainedModel::load(run, which, false)?;
    trained.warnings.iter().for_each(|warning| output::warn(warning));
    Ok(trained)
}
