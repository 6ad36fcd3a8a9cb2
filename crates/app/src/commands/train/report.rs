//! What a run came to, for people and for programs.

use anther_train::evaluate::Evaluation;
use anther_train::trainer::{Measured, Outcome, Reason};
use serde_json::{Value, json};

use crate::cost::Cost;
use crate::progress::grouped;
use crate::signals;

/// Some lines.
pub fn summary(outcome: &Outcome) -> String {
    let why = match outcome.stopped {
        Reason::Finished => "all steps taken",
        Reason::Target => "the target is reached",
        Reason::EarlyStopping => "no improvement any more",
        Reason::Signal(signal) => signals::name(signal),
    };
    let name = outcome.metric_name;
    let shown = |measured: &Option<Measured>| match measured {
        Some(Measured { step, value }) => format!("{value:.4} after step {step}"),
        None => "not measured".to_owned(),
    };
    let mut lines = vec![format!("{name}: {} (best {})", shown(&outcome.last), shown(&outcome.best))];
    if let (Some(test), Some(best)) = (&outcome.test, &outcome.best) {
        let top5 = test.top5.map_or(String::new(), |top5| format!(", top-5 {top5:.4}"));
        lines.push(format!("test accuracy: {:.4}{top5} of the best, after step {}", test.accuracy, best.step));
    }
    lines.push(format!("steps: {} ({why})", grouped(outcome.steps)));
    lines.push(cost(outcome).line());
    lines.push(format!("run: {}", outcome.run_dir.display()));
    lines.join("\n")
}

/// One object.
pub fn report(recipe: &str, outcome: &Outcome) -> Value {
    let measured = |measured: &Option<Measured>| {
        json!({
            "name": outcome.metric_name,
            "value": measured.map(|measured| measured.value),
            "step": measured.map(|measured| measured.step),
        })
    };
    let stopped = match outcome.stopped {
        Reason::Finished => "finished",
        Reason::Target => "target",
        Reason::EarlyStopping => "early-stopping",
        Reason::Signal(signal) => signals::name(signal),
    };
    let mut report = json!({
        "recipe": recipe,
        "steps": outcome.steps,
        "stopped": stopped,
        "metric": measured(&outcome.last),
        "best": measured(&outcome.best),
        "test": outcome.test.as_ref().map(of_test),
        "run_dir": outcome.run_dir.to_string_lossy(),
    });
    cost(outcome).add_to(&mut report);
    report
}

fn cost(outcome: &Outcome) -> Cost {
    let &Outcome { parameters, flops_per_token, tokens_per_second, .. } = outcome;
    Cost { parameters, flops_per_token, tokens_per_second }
}

/// What a model reaches on a test part.
pub fn of_test(test: &Evaluation) -> Value {
    let mut value = json!({ "loss": test.loss, "accuracy": test.accuracy });
    if let Some(top5) = test.top5 {
        value["top5_accuracy"] = top5.into();
    }
    value
}
