//! What is printed about a case: JSON objects, one a line.

use serde_json::{Map, Value, json};

use crate::case::{Case, Limit};
use crate::cases::limits;
use crate::measure::{Budget, Timing, measure};
use crate::memory::{peak_rss_bytes, reset_peak};

/// The machine's limits at some number of threads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Multiply-adds in registers, two operations each, in GFLOP/s.
    pub gflops: f64,
    /// The faster of reading and of updating memory beyond the caches, in GB/s.
    pub gbytes_s: f64,
}

impl Limits {
    /// Measures the limits with the cases of [`limits`].
    #[must_use]
    pub fn measure(cases: &[Case], threads: usize) -> Limits {
        let rate = |name: &str| {
            let case = cases.iter().find(|case| case.name == name)?;
            let timing = measure(&mut case.build(), threads, &Budget { seconds: 0.15, wait: 2.0, ..Budget::default() });
            Some(case.work.rate()?.1 / timing.median())
        };
        let memory = limits::MEMORY.iter().filter_map(|name| rate(name)).fold(f64::NAN, f64::max);
        Limits { gflops: rate(limits::FMA).unwrap_or(f64::NAN), gbytes_s: memory }
    }

    /// The share of the limit that a case reaches with `median` seconds a call. Work on data that stay in a cache can exceed the
    /// memory's limit.
    #[must_use]
    pub fn fraction(&self, limit: Option<Limit>, median: f64) -> Option<f64> {
        let fraction = match limit? {
            Limit::Flops(flops) => flops / 1e9 / median / self.gflops,
            Limit::Bytes(bytes) => bytes / 1e9 / median / self.gbytes_s,
        };
        fraction.is_finite().then_some(fraction)
    }
}

/// Builds and times a case; the peak of memory is that of the case alone where the system can tell.
#[must_use]
pub fn time(case: &Case, threads: usize, budget: &Budget) -> (Timing, u64) {
    reset_peak();
    let mut body = case.build();
    let timing = measure(&mut *body, threads, budget);
    (timing, peak_rss_bytes())
}

/// The report of a case: `case, threads, median_ms, min_ms`, the speed, `fraction_of_limit`, `peak_rss_bytes` and how clean the samples are.
#[must_use]
pub fn line(case: &Case, threads: usize, (timing, rss): &(Timing, u64), limits: &Limits) -> Value {
    let median = timing.median();
    let mut line = Map::new();
    line.insert("case".into(), json!(case.name));
    if let Some(peer) = case.peer {
        line.insert("by".into(), json!(peer));
    }
    line.insert("threads".into(), json!(threads));
    line.insert("median_ms".into(), json!(rounded(median * 1e3)));
    line.insert("min_ms".into(), json!(rounded(timing.min() * 1e3)));
    if let Some((unit, work)) = case.work.rate() {
        line.insert(unit.into(), json!(rounded(work / median)));
    }
    if let Some(fraction) = limits.fraction(case.work.limit(), median) {
        line.insert("fraction_of_limit".into(), json!(rounded(fraction)));
    }
    line.insert("peak_rss_bytes".into(), json!(rss));
    line.insert("samples".into(), json!(timing.samples.len()));
    line.insert("noisy".into(), json!(timing.noisy()));
    Value::Object(line)
}

/// What there is: name, unit and work of a case, for a program that drives this one.
#[must_use]
pub fn entry(case: &Case) -> Value {
    let rate = case.work.rate();
    let limit = case.work.limit().map(|limit| match limit {
        Limit::Flops(flops) => ("gflops", flops / 1e9),
        Limit::Bytes(bytes) => ("gbytes_s", bytes / 1e9),
    });
    json!({
        "case": case.name,
        "by": case.peer,
        "quick": case.quick,
        "fresh": case.fresh,
        "unit": rate.map(|rate| rate.0),
        "work": rate.map(|rate| rate.1),
        "limit": limit.map(|limit| limit.0),
        "limit_work": limit.map(|limit| limit.1),
    })
}

/// The samples themselves, for a program that joins those of several turns.
#[must_use]
pub fn samples(case: &Case, (timing, rss): &(Timing, u64)) -> Value {
    let samples: Vec<f64> = timing.samples.iter().map(|seconds| rounded(seconds * 1e3)).collect();
    json!({"case": case.name, "samples_ms": samples, "noisy": timing.noisy(), "peak_rss_bytes": rss})
}

/// Six digits: more are noise.
fn rounded(x: f64) -> f64 {
    if x == 0.0 || !x.is_finite() {
        return x;
    }
    #[expect(clippy::cast_possible_truncation, reason = "the logarithm of an f64 is below 400")]
    let digits = 5 - x.abs().log10().floor() as i32;
    // Multiplying by a power of ten with a positive exponent only keeps the decimal form short.
    let scale = 10_f64.powi(digits.abs());
    if digits >= 0 { (x * scale).round() / scale } else { (x / scale).round() * scale }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::{Item, Work};

    #[test]
    fn a_line_states_time_speed_and_the_share_of_the_limit() {
        let case = Case::new("a", Work::Items { of: Item::Token, count: 10.0, limit: Limit::Flops(4e9) }, || || ());
        let timing = Timing { samples: vec![0.2, 0.1, 0.4], clean: 3, of: 5 };
        let limits = Limits { gflops: 100.0, gbytes_s: 10.0 };
        let line = line(&case, 2, &(timing, 77), &limits);
        let expected = json!({"case": "a", "threads": 2, "median_ms": 200.0, "min_ms": 100.0, "tokens_s": 50.0,
            "fraction_of_limit": 0.2, "peak_rss_bytes": 77, "samples": 3, "noisy": false});
        assert_eq!(line, expected);
    }

    #[test]
    fn fractions_need_a_limit() {
        let limits = Limits { gflops: 100.0, gbytes_s: f64::NAN };
        assert_eq!(limits.fraction(Some(Limit::Flops(5e9)), 0.1), Some(0.5));
        assert_eq!(limits.fraction(Some(Limit::Bytes(5e9)), 0.1), None);
        assert_eq!(limits.fraction(None, 0.1), None);
    }

    #[test]
    fn numbers_keep_six_digits() {
        assert_eq!(rounded(1_234_567.0), 1_234_570.0);
        assert_eq!(rounded(0.001_234_567_8), 0.001_234_57);
        assert_eq!((rounded(0.0), rounded(5.0)), (0.0, 5.0));
    }
}
