//! `anther translate`: an encoder–decoder answers the lines of the standard input, or a part of its data with scores.

use std::fs;
use std::io::stdin;
use std::time::Instant;

use anther_train::generate::{TranslateError, TranslatedPart};
use anther_train::trained::TrainedModel;
use anther_transformer::BeamSearch;

use super::{DONE, data_dir, eval::load};
use crate::cli::{ScoreArg, TranslateArgs};
use crate::compute::Compute;
use crate::cost::Cost;
use crate::failure::Failure;
use crate::input;
use crate::output;
use crate::scores::Scores;
use crate::signals::Signals;

/// The most bytes that are read, 64 MiB: all lines are checked before the first is answered.
const LIMIT: u64 = 64 << 20;

/// Loads, reads all lines, answers each.
pub fn run(args: &TranslateArgs) -> Result<u8, Failure> {
    Compute::set_up(&args.compute)?;
    let _ending = Signals::listen()?.end_at_once("stopped; what was not printed was not translated");
    let penalty = args.length_penalty;
    if !(penalty.is_finite() && penalty >= 0.0) {
        return Err(Failure::usage(anyhow::anyhow!("--length-penalty {penalty} is not a finite number of at least 0")));
    }
    let how = BeamSearch { width: args.beam as usize, length_penalty: penalty, never: None };
    // Each token of an answer multiplies some hundred rows with all weights.
    let trained = load(&args.run, &args.checkpoint)?.with_packed_weights();
    if let Some(part) = args.score {
        return score(args, &trained, part, &how);
    }
    let text = input::text(stdin().lock(), "the standard input", LIMIT)?;
    let lines: Vec<&str> = text.lines().collect();
    for answer in trained.translate(&lines, &how).map_err(failure)? {
        output::print(&answer)?;
    }
    Ok(DONE)
}

/// Translates a part of the data and compares it with its own targets.
fn score(args: &TranslateArgs, trained: &TrainedModel, part: ScoreArg, how: &BeamSearch) -> Result<u8, Failure> {
    if let Some(out) = &args.out {
        output::check_place(out)?;
    }
    let began = Instant::now();
    let TranslatedPart { answers, text, cut, tokens, flops } =
        trained.translate_part(&data_dir(&args.data), part.into(), how).map_err(failure)?;
    let cost = Cost::of(trained, flops, tokens, began);
    if cut > 0 {
        output::warn(&format!("{cut} of {} sources are longer than the model reads and were cut off", answers.len()));
    }
    if let Some(out) = &args.out {
        let lines: String = answers.iter().map(|answer| format!("{answer}\n")).collect();
        let written = fs::write(out, lines);
        written.map_err(|error| anyhow::anyhow!("the file {} cannot be written: {error}", out.display()))?;
    }
    let references: Vec<[&str; 1]> = text.pairs.iter().map(|[_, target]| [&target[..]]).collect();
    let scores = Scores::new(&answers, &references);
    if args.json {
        let mut answer = scores.json();
        cost.add_to(&mut answer);
        output::print_json(&answer)?;
    } else {
        output::print(&format!("{}\n{}", scores.text(), cost.line()))?;
    }
    Ok(DONE)
}

fn failure(error: TranslateError) -> Failure {
    match error {
        TranslateError::Kind | TranslateError::Task(_) => Failure::from(error),
        TranslateError::Source { .. } | TranslateError::TooLong { .. } => Failure::usage(error),
    }
}
