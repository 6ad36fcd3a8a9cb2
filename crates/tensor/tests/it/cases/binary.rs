//! Arithmetic of two tensors in all broadcasts.

use anther_testkit::{Case, case, distinct, normal, positive};

use super::label;

/// Pairs of shapes: same, suffix, prefix, middle, scalar and empty, with the smaller operand second; the cases use both orders.
const PAIRS: [(&[usize], &[usize]); 14] = [
    (&[1], &[1]),
    (&[3, 5], &[3, 5]),
    (&[17, 33], &[17, 33]),
    (&[3, 7], &[7]),
    (&[2, 3, 4], &[3, 4]),
    (&[2, 3, 4], &[1, 3, 4]),
    (&[2, 3, 5], &[2, 3, 1]),
    (&[2, 3, 5], &[2, 1, 1]),
    (&[2, 3, 2, 2], &[3, 1, 1]),
    (&[2, 3, 4], &[]),
    (&[3, 4], &[1, 1]),
    (&[2, 1, 3], &[2, 1, 3]),
    (&[0, 3], &[3]),
    (&[3, 0], &[3, 1]),
];

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (large, small) in PAIRS {
        cases.extend(of_shapes(large, small));
        if large != small {
            cases.extend(of_shapes(small, large));
        }
    }
    let big: [(&[usize], &[usize]); 5] = [
        (&[9, 8191], &[9, 8191]),
        (&[130, 513], &[513]),
        (&[513, 130], &[513, 1]),
        (&[3, 70, 17, 19], &[70, 1, 1]),
        (&[], &[66_001]),
    ];
    for (a, b) in big {
        cases.extend(of_shapes(a, b).into_iter().map(Case::big));
    }
    cases.extend(affine());
    cases
}

fn of_shapes(a: &[usize], b: &[usize]) -> Vec<Case> {
    let l = format!("{} and {}", label(a), label(b));
    vec![
        case!("add", &l, [normal(a), normal(b)], |x| &x[0] + &x[1]),
        case!("sub", &l, [normal(a), normal(b)], |x| &x[0] - &x[1]),
        case!("mul", &l, [normal(a), normal(b)], |x| &x[0] * &x[1]),
        case!("div", &l, [normal(a), positive(b)], |x| &x[0] / &x[1]),
        case!("maximum", &l, [distinct(a), distinct(b)], |x| x[0].maximum(&x[1])),
        case!("minimum", &l, [distinct(a), distinct(b)], |x| x[0].minimum(&x[1])),
    ]
}

fn affine() -> Vec<Case> {
    let shapes: [&[usize]; 5] = [&[1], &[7], &[3, 33], &[], &[0]];
    let mut cases = Vec::new();
    for (alpha, beta) in [(1.0, 0.5), (-2.5, 0.0), (0.0, 3.0), (0.125, -7.0)] {
        for s in shapes {
            let l = format!("{alpha} x + {beta}, {}", label(s));
            cases.push(case!("affine", l, [normal(s)], (alpha: f64, beta: f64), |x| x[0].affine(*alpha, *beta)));
        }
    }
    cases.push(case!("affine", "scale", [normal([5])], |x| x[0].scale(-0.3)));
    cases.push(case!("affine", "big", [normal([66_001])], |x| x[0].affine(0.7, 0.1)).big());
    cases
}
