//! `cargo xtask test [ARGS]`: every test of the workspace, counted.
//!
//! Plain `cargo test`, so that a machine with nothing but Rust can run it, and so that doctests are among them.

use std::ffi::OsString;
use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::ops::Add;
use std::process::{ExitStatus, Stdio};

use anyhow::{Context, Result};

use crate::project::{Project, ended, exit_code, show};

/// Sums over test programs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Tests that passed.
    pub passed: u64,
    /// Tests that failed.
    pub failed: u64,
}

impl Add for Totals {
    type Output = Totals;

    fn add(self, other: Totals) -> Totals {
        Totals { passed: self.passed + other.passed, failed: self.failed + other.failed }
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

impl Totals {
    /// Adds the counts of a line `test result: ok. 3 passed; 0 failed; …`; any other line changes nothing.
    fn add_line(&mut self, line: &str) {
        let Some(counts) = line.strip_prefix("test result: ") else {
            return;
        };
        let counts = counts.split_once(". ").map_or("", |(_, counts)| counts);
        for count in counts.split(';') {
            match count.trim().split_once(' ') {
                Some((number, "passed")) => self.passed += number.parse::<u64>().unwrap_or(0),
                Some((number, "failed")) => self.failed += number.parse::<u64>().unwrap_or(0),
                _ => {}
            }
        }
    }
}

/// Runs the tests; the last line is the total, also when some failed.
pub fn main(project: &Project, args: &[OsString]) -> Result<u8> {
    let (totals, status) = run(project, args)?;
    if let Some(explanation) = explain(totals, status) {
        eprintln!("xtask test: {explanation}");
    }
    println!("{totals}");
    Ok(exit_code(status))
}

/// Runs `cargo test` with its output passed through, and returns what its programs counted.
///
/// # Errors
/// When cargo cannot be started. Tests that fail are in the totals and in the status.
pub fn run(project: &Project, args: &[OsString]) -> Result<(Totals, ExitStatus)> {
    let mut cargo = project.cargo();
    cargo.args(command_line(args)).stdout(Stdio::piped());
    let mut child = cargo.spawn().with_context(|| format!("{} did not start", show(&cargo)))?;
    let stdout = child.stdout.take().context("cargo test has no output to read")?;
    let totals =
        pass_through(BufReader::new(stdout), io::stdout().lock()).context("the output of cargo test broke off")?;
    let status = child.wait().context("cargo test was lost")?;
    Ok((totals, status))
}

/// Copies the stream line by line, as it comes, and counts.
fn pass_through(mut from: impl BufRead, mut to: impl Write) -> io::Result<Totals> {
    let mut totals = Totals::default();
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line)? > 0 {
        to.write_all(&line)?;
        to.flush()?;
        totals.add_line(&String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok(totals)
}

/// The arguments of cargo: the whole workspace unless packages are named, and on to the end so that the total is one.
fn command_line(args: &[OsString]) -> Vec<OsString> {
    let of_cargo: Vec<_> = args.iter().take_while(|arg| *arg != "--").map(|arg| arg.to_string_lossy()).collect();
    let names_packages = of_cargo.iter().any(|arg| {
        let short = arg.starts_with("-p") && !arg.starts_with("--");
        short || arg == "--package" || arg.starts_with("--package=") || arg == "--workspace"
    });
    let mut line = vec![OsString::from("test")];
    if !names_packages {
        line.push("--workspace".into());
    }
    if !of_cargo.iter().any(|arg| arg == "--no-fail-fast") {
        line.push("--no-fail-fast".into());
    }
    line.extend(args.iter().cloned());
    line
}

/// A sentence for a run that failed although no test was counted as failed: the total alone would look like a success.
pub fn explain(totals: Totals, status: ExitStatus) -> Option<String> {
    if status.success() || totals.failed > 0 {
        return None;
    }
    Some(format!("cargo test {}: something did not build, or a test program died before it could count", ended(status)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(args: &[&str]) -> Vec<String> {
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        command_line(&args).into_iter().map(|word| word.into_string().unwrap()).collect()
    }

    #[test]
    fn totals_are_summed_over_programs() {
        let output = "\
running 2 tests
test a ... ok
test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 7 filtered out; finished in 0.00s

   Doc-tests anther
test result: FAILED. 40 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s
";
        let mut copy = Vec::new();
        let totals = pass_through(output.as_bytes(), &mut copy).unwrap();
        assert_eq!(totals, Totals { passed: 42, failed: 3 });
        assert_eq!(totals.to_string(), "42 passed, 3 failed");
        assert_eq!(copy, output.as_bytes());
    }

    #[test]
    fn other_lines_and_bad_bytes_do_not_count() {
        let output = b"a test result: ok. 9 passed; 9 failed\ntest result: ?\n\xff\xfe 5 passed\nno end of line";
        let mut copy = Vec::new();
        assert_eq!(pass_through(&output[..], &mut copy).unwrap(), Totals::default());
        assert_eq!(copy, output);
    }

    #[test]
    fn the_whole_workspace_unless_packages_are_named() {
        assert_eq!(words(&[]), ["test", "--workspace", "--no-fail-fast"]);
        assert_eq!(words(&["--", "-p"]), ["test", "--workspace", "--no-fail-fast", "--", "-p"]);
        assert_eq!(words(&["--profile", "x"]), ["test", "--workspace", "--no-fail-fast", "--profile", "x"]);
        assert_eq!(words(&["-p", "xtask"]), ["test", "--no-fail-fast", "-p", "xtask"]);
        assert_eq!(words(&["-pxtask", "--no-fail-fast"]), ["test", "-pxtask", "--no-fail-fast"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_failure_without_a_failed_test_is_explained() {
        use std::os::unix::process::ExitStatusExt;
        let failed = ExitStatus::from_raw(101 << 8);
        let counted = Totals { passed: 1, failed: 1 };
        assert!(explain(Totals::default(), failed).unwrap().contains("exit code 101"));
        assert_eq!(explain(counted, failed), None);
        assert_eq!(explain(Totals::default(), ExitStatus::from_raw(0)), None);
    }
}
