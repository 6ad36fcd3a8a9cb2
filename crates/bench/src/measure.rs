//! Timing on a machine that others use too.
//!
//! Samples are taken in blocks of at least 20 ms. A block is clean if the threads of this process waited for a CPU less than 4 % of
//! its time: other programs took nothing away from it. The median is over clean samples, as long as there are enough of them.

use std::time::{Duration, Instant};

/// How long a block of samples is at least.
const BLOCK: Duration = Duration::from_millis(20);
/// The share of a block that its threads may wait for a CPU.
const WAITING: f64 = 0.04;
/// A sample is at least this long; shorter calls are repeated inside of it.
const SAMPLE: f64 = 1e-3;
/// A call that takes longer is warmed up once and not twice.
const LONG: f64 = 0.3;

/// How much time a case gets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// Seconds of clean samples that are enough.
    pub seconds: f64,
    /// Seconds after which a case ends even without enough clean samples.
    pub wait: f64,
    /// The fewest samples.
    pub fewest: usize,
    /// The most samples.
    pub most: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Budget { seconds: 0.5, wait: 8.0, fewest: 5, most: 200 }
    }
}

/// What was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Timing {
    /// Seconds a call: the clean samples, or all of them if too few are clean. Never empty.
    pub samples: Vec<f64>,
    /// Clean samples.
    pub clean: usize,
    /// All samples.
    pub of: usize,
}

impl Timing {
    /// Whether the samples are not clean, because too few were.
    #[must_use]
    pub fn noisy(&self) -> bool {
        self.clean < self.samples.len()
    }

    /// The middle sample; the upper of the two middle ones.
    #[must_use]
    pub fn median(&self) -> f64 {
        let mut sorted = self.samples.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    }

    /// The shortest sample.
    #[must_use]
    pub fn min(&self) -> f64 {
        self.samples.iter().copied().fold(f64::INFINITY, f64::min)
    }
}

/// Times `body`, which runs on `threads` threads.
///
/// # Panics
/// If the budget allows no sample.
pub fn measure(body: &mut dyn FnMut(), threads: usize, budget: &Budget) -> Timing {
    assert!(budget.fewest > 0, "a case needs at least one sample");
    let one = {
        let first = seconds(body);
        if first > LONG { first } else { seconds(body) }
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count from 1 to 10^6")]
    let inner = (SAMPLE / one.max(1e-9)).clamp(1.0, 1e6) as usize;
    let mut sample = || seconds(&mut || (0..inner).for_each(|_| body())) / inner as f64;

    let (mut clean, mut every) = (Vec::new(), Vec::new());
    let begin = Instant::now();
    loop {
        let (block, waited) = (Instant::now(), run_delay());
        let first = every.len();
        while every.len() == first || (block.elapsed() < BLOCK && every.len() < budget.most) {
            every.push(sample());
        }
        if is_clean(waited, run_delay(), block.elapsed(), threads) {
            clean.extend_from_slice(&every[first..]);
        } else {
            std::thread::sleep(BLOCK);
        }
        let timed = clean.iter().sum::<f64>() * inner as f64;
        let enough = clean.len() >= budget.fewest && (timed >= budget.seconds || clean.len() >= budget.most);
        let patience = begin.elapsed().as_secs_f64() > budget.wait && every.len() >= budget.fewest;
        if enough || patience {
            break;
        }
    }
    let counts = (clean.len(), every.len());
    Timing { samples: if clean.len() < budget.fewest { every } else { clean }, clean: counts.0, of: counts.1 }
}

fn seconds(body: &mut dyn FnMut()) -> f64 {
    let begin = Instant::now();
    body();
    begin.elapsed().as_secs_f64()
}

/// Whether the threads have waited little enough. Where the system does not count, every block is.
fn is_clean(before: Option<u64>, after: Option<u64>, wall: Duration, threads: usize) -> bool {
    let (Some(before), Some(after)) = (before, after) else { return true };
    (after.saturating_sub(before) as f64) < WAITING * wall.as_nanos() as f64 * threads as f64
}

/// Nanoseconds that the threads of this process have been ready to run without running; `None` off Linux.
fn run_delay() -> Option<u64> {
    let tasks = std::fs::read_dir("/proc/self/task").ok()?;
    let delays = tasks.flatten().filter_map(|task| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        delay(&text)
    });
    // A kernel without the counters has no such files.
    delays.reduce(|a, b| a + b)
}

/// The second number of a `schedstat`: time on the CPU, time waiting for it, number of turns.
fn delay(schedstat: &str) -> Option<u64> {
    schedstat.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_and_the_minimum_the_least() {
        let timing = |samples: &[f64], clean| Timing { samples: samples.to_vec(), clean, of: 9 };
        assert_eq!(timing(&[3.0, 1.0, 2.0], 3).median(), 2.0);
        assert_eq!(timing(&[4.0, 3.0, 1.0, 2.0], 4).median(), 3.0);
        assert_eq!(timing(&[3.0, 1.0, 2.0], 3).min(), 1.0);
        assert!(timing(&[1.0, 2.0], 1).noisy() && !timing(&[1.0, 2.0], 2).noisy());
    }

    #[test]
    fn a_block_is_clean_when_its_threads_did_not_wait() {
        let wall = Duration::from_millis(100);
        assert!(is_clean(Some(0), Some(3_999_999), wall, 1));
        assert!(!is_clean(Some(0), Some(4_000_000), wall, 1));
        assert!(is_clean(Some(5), Some(7_000_005), wall, 2));
        assert!(is_clean(None, Some(1 << 40), wall, 1) && is_clean(Some(0), None, wall, 1));
        assert_eq!(delay("12 345 6\n"), Some(345));
        assert_eq!((delay(""), delay("12"), delay("12 x")), (None, None, None));
    }

    #[test]
    fn short_calls_are_repeated_within_a_sample() {
        let mut calls = 0_usize;
        let budget = Budget { seconds: 0.0, wait: 0.0, fewest: 2, most: 3 };
        let timing = measure(&mut || calls += 1, 1, &budget);
        assert!(timing.samples.len() >= 2 && timing.of >= 2, "{timing:?}");
        assert!(calls > 2 * timing.of, "{calls} calls in {} samples", timing.of);
        assert!(timing.median() >= timing.min());
    }
}
