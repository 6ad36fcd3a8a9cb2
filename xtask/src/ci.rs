//! `cargo xtask ci`: everything a change must pass, cheap checks first, the first failure ends it.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use crate::project::{Project, ended, must_succeed};
use crate::test::{self, Totals};
use crate::{golden, tidy};

/// Where the data sets lie beside a checkout that was set up for the tests with real data.
const SHARED_DATA: &str = "../shared/datasets";

/// Downloads are off by default, because they need TLS; here is what of the workspace is another program with them.
const WITH_DOWNLOADS: [&str; 6] = ["-p", "anther-data", "-p", "anther", "--features", "anther/fetch"];

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

const STEPS: [Step; 8] = [
    ("fmt", |project| cargo(project, &["fmt", "--all", "--check"])),
    ("clippy", |project| {
        let with_downloads = ["clippy", "--workspace", "--features", "anther/fetch"];
        cargo(project, &[&with_downloads[..], &["--all-targets", "--", "-D", "warnings"]].concat())
    }),
    ("tidy", |project| passed(tidy::main(project)?, "the house rules are broken in the places above")),
    ("golden", |project| passed(golden::main(project, None)?, "the golden files are not in order, see above")),
    ("test", |project| tests(project, &[])),
    ("fetch", downloads),
    ("doc", documentation),
    ("deny", deny),
];

/// Runs the steps in order; the last line is the total of the tests of all steps, if any ran.
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
    /// Sums over the steps that ran tests.
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
                report.totals = Some(report.totals.unwrap_or_default() + totals);
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

/// Tells the tests where the real data is; those that need it are skipped where it is not.
fn find_data(project: &mut Project) -> Result<()> {
    match data_folder(std::env::var_os("ANTHER_DATA").as_deref(), &project.root().join(SHARED_DATA))? {
        Some(data) => {
            println!("ANTHER_DATA = {}", data.display());
            project.set_env("ANTHER_DATA", data);
        }
        None => println!("ANTHER_DATA is not set: tests with real data are skipped"),
    }
    Ok(())
}

/// The folder that the variable names, else the shared one if there is one; absolute, because every test runs in the folder of its
/// crate.
fn data_folder(variable: Option<&OsStr>, shared: &Path) -> Result<Option<PathBuf>> {
    let Some(named) = variable.filter(|named| !named.is_empty()).map(Path::new) else {
        return Ok(shared.canonicalize().ok().filter(|shared| shared.is_dir()));
    };
    if !named.is_dir() {
        bail!("ANTHER_DATA is {}, which is no folder; unset it to skip the tests with real data", named.display());
    }
    let named = std::path::absolute(named).with_context(|| format!("{} has no absolute path", named.display()))?;
    Ok(Some(named))
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

/// Without arguments the same command as the README's.
fn tests(project: &Project, args: &[OsString]) -> Result<Outcome> {
    let (totals, status) = test::run(project, args)?;
    let result = match test::explain(totals, status) {
        Some(explanation) => Err(anyhow!(explanation)),
        None if !status.success() => Err(anyhow!("{totals}; cargo test {}", ended(status))),
        None => Ok(()),
    };
    Ok(Outcome::Tested(totals, result))
}

/// Tests what the feature of downloads adds. It is a step of its own, because its TLS compiles C and the tests of the workspace must not
/// need that.
fn downloads(project: &Project) -> Result<Outcome> {
    let only_theirs = ["--", "fetch"];
    tests(project, &[&WITH_DOWNLOADS[..], &only_theirs].concat().iter().map(OsString::from).collect::<Vec<_>>())
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
    fn totals_are_summed_over_steps() {
        let project = Project::find().unwrap();
        let steps: [Step; 3] = [
            ("test", |_| Ok(Outcome::Tested(Totals { passed: 40, failed: 1 }, Ok(())))),
            ("doc", |_| Ok(Outcome::Passed)),
            ("fetch", |_| Ok(Outcome::Tested(Totals { passed: 2, failed: 0 }, Ok(())))),
        ];
        assert_eq!(run(&project, &steps).totals, Some(Totals { passed: 42, failed: 1 }));
        assert_eq!(run(&project, &steps[1..2]).totals, None);
    }

    #[test]
    fn the_variable_names_a_folder_or_is_refused() {
        let root = Project::find().unwrap().root().to_owned();
        let absent = root.join("no-such-folder");
        assert_eq!(data_folder(Some(root.as_os_str()), &absent).unwrap(), Some(root.clone()));
        for wrong in [absent.clone(), root.join("Cargo.toml")] {
            let message = data_folder(Some(wrong.as_os_str()), &root).unwrap_err().to_string();
            assert!(message.contains(&wrong.display().to_string()) && message.contains("unset it"), "{message}");
        }
        // Tests run in the folder of their package.
        let relative = data_folder(Some(OsStr::new("src")), &absent).unwrap().unwrap();
        assert!(relative.is_absolute() && relative.ends_with("xtask/src"), "{}", relative.display());
    }

    #[test]
    fn without_the_variable_the_shared_folder_is_taken_if_it_is_there() {
        let root = Project::find().unwrap().root().to_owned();
        for unset in [None, Some(OsStr::new(""))] {
            assert_eq!(data_folder(unset, &root.join("xtask/..")).unwrap(), Some(root.canonicalize().unwrap()));
            assert_eq!(data_folder(unset, &root.join("no-such-folder")).unwrap(), None);
            assert_eq!(data_folder(unset, &root.join("Cargo.toml")).unwrap(), None);
        }
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
        assert_eq!(names, ["fmt", "clippy", "tidy", "golden", "test", "fetch", "doc", "deny"]);
    }
}
