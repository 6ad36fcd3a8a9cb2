//! `anther bleu`: how near the lines of the standard input come to references.

use std::io::{Read, stdin};
use std::path::Path;

use super::DONE;
use crate::cli::BleuArgs;
use crate::failure::Failure;
use crate::input;
use crate::output;
use crate::scores::Scores;

/// The most bytes of a file, 256 MiB.
const LIMIT: u64 = 256 << 20;

/// Reads all lines, compares, prints.
pub fn run(args: &BleuArgs) -> Result<u8, Failure> {
    let mut references = Vec::new();
    for path in &args.references {
        let what = path.display().to_string();
        let file = std::fs::File::open(path).map_err(|error| input::refused(&what, &error.to_string()))?;
        references.push((path, lines(file, &what)?));
    }
    let hypotheses = lines(stdin().lock(), "the standard input")?;
    for (path, reference) in &references {
        check_lengths(hypotheses.len(), path, reference.len())?;
    }
    let of_line = |i: usize| references.iter().map(|(_, lines)| lines[i].as_str()).collect::<Vec<_>>();
    let references: Vec<_> = (0..hypotheses.len()).map(of_line).collect();
    let scores = Scores::new(&hypotheses, &references);
    if args.json {
        output::print_json(&scores.json())?;
    } else {
        output::print(&scores.text())?;
    }
    Ok(DONE)
}

/// The lines of a text.
fn lines(from: impl Read, what: &str) -> Result<Vec<String>, Failure> {
    Ok(input::text(from, what, LIMIT)?.lines().map(str::to_owned).collect())
}

fn check_lengths(hypotheses: usize, path: &Path, references: usize) -> Result<(), Failure> {
    if hypotheses == references {
        return Ok(());
    }
    Err(Failure::usage(anyhow::anyhow!(
        "{} has {references} lines, but {hypotheses} came on the standard input; give one line for each reference",
        path.display()
    )))
}
