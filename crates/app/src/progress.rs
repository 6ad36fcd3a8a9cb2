//! What a training run says while it goes: a bar on a terminal, lines otherwise, nothing if asked to be quiet.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::time::{Duration, Instant};

use anther_train::task::Metric;
use anther_train::trainer::{EvaluationReport, Observer, Started, StepReport};
use indicatif::{ProgressBar, ProgressStyle};

use crate::output;

/// Without a terminal, a line about steps comes no more often than this.
const PAUSE: Duration = Duration::from_secs(5);

/// Shows a run on the error stream. Warnings are shown in every mode.
pub struct Progress {
    mode: Mode,
}

enum Mode {
    Quiet,
    Bar(ProgressBar),
    Lines { last: Instant },
}

impl Progress {
    /// Chooses the mode.
    pub fn new(quiet: bool) -> Self {
        let mode = if quiet {
            Mode::Quiet
        } else if io::stderr().is_terminal() {
            let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            Mode::Bar(ProgressBar::no_length().with_style(style))
        } else {
            Mode::Lines { last: Instant::now() }
        };
        Progress { mode }
    }

    /// Removes the bar, so that what follows begins on a clean line.
    pub fn finish(&self) {
        if let Mode::Bar(bar) = &self.mode {
            bar.finish_and_clear();
        }
    }

    /// A line that stays, above the bar if there is one.
    fn line(&self, line: &str) {
        match &self.mode {
            Mode::Quiet => {}
            Mode::Bar(bar) => bar.println(line),
            Mode::Lines { .. } => output::tell(line),
        }
    }
}

impl Observer for Progress {
    fn started(&mut self, started: &Started<'_>) {
        started.warnings.iter().for_each(|warning| self.warning(warning));
        let (step, steps) = (started.step, started.steps);
        let begin = match step {
            0 => "training".to_owned(),
            _ => format!("going on after step {step} of"),
        };
        let place = started.run_dir.display();
        self.line(&format!("{begin} {} parameters for {steps} steps in {place}", grouped(started.parameters as u64)));
        if let Mode::Bar(bar) = &self.mode {
            bar.set_length(steps);
            bar.set_position(step);
        }
    }

    fn step(&mut self, report: &StepReport) {
        let text = |report: &StepReport| {
            let (result, speed) = (&report.result, report.tokens_per_second);
            let left = clock(report.remaining);
            format!(
                "loss {:.4} lr {:.2e} {} tokens/s {left} left",
                result.loss,
                result.learning_rate,
                grouped(speed as u64)
            )
        };
        match &mut self.mode {
            Mode::Quiet => {}
            Mode::Bar(bar) => {
                bar.set_position(report.result.step);
                bar.set_message(text(report));
            }
            Mode::Lines { last } if last.elapsed() >= PAUSE => {
                *last = Instant::now();
                output::tell(&format!("step {}/{} {}", report.result.step, report.steps, text(report)));
            }
            Mode::Lines { .. } => {}
        }
    }

    fn evaluated(&mut self, report: &EvaluationReport) {
        let evaluation = &report.evaluation;
        let best = if report.improved { ", the best so far" } else { "" };
        let perplexity = match report.metric {
            Metric::Perplexity | Metric::MaskedPerplexity => {
                format!(", {} {:.4}", report.metric.name(), evaluation.perplexity())
            }
            Metric::Accuracy | Metric::Loss => String::new(),
        };
        self.line(&format!(
            "step {}: validation loss {:.4}{perplexity}, accuracy {:.4}{best}",
            report.step, evaluation.loss, evaluation.accuracy
        ));
    }

    fn saved(&mut self, _: u64, _: &Path, _: bool) {}

    fn warning(&mut self, message: &str) {
        match &self.mode {
            Mode::Bar(bar) => bar.suspend(|| output::warn(message)),
            Mode::Quiet | Mode::Lines { .. } => output::warn(message),
        }
    }
}

/// `1234567` as `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A duration as `59s`, `1m05s` or `2h01m`.
fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m{s:02}s"),
        (h, m, _) => format!("{h}h{m:02}m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_three() {
        let shown = [0, 999, 1000, 123_456, 1_234_567].map(grouped);
        assert_eq!(shown, ["0", "999", "1,000", "123,456", "1,234,567"]);
    }

    #[test]
    fn durations_are_short() {
        let shown = [0, 59, 60, 65, 3600, 7265].map(|s| clock(Duration::from_secs(s)));
        assert_eq!(shown, ["0s", "59s", "1m00s", "1m05s", "1h00m", "2h01m"]);
    }
}
