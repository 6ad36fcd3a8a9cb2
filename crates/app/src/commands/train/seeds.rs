//! `anther train RECIPE --seeds A..B`: one run a seed, and what they have in common.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anther_train::fs::{Disk, replace_file};
use anther_train::recipe::Recipe;
use anther_train::run_dir::{RunDir, RunDirError, create_numbered_dir};
use anther_train::trainer::{Out, Outcome, Reason, Trainer};
use serde_json::{Value, json};

use super::report::report;
use super::{DONE, RUNS, finish, resolve, start};
use crate::cli::TrainArgs;
use crate::failure::Failure;
use crate::output;
use crate::progress::grouped;
use crate::recipes::Source;
use crate::signals::Signals;

/// The file beside the runs that has the numbers of all.
const SUMMARY: &str = "summary.json";
/// The most seeds of a command.
const MOST: usize = 100;

/// The seeds of a command, two or more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seeds(Vec<u64>);

impl FromStr for Seeds {
    type Err = String;

    /// `1..5`, both ends included, or `1,2,7`, or both.
    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| {
            let text = text.trim();
            text.parse::<u64>().map_err(|_| format!("{text:?} is not a whole number; write 1..5 or 1,2,7"))
        };
        let mut seeds = Vec::new();
        for part in text.split(',') {
            let (first, last) = match part.split_once("..") {
                Some((first, last)) => (number(first)?, number(last)?),
                None => (number(part)?, number(part)?),
            };
            if first > last {
                return Err(format!("{part} ends before it begins"));
            }
            let room = (MOST - seeds.len()) as u64;
            if last - first >= room {
                return Err(format!("these are more than {MOST} seeds"));
            }
            seeds.extend(first..=last);
        }
        if let Some(twice) = seeds.iter().enumerate().find_map(|(i, seed)| seeds[..i].contains(seed).then_some(seed)) {
            return Err(format!("the seed {twice} is there twice"));
        }
        match seeds.len() {
            0 | 1 => Err("two seeds or more make a mean and a deviation; for one there is --seed".to_owned()),
            _ => Ok(Seeds(seeds)),
        }
    }
}

/// Trains with each seed in a directory of its own. What an earlier process has done in the same directory is not done again.
pub fn run(args: &TrainArgs, recipe: &str, seeds: &Seeds, signals: &Signals) -> Result<u8, Failure> {
    let source = Source::find(recipe)?;
    // What is wrong with a recipe is told before there is a directory.
    let recipes: Vec<Recipe> =
        seeds.0.iter().map(|&seed| resolve(args, &source, Some(seed))).collect::<Result<_, _>>()?;
    let directory = match &args.out {
        Some(directory) => directory.clone(),
        None => create_numbered_dir(Path::new(RUNS), &format!("{}-seeds", source.name))?,
    };
    let mut outcomes = Vec::new();
    for (&seed, recipe) in seeds.0.iter().zip(recipes) {
        let mut trainer = of_seed(args, &source, recipe, directory.join(format!("seed-{seed}")), signals)?;
        let outcome = finish(&mut trainer, args, signals)?;
        if let Reason::Signal(signal) = outcome.stopped {
            output::tell(&format!("the same command with `--out {}` goes on with the seeds", directory.display()));
            return Ok(signal.exit_code());
        }
        outcomes.push((seed, outcome));
    }
    let all = json(&source.name, &outcomes, &directory);
    let mut bytes = serde_json::to_vec_pretty(&all)?;
    bytes.push(b'\n');
    replace_file(&Disk, &directory.join(SUMMARY), &bytes)?;
    if args.json {
        output::print_json(&all)?;
    } else {
        output::print(&table(&outcomes, &directory))?;
    }
    Ok(DONE)
}

/// The run of a seed: a new one, or the rest of one of the same recipe.
fn of_seed(
    args: &TrainArgs,
    source: &Source,
    recipe: Recipe,
    out: PathBuf,
    signals: &Signals,
) -> Result<Trainer, Failure> {
    let run = match RunDir::open(&out) {
        Err(RunDirError::NoRun { .. }) => return start(args, source, recipe, Out::Directory(out), signals),
        run => run?,
    };
    if run.read_recipe()? != recipe.to_toml()? {
        let place = out.display();
        return Err(
            anyhow::anyhow!("{place} holds a run of another recipe; choose another directory with --out").into()
        );
    }
    super::resumed(args, &out, None, signals)
}

/// A mean and what the values differ from it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Spread {
    mean: f64,
    /// The standard deviation of a sample, with one less than the number of values below.
    deviation: f64,
}

impl Spread {
    /// Of two values or more; nothing if one is missing.
    fn of(values: impl Iterator<Item = Option<f64>>) -> Option<Self> {
        let values: Vec<f64> = values.collect::<Option<_>>()?;
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        Some(Spread { mean, deviation: (squares / (count - 1.0)).sqrt() })
    }

    fn json(self) -> Value {
        json!({ "mean": self.mean, "std": self.deviation })
    }
}

/// The last and the best evaluation and the test of all seeds.
fn spreads(outcomes: &[(u64, Outcome)]) -> [(&'static str, Option<Spread>); 3] {
    let spread =
        |value: &dyn Fn(&Outcome) -> Option<f64>| Spread::of(outcomes.iter().map(|(_, outcome)| value(outcome)));
    [
        ("last", spread(&|outcome| Some(outcome.last?.value))),
        ("best", spread(&|outcome| Some(outcome.best?.value))),
        ("test_accuracy", spread(&|outcome| Some(outcome.test?.accuracy))),
    ]
}

fn json(recipe: &str, outcomes: &[(u64, Outcome)], directory: &Path) -> Value {
    let runs: Vec<Value> = outcomes
        .iter()
        .map(|(seed, outcome)| {
            let mut run = report(recipe, outcome);
            run["seed"] = (*seed).into();
            run
        })
        .collect();
    let mut all = json!({
        "recipe": recipe,
        "metric": outcomes[0].1.metric_name,
        "seeds": outcomes.len(),
        "runs": runs,
        "run_dir": directory.to_string_lossy(),
    });
    for (name, spread) in spreads(outcomes) {
        all[name] = spread.map_or(Value::Null, Spread::json);
    }
    all
}

fn table(outcomes: &[(u64, Outcome)], directory: &Path) -> String {
    let metric = outcomes[0].1.metric_name;
    let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.4}"));
    let mut lines = vec![format!("{:>8} {metric:>12} {:>12} {:>14} {:>8}", "seed", "best", "test accuracy", "steps")];
    for (seed, outcome) in outcomes {
        lines.push(format!(
            "{seed:>8} {:>12} {:>12} {:>14} {:>8}",
            number(outcome.last.map(|last| last.value)),
            number(outcome.best.map(|best| best.value)),
            number(outcome.test.map(|test| test.accuracy)),
            grouped(outcome.steps)
        ));
    }
    let names =
        [format!("{metric}, last evaluation"), format!("{metric}, best evaluation"), "test accuracy".to_owned()];
    for ((_, spread), name) in spreads(outcomes).into_iter().zip(names) {
        if let Some(Spread { mean, deviation }) = spread {
            lines.push(format!("{name}: {mean:.4} ± {deviation:.4} over {} seeds", outcomes.len()));
        }
    }
    lines.push(format!("runs: {}", directory.display()));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_ranges_and_lists() {
        let seeds = |text: &str| text.parse::<Seeds>().map(|seeds| seeds.0);
        assert_eq!(seeds("1..5").unwrap(), [1, 2, 3, 4, 5]);
        assert_eq!(seeds("7, 1..3").unwrap(), [7, 1, 2, 3]);
        assert_eq!(seeds("0..99").unwrap().len(), 100);
        let refused = [
            ("", "whole number"),
            ("1..", "whole number"),
            ("one", "\"one\""),
            ("-1..3", "\"-1\""),
            ("5..1", "before it begins"),
            ("3", "--seed"),
            ("1..3,2", "2 is there twice"),
            ("0..100", "more than 100"),
            ("0..18446744073709551615", "more than 100"),
            ("1..60,100..160", "more than 100"),
        ];
        for (text, word) in refused {
            let refusal = seeds(text).unwrap_err();
            assert!(refusal.contains(word), "{text}: {refusal}");
        }
    }

    #[test]
    fn a_spread_is_that_of_a_sample() {
        let of = |values: &[f64]| Spread::of(values.iter().map(|&value| Some(value)));
        assert_eq!(of(&[1.0, 3.0]), Some(Spread { mean: 2.0, deviation: 2f64.sqrt() }));
        assert_eq!(of(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).unwrap().deviation, (32.0_f64 / 7.0).sqrt());
        assert_eq!(Spread::of([Some(1.0), None].into_iter()), None);
    }
}
