//! Gradients of a variable that is used more than once.

use super::Report;
use crate::case::Case;
use crate::close::{close, compare};
use crate::evaluate::{Point, Wiring, evaluate};

/// In `f64`; sums of more than two contributions may round differently.
pub(super) const ROUNDING: f64 = 1e-11;

pub(super) fn check(case: &Case, report: &mut Report<'_>) {
    twice(case, report);
    for second in 1..case.inputs.len() {
        for first in (0..second).filter(|&first| case.inputs[first].shape == case.inputs[second].shape) {
            shared(case, first, second, report);
        }
    }
}

/// `f(x) + f(x)` has twice the gradient of `f(x)`.
fn twice(case: &Case, report: &mut Report<'_>) {
    let point = Point::of(case);
    let once = evaluate(case, &point, Wiring::Plain);
    let doubled = evaluate(case, &point, Wiring::Doubled).gradients;
    for (leaf, (got, expected)) in doubled.iter().zip(&once.gradients).enumerate() {
        let (Some(got), Some(expected)) = (got, expected) else { continue };
        let expected: Vec<f64> = expected.iter().map(|g| 2.0 * g).collect();
        let mismatch = compare(got, &expected, |a, b| close(a, b, ROUNDING, ROUNDING));
        report.differ(|| format!("the gradient of {} in f(x) + f(x)", point.leaf_name(leaf)), mismatch);
    }
}

/// One variable in the place of two inputs gets the sum of both gradients.
fn shared(case: &Case, first: usize, second: usize, report: &mut Report<'_>) {
    let point = Point::of(case);
    // Both inputs have the value of the second: denominators come second.
    let point = point.with_leaf(first, &point.leaf(second));
    let apart = evaluate(case, &point, Wiring::Plain);
    let together = evaluate(case, &point, Wiring::Shared(first, second));
    let (Some(a), Some(b), Some(got)) =
        (&apart.gradients[first], &apart.gradients[second], &together.gradients[second])
    else {
        return report.fail(format!("no gradient arrives at input {second} when it is input {first} as well"));
    };
    let expected: Vec<f64> = a.iter().zip(b).map(|(a, b)| a + b).collect();
    let mismatch = compare(got, &expected, |a, b| close(a, b, ROUNDING, ROUNDING));
    report.differ(|| format!("the gradient of one variable as input {first} and {second}"), mismatch);
}
