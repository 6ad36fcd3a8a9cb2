//! What arrives at the leaves: everything that is wanted, nothing else, and nothing that was never written.

use anther_tensor::{Element, Tape, Tensor};

use super::{Report, same_bits};
use crate::case::Case;
use crate::close::compare;
use crate::evaluate::{Outcome, Point, Scalar, Wiring, evaluate, leaves};

/// Below this a gradient counts as zero in `f64`.
const ZERO: f64 = 1e-12;

/// All of the output and of the gradients is there, and the inputs are as they were.
pub(super) fn complete(case: &Case, report: &mut Report<'_>) {
    let point = Point::of(case);
    let outcome = written(case, &point, report);
    written(case, &point.cast::<f32>(), report);
    for (leaf, gradient) in outcome.gradients.iter().enumerate() {
        let name = point.leaf_name(leaf);
        let is_param = leaf >= point.inputs.len();
        let expect_zero = is_param && case.zero_gradient.contains(&name);
        match gradient {
            None if !expect_zero => report.fail(format!("no gradient arrives at {name}")),
            Some(gradient) if is_param && !gradient.is_empty() => {
                let largest = gradient.iter().fold(0.0f64, |largest, g| largest.max(g.abs()));
                if expect_zero && largest > ZERO {
                    report.fail(format!("the gradient of {name} should be zero but reaches {largest:e}"));
                } else if !expect_zero && largest <= ZERO {
                    report.fail(format!("the gradient of {name} vanishes"));
                }
            }
            _ => {}
        }
    }
    for name in &case.zero_gradient {
        if point.params.find(name).is_none() {
            report.fail(format!("{name} should have no gradient, but there is no such parameter"));
        }
    }
}

/// Runs the case in buffers full of NaN.
fn written<T: Scalar>(case: &Case, point: &Point<T>, report: &mut Report<'_>) -> Outcome<T> {
    let before: Vec<Vec<T>> = point.inputs.iter().map(|input| input.data().to_vec()).collect();
    // The first run only tells which sizes of buffers to poison: builds with debug assertions do so anyway.
    let sizes: Vec<usize> =
        evaluate(case, point, Wiring::Plain).arrays(point).iter().map(|(_, array)| array.len()).collect();
    poison::<T>(&sizes);
    let outcome = evaluate(case, point, Wiring::Plain);
    for (what, array) in outcome.arrays(point) {
        let mismatch = compare(&array, &array, |a, b| a == b);
        report.differ(|| format!("{what} in {} has elements that were never written or are NaN", T::NAME), mismatch);
    }
    for (i, (input, before)) in point.inputs.iter().zip(&before).enumerate() {
        let unchanged = input.data().iter().zip(before).all(|(a, b)| a.to_bits_u64() == b.to_bits_u64());
        if !unchanged {
            report.fail(format!("input {i} was changed"));
        }
    }
    outcome
}

/// Leaves buffers full of NaN in the pool.
fn poison<T: Element>(sizes: &[usize]) {
    let buffers: Vec<Tensor<T>> =
        sizes.iter().flat_map(|&size| vec![size; 4]).map(|n| Tensor::full([n], T::NAN)).collect();
    drop(buffers);
}

/// An input that is a constant gets nothing, and the others get the same as before.
pub(super) fn constants(case: &Case, report: &mut Report<'_>) {
    let point = Point::of(case);
    let all = evaluate(case, &point, Wiring::Plain).arrays(&point);
    for constant in 0..point.inputs.len() {
        let without = evaluate(case, &point, Wiring::Constant(constant));
        if without.gradients[constant].is_some() {
            report.fail(format!("input {constant} is a constant but gets a gradient"));
        }
        for (what, got) in without.arrays(&point) {
            let expected = all.iter().find(|(other, _)| *other == what).map_or(&[] as &[f64], |(_, array)| array);
            let mismatch = compare(&got, expected, same_bits);
            report.differ(|| format!("{what} when input {constant} is a constant"), mismatch);
        }
    }
}

/// A tape that records nothing computes the same.
pub(super) fn inference(case: &Case, report: &mut Report<'_>) {
    // Dropout is off in inference, so there is nothing to compare with.
    if !case.training {
        let point = Point::of(case);
        same_inference(case, &point.cast::<f32>(), report);
        same_inference(case, &point, report);
    }
}

fn same_inference<T: Scalar>(case: &Case, point: &Point<T>, report: &mut Report<'_>) {
    let recorded = evaluate(case, point, Wiring::Plain).output;
    let tape = Tape::inference(&point.params);
    let output = T::run(case.body.as_ref(), &tape, &leaves(&tape, point)).into_value();
    let wide = |x: &Tensor<T>| x.data().iter().map(|x| x.to_f64()).collect::<Vec<f64>>();
    let mismatch = compare(&wide(&output), &wide(&recorded), same_bits);
    report.differ(|| format!("the output of an inference tape in {}", T::NAME), mismatch);
}
