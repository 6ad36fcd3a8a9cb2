//! `cargo xtask ci`: everything a change must pass, cheap checks first, the first failure ends it.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};

use crate::project::{Project, ended, must_succeed};
use crate::test::{self, Totals};
use crate::{golden, tidy};

/// Where the data sets lie beside a checkout that was set up for the tests with real data.
const SHARED_DATA: &str = "../shared/datasets";

/// What became of a step that did not fail.
enum Outcome {
    Passed,
    /// Not run, and why.
    Skipped(&'static str),
    /// The tests ran; they may have failed.
    Tested(Totals, Result<()>),
}

/// A named check.
type Step = (&'static str, fn(&Project) -> Result<Outcome>);

const STEPS: [Step; 7] = [
    ("fmt", |project| cargo(project, &["fmt", "--all", "--check"])),
    ("clippy", |project| cargo(project, &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])),
    ("tidy", |project| passed(tidy::main(project)?, "the house rules are broken in the places above")),
    ("golden", |project| passed(golden::main(project, None)?, "the golden files are not in order, see above")),
    ("test", tests),
    ("doc", documentation),
    ("deny", deny),
];

/// Runs the steps in order; the last line is the total of the tests, if they ran.
pub fn main(mut project: Project) -> Result<u8> {
    find_data(&mut project)?;
    let report = run(&project, &STEPS);
    println!("\n{}", table(&report.seconds));
    if let Some((name, error)) = &report.failure {
        println!("ci failed at step `{name}`: {error:#}");
    }
    if let Some(totals) = report.totals {
        println!("{totals}");
    }
    Ok(u8::from(report.failure.is_some()))
}

/// What happened, as far as it went.
struct Report {
    /// Each step that was begun, what became of it, and how long it took.
    seconds: Vec<(&'static str, &'static str, Duration)>,
    totals: Option<Totals>,
    failure: Option<(&'static str, anyhow::Error)>,
}

fn run(project: &Project, steps: &[Step]) -> Report {
    let mut report = Report { seconds: Vec::new(), totals: None, failure: None };
    for (name, step) in steps {
        println!("\n==== {name}");
        let start = Instant::now();
        let outcome = step(project);
        let took = start.elapsed();
        let (word, failure) = match outcome {
            Ok(Outcome::Passed) => ("ok", None),
            Ok(Outcome::Skipped(why)) => {
                println!("skipped: {why}");
                ("skipped", None)
            }
            Ok(Outcome::Tested(totals, result)) => {
                report.totals = Some(totals);
                (if result.is_ok() { "ok" } else { "FAILED" }, result.err())
            }
            Err(error) => ("FAILED", Some(error)),
        };
        report.seconds.push((name, word, took));
        if let Some(error) = failure {
            report.failure = Some((name, error));
            break;
        }
    }
    report
}

fn table(seconds: &[(&str, &str, Duration)]) -> String {
    let total = seconds.iter().map(|(_, _, took)| *took).sum::<Duration>();
    let row = |name: &str, word: &str, took: Duration| format!("{name:<8} {word:<8} {:>8.1} s\n", took.as_secs_f64());
    let rows: String = seconds.iter().map(|(name, word, took)| row(name, word, *took)).collect();
    rows + row("total", "", total).trim_end()
}

/// Tests with real data run if the data is there; saying where it is must not depend on the folder that a test runs in.
fn find_data(project: &mut Project) -> Result<()> {
    let data = match std::env::var_os("ANTHER_DATA") {
        Some(data) => std::path::absolute(data)?,
        None => {
            let Ok(data) = project.root().join(SHARED_DATA).canonicalize() else {
                println!("ANTHER_DATA is not set: tests with real data are skipped");
                return Ok(());
            };
            data
        }
    };
    println!("ANTHER_DATA = {}", data.display());
    project.set_env("ANTHER_DATA", data);
    Ok(())
}

fn cargo(project: &Project, args: &[&str]) -> Result<Outcome> {
    let mut cargo = project.cargo();
    cargo.args(args);
    must_succeed(cargo)?;
    Ok(Outcome::Passed)
}

/// A subcommand's exit code as the outcome of a step.
fn passed(code: u8, complaint: &'static str) -> Result<Outcome> {
    if code != 0 {
        bail!(complaint);
    }
    Ok(Outcome::Passed)
}

/// The same command as the README's.
fn tests(project: &Project) -> Result<Outcome> {
    let (totals, status) = test::run(project, &[])?;
    let result = match test::explain(totals, status) {
        Some(explanation) => Err(anyhow!(explanation)),
        None if !status.success() => Err(anyhow!("{totals}; cargo test {}", ended(status))),
        None => Ok(()),
    };
    Ok(Outcome::Tested(totals, result))
}

fn documentation(project: &Project) -> Result<Outcome> {
    let mut cargo = project.cargo();
    let flags = std::env::var("RUSTDOCFLAGS").unwrap_or_default();
    cargo.args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", format!("{flags} -D warnings").trim());
    must_succeed(cargo)?;
    Ok(Outcome::Passed)
}

fn deny(project: &Project) -> Result<Outcome> {
    let mut version = project.cargo();
    let version = version.args(["deny", "--version"]).output()?;
    if !version.status.success() {
        return Ok(Outcome::Skipped(
            "cargo-deny is not installed (`cargo install cargo-deny --locked`); tidy has checked the licences",
        ));
    }
    cargo(project, &["deny", "--offline", "check", "bans", "licenses", "sources"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_ends_the_run_and_is_named() {
        let project = Project::find().unwrap();
        let steps: [Step; 4] = [
            ("one", |_| Ok(Outcome::Passed)),
            ("two", |_| Ok(Outcome::Skipped("no tool"))),
            ("three", |_| passed(1, "it is broken")),
            ("four", |_| panic!("a step after a failure must not run")),
        ];
        let report = run(&project, &steps);
        let words: Vec<_> = report.seconds.iter().map(|(name, word, _)| (*name, *word)).collect();
        assert_eq!(words, [("one", "ok"), ("two", "skipped"), ("three", "FAILED")]);
        let (name, error) = report.failure.unwrap();
        assert_eq!((name, error.to_string().as_str()), ("three", "it is broken"));
    }

    #[test]
    fn failed_tests_fail_the_run_and_keep_their_total() {
        let project = Project::find().unwrap();
        let steps: [Step; 2] = [
            ("test", |_| Ok(Outcome::Tested(Totals::default(), Err(anyhow!("one failed"))))),
            ("doc", |_| panic!("a step after a failure must not run")),
        ];
        let report = run(&project, &steps);
        assert_eq!(report.totals, Some(Totals::default()));
        assert_eq!(report.failure.unwrap().0, "test");
    }

    #[test]
    fn the_table_has_a_row_a_step_and_a_total() {
        let table = table(&[("fmt", "ok", Duration::from_millis(1500)), ("test", "FAILED", Duration::from_secs(60))]);
        let rows: Vec<Vec<&str>> = table.lines().map(|row| row.split_whitespace().collect()).collect();
        assert_eq!(
            rows,
            [vec!["fmt", "ok", "1.5", "s"], vec!["test", "FAILED", "60.0", "s"], vec!["total", "61.5", "s"]]
        );
    }

    #[test]
    fn the_steps_are_in_order_of_cost() {
        let names: Vec<_> = STEPS.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["fmt", "clippy", "tidy", "golden", "test", "doc", "deny"]);
    }
}
