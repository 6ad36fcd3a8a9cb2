//! Cross-entropy.

use anther_tensor::{Ids, Shape, Tensor};
use anther_testkit::{Case, Input, case, fixed, normal, small};

use super::label;

pub fn cases() -> Vec<Case> {
    let shapes: [&[usize]; 8] = [&[5], &[1, 1], &[3, 1], &[4, 7], &[2, 3, 5], &[7, 17], &[3, 33], &[0, 5]];
    let mut cases = Vec::new();
    for s in shapes {
        for smoothing in [0.0, 0.1] {
            cases.extend(of_logits(&label(s), s, &normal(s), smoothing));
        }
    }
    for smoothing in [0.0, 0.3] {
        cases.extend(of_logits("big", &[300, 257], &normal([300, 257]), smoothing).into_iter().map(Case::big));
    }
    cases.extend(of_logits("small", &[3, 4], &small([3, 4]), 0.0));
    let extreme = fixed([2, 3], [-1e4, 0.0, 1e4, 500.0, -500.0, 0.0]);
    cases.extend(of_logits("extreme", &[2, 3], &extreme, 0.0).into_iter().map(Case::big));
    cases
}

/// Without weights, with weights of which some are 0, and with nothing but zeros.
fn of_logits(l: &str, s: &[usize], logits: &Input, smoothing: f64) -> Vec<Case> {
    let (rows, classes) = (s[..s.len() - 1].iter().product::<usize>(), s[s.len() - 1]);
    let targets = Ids::new(Shape::new(&s[..s.len() - 1]), (0..rows).map(|row| (row * 5 % classes) as u32).collect());
    let weights = |weight: fn(usize) -> f64| (0..rows).map(weight).collect::<Vec<f64>>();
    let kinds = [("weights", weights(|row| [2.0, 0.0, 0.5][row % 3])), ("no weight at all", weights(|_| 0.0))];
    let mut cases = Vec::new();
    for (kind, weights) in kinds {
        cases.push(case!(
            "cross_entropy",
            format!("{l}, smoothing {smoothing}, {kind}"),
            [logits.clone()],
            (targets: Ids = targets.clone(), weights: Vec<f64>, smoothing: f64),
            |x| {
                let weights = Tensor::from_fn([weights.len()], |i| T::from_f64(weights[i]));
                x[0].cross_entropy(targets, Some(&weights), *smoothing)
            }
        ));
    }
    cases.push(case!(
        "cross_entropy",
        format!("{l}, smoothing {smoothing}"),
        [logits.clone()],
        (targets: Ids, smoothing: f64),
        |x| x[0].cross_entropy(targets, None, *smoothing)
    ));
    cases
}
