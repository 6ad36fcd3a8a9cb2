//! The checks that every case goes through, and the ways to run them.

mod finite_differences;
mod leaves;
mod levels;
mod reuse;
mod slab;
mod threads;

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::case::Case;
use crate::close::Mismatch;
use crate::failure::Failure;

/// Collects the failures of one case.
pub(crate) struct Report<'c> {
    case: &'c Case,
    check: &'static str,
    failures: Vec<Failure>,
}

impl Report<'_> {
    /// Records a failure about no element in particular.
    pub(crate) fn fail(&mut self, what: String) {
        self.push(what, None);
    }

    /// Records a difference, if there is one.
    pub(crate) fn differ(&mut self, what: impl FnOnce() -> String, mismatch: Option<Mismatch>) {
        if mismatch.is_some() {
            self.push(what(), mismatch);
        }
    }

    fn push(&mut self, what: String, mismatch: Option<Mismatch>) {
        let Case { op, label, .. } = self.case;
        self.failures.push(Failure { op: op.clone(), label: label.clone(), check: self.check, what, mismatch });
    }
}

type Check = fn(&Case, &mut Report<'_>);

/// Name and function of each check, and whether it is of use for a big case too: what does not depend on size is left to small ones.
const CHECKS: [(&str, Check, bool); 8] = [
    ("complete", leaves::complete, true),
    ("constants", leaves::constants, false),
    ("inference", leaves::inference, false),
    ("finite differences", finite_differences::check, false),
    ("levels", levels::check, true),
    ("threads", threads::check, true),
    ("used twice", reuse::check, false),
    ("accumulation", slab::check, false),
];

/// Everything that is wrong with a case, empty if nothing is. A check that panics counts as a failure with its message.
///
/// - `complete`: every element of the output and of each gradient is written, though buffers come out of the pool filled with NaN;
///   every input and parameter gets a gradient, which for a parameter does not vanish; inputs stay as they were.
/// - `constants`: an input that is a constant gets no gradient, and nothing else changes by a bit.
/// - `inference`: a tape that records nothing gives the same bits, in `f32` and `f64`.
/// - `finite differences`: in `f64`, the gradient of a random linear function of the output is that of central differences (step 1e-6,
///   tolerance 1e-5 + 1e-3 of the value); for each element, or in three random directions a leaf if there are more than 200 elements.
/// - `levels`: in `f32`, at every SIMD level of this CPU, output and gradients are those of `f64` within the tolerance of the op.
/// - `threads`: in `f32`, output and gradients are the same bits with 1, 2, 3 and 8 threads.
/// - `used twice`: `f(x) + f(x)` has twice the gradient; one variable in the place of two inputs gets the sum of their gradients.
/// - `accumulation`: with the inputs as parameters, a first backward pass overwrites a slab of NaN, a second one doubles it, and the
///   gaps of the slab stay zero.
///
/// A big case goes through `complete`, `levels` and `threads` only. Cost: about 20 forward and backward passes and two forward passes for each element of the inputs.
pub fn failures(case: &Case) -> Vec<Failure> {
    let mut report = Report { case, check: "", failures: Vec::new() };
    for (name, check, _) in CHECKS.into_iter().filter(|(_, _, for_big)| *for_big || !case.big) {
        report.check = name;
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(case, &mut report))) {
            let message = panic.downcast_ref::<String>().map(String::as_str);
            let message = message.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("(no message)");
            report.fail(format!("panicked: {message}"));
        }
    }
    report.failures
}

/// Panics with everything that is wrong with a case.
///
/// # Panics
/// If any check of [`failures`] fails.
#[track_caller]
pub fn check(case: &Case) {
    let failures = failures(case);
    assert!(failures.is_empty(), "{}", listing(&failures));
}

/// How many cases of each op were checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Number of cases by op.
    pub cases: BTreeMap<String, usize>,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ops, {} cases checked", self.cases.len(), self.cases.values().sum::<usize>())
    }
}

/// Checks many cases, on all processors, and prints how many.
///
/// # Panics
/// With everything that is wrong, if anything is, or if two cases of an op have the same label.
#[track_caller]
pub fn check_all(cases: &[Case]) -> Summary {
    let mut summary = Summary::default();
    for case in cases {
        *summary.cases.entry(case.op.clone()).or_default() += 1;
        let same = cases.iter().filter(|other| other.op == case.op && other.label == case.label).count();
        assert_eq!(same, 1, "{same} cases of {} are labelled {}", case.op, case.label);
    }
    let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    // Plain threads: a rayon worker that waits would run other cases inside the settings of this one.
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let failures = failures(case);
                    found.lock().expect("no case panics while it holds the lock").extend(failures);
                }
            });
        }
    });
    let found = found.into_inner().expect("no case panics while it holds the lock");
    assert!(found.is_empty(), "{}", listing(&found));
    println!("{summary}");
    summary
}

fn listing(failures: &[Failure]) -> String {
    let lines: Vec<String> = failures.iter().map(|failure| format!("\n  {failure}")).collect();
    format!("{} failures:{}", failures.len(), lines.concat())
}

/// Whether two numbers have the same bits.
pub(crate) fn same_bits(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits()
}
