//! Gradients that go into a slab: the first contribution overwrites, the next ones add.

use anther_tensor::{Init, ParamId, Parameters};

use super::Report;
use super::reuse::ROUNDING;
use crate::case::Case;
use crate::close::{close, compare};
use crate::evaluate::{Point, Scalar, Wiring, cotangent, evaluate, tape};

pub(super) fn check(case: &Case, report: &mut Report<'_>) {
    let point = Point::of(case);
    let (params, inputs) = inputs_as_params(case, &point);
    let mut slab = params.gradients();
    let all: Vec<ParamId> = params.ids().collect();
    for id in &all {
        slab.slab_mut()[params.range(*id)].fill(f64::NAN);
    }
    slab.clear();

    let expected = evaluate(case, &point, Wiring::Plain).gradients;
    // The inputs follow the parameters of the case in the slab, and come before them among the leaves.
    let order: Vec<ParamId> =
        inputs.iter().copied().chain(all.iter().copied().take(all.len() - inputs.len())).collect();
    for (times, pass) in [(1.0, "first"), (2.0, "second")] {
        let tape = tape(case, &params);
        let vars: Vec<_> = inputs.iter().map(|&id| tape.param(id)).collect();
        let output = f64::run(case.body.as_ref(), &tape, &vars);
        tape.backward(&output, Some(cotangent(case, output.shape())), &mut slab);
        for (leaf, (id, expected)) in order.iter().zip(&expected).enumerate() {
            let Some(expected) = expected else { continue };
            let expected: Vec<f64> = expected.iter().map(|g| times * g).collect();
            let got = slab.get(*id).unwrap_or_default();
            let mismatch = compare(got, &expected, |a, b| close(a, b, ROUNDING, ROUNDING));
            report.differ(
                || format!("the gradient of {} after the {pass} backward pass", point.leaf_name(leaf)),
                mismatch,
            );
        }
    }

    let mut outside = slab.slab_mut().to_vec();
    all.iter().for_each(|&id| outside[params.range(id)].fill(0.0));
    if outside.iter().any(|&x| x != 0.0) {
        report.fail("something was written into the gaps of the slab".to_owned());
    }
}

/// The parameters of the case and after them its inputs, at the same point.
fn inputs_as_params(case: &Case, point: &Point<f64>) -> (Parameters<f64>, Vec<ParamId>) {
    let mut set = case.params.clone();
    let ids: Vec<ParamId> = {
        let mut root = set.root();
        let mut scope = root.child("inputs of the case");
        let define = |(i, input): (usize, &crate::Input)| scope.param(&i.to_string(), input.shape, Init::Zeros);
        case.inputs.iter().enumerate().map(define).collect()
    };
    let mut params = Parameters::initialise(&set, 0);
    for id in point.params.ids() {
        params.set(id, point.params.tensor(id).data());
    }
    for (&id, input) in ids.iter().zip(&point.inputs) {
        params.set(id, input.data());
    }
    (params, ids)
}
