//! `f32` at every SIMD level against `f64`.

use anther_kernels::{Level, with_level};

use super::Report;
use crate::case::Case;
use crate::close::compare;
use crate::evaluate::{Point, Wiring, evaluate};

pub(super) fn check(case: &Case, report: &mut Report<'_>) {
    let point = Point::of(case);
    let truth = evaluate(case, &point, Wiring::Plain).arrays(&point);
    let single = point.cast::<f32>();
    for level in Level::available() {
        let found = match with_level(level, || evaluate(case, &single, Wiring::Plain)) {
            Ok(outcome) => outcome.arrays(&single),
            Err(error) => return report.fail(error.to_string()),
        };
        for ((what, got), (_, expected)) in found.iter().zip(&truth) {
            let largest = expected.iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
            let mismatch = compare(got, expected, |a, b| case.tolerance.allows(a, b, largest));
            report.differ(|| format!("{what} in f32 at level {level}"), mismatch);
        }
        if found.len() != truth.len() {
            report.fail(format!("not the same leaves get a gradient in f32 at level {level} and in f64"));
        }
    }
}
