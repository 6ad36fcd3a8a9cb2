//! Gradients against central differences, in `f64`.

use super::Report;
use crate::case::Case;
use crate::close::{close, compare};
use crate::evaluate::{Point, Wiring, evaluate, loss};
use crate::input::Random;

const STEP: f64 = 1e-6;
const RTOL: f64 = 1e-3;
const ATOL: f64 = 1e-5;
/// Up to this many elements of all leaves together, each one is moved by itself.
const EXHAUSTIVE: usize = 200;
const DIRECTIONS: usize = 3;

pub(super) fn check(case: &Case, report: &mut Report<'_>) {
    let point = Point::of(case);
    let gradients = evaluate(case, &point, Wiring::Plain).gradients;
    let elements: usize = (0..point.leaves()).map(|leaf| point.leaf_shape(leaf).numel()).sum();
    for (leaf, gradient) in gradients.iter().enumerate() {
        let Some(gradient) = gradient else { continue };
        let (got, expected) = if elements <= EXHAUSTIVE {
            (gradient.clone(), every_element(case, &point, leaf))
        } else {
            directions(case, &point, leaf, gradient)
        };
        let mismatch = compare(&got, &expected, |a, b| close(a, b, RTOL, ATOL));
        let kind = if elements <= EXHAUSTIVE { "" } else { " in random directions" };
        report.differ(|| format!("the gradient of {}{kind}", point.leaf_name(leaf)), mismatch);
    }
}

fn slope(case: &Case, point: &Point<f64>, leaf: usize, values: &[f64], direction: impl Fn(usize) -> f64) -> f64 {
    let moved = |step: f64| {
        let values: Vec<f64> = values.iter().enumerate().map(|(i, x)| x + step * direction(i)).collect();
        loss(case, &point.with_leaf(leaf, &values))
    };
    (moved(STEP) - moved(-STEP)) / (2.0 * STEP)
}

fn every_element(case: &Case, point: &Point<f64>, leaf: usize) -> Vec<f64> {
    let values = point.leaf(leaf);
    (0..values.len()).map(|at| slope(case, point, leaf, &values, |i| if i == at { 1.0 } else { 0.0 })).collect()
}

/// The slopes that the gradient promises in some random directions, and those that are found.
fn directions(case: &Case, point: &Point<f64>, leaf: usize, gradient: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let values = point.leaf(leaf);
    let mut random = Random::new(case.seed() ^ leaf as u64);
    (0..DIRECTIONS)
        .map(|_| {
            let direction: Vec<f64> = values.iter().map(|_| random.normal()).collect();
            let promised = gradient.iter().zip(&direction).map(|(g, d)| g * d).sum::<f64>();
            (promised, slope(case, point, leaf, &values, |i| direction[i]))
        })
        .unzip()
}
