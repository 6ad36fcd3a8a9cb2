//! Programs that measure on request: ours and the peers', one line in, one line out.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::project::show;

/// How much time a case gets in one turn.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Seconds of clean samples.
    pub seconds: f64,
    /// Seconds after which noisy samples have to do.
    pub wait: f64,
    /// The fewest samples.
    pub fewest: usize,
}

/// What one turn has measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Milliseconds of each sample.
    pub samples: Vec<f64>,
    /// Whether too few samples were clean.
    pub noisy: bool,
    /// The most memory.
    pub peak_rss_bytes: u64,
}

/// A running program that measures.
pub struct Program {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    what: String,
}

impl Program {
    /// Starts it.
    pub fn start(mut command: Command) -> Result<Program> {
        let what = show(&command);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{what} did not start"))?;
        let (requests, answers) = child.stdin.take().zip(child.stdout.take()).context("a program has no streams")?;
        Ok(Program { child, requests, answers: BufReader::new(answers), what })
    }

    /// One line of its output as JSON.
    pub fn line(&mut self) -> Result<Value> {
        let mut line = String::new();
        self.answers.read_line(&mut line).with_context(|| format!("{} cannot be read", self.what))?;
        if line.is_empty() {
            bail!("{} ended", self.what);
        }
        serde_json::from_str(&line).with_context(|| format!("{} wrote {:?}, which is not JSON", self.what, line.trim()))
    }

    /// Has a case measured.
    pub fn ask(&mut self, case: &str, by: Option<&str>, budget: Budget) -> Result<Answer> {
        let Budget { seconds, wait, fewest } = budget;
        let request = json!({"case": case, "by": by, "seconds": seconds, "wait": wait, "fewest": fewest});
        writeln!(self.requests, "{request}").with_context(|| format!("{} is gone", self.what))?;
        let answer = self.line().with_context(|| format!("{case} was not measured"))?;
        read(&answer).with_context(|| format!("{case} was not measured by {}", self.what))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It is between two turns or broken; either way nothing of it is needed any more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(answer: &Value) -> Result<Answer> {
    if let Some(error) = answer["error"].as_str() {
        bail!("{error}");
    }
    let samples: Vec<f64> = answer["samples_ms"].as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
    if samples.is_empty() {
        bail!("the answer has no samples");
    }
    let (noisy, rss) = (answer["noisy"] == true, answer["peak_rss_bytes"].as_u64().unwrap_or(0));
    Ok(Answer { samples, noisy, peak_rss_bytes: rss })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_samples_or_errors() {
        let answer = read(&json!({"samples_ms": [1.5, 2], "noisy": true, "peak_rss_bytes": 7})).unwrap();
        assert_eq!(answer, Answer { samples: vec![1.5, 2.0], noisy: true, peak_rss_bytes: 7 });
        assert!(read(&json!({"error": "no such case"})).unwrap_err().to_string().contains("no such case"));
        assert!(read(&json!({"samples_ms": []})).is_err());
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = Program::start(Command::new("no-such-program")).err().unwrap().to_string();
        assert!(error.contains("no-such-program"), "{error}");
    }
}
