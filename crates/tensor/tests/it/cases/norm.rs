//! Normalisations over the last axis.

use anther_testkit::{Case, case, fixed, normal, small};

use super::label;

pub fn cases() -> Vec<Case> {
    let shapes: [&[usize]; 9] = [&[5], &[3, 7], &[3, 0], &[2, 3, 4], &[9, 17], &[3, 33], &[4, 2], &[0, 5], &[1, 3]];
    let mut cases: Vec<Case> = shapes.into_iter().flat_map(of_shape).collect();
    // Tall for the sums over rows of the scale's gradient, wide for the statistics of a row.
    cases.extend(of_shape(&[513, 130]).into_iter().map(Case::big));
    cases.extend(of_shape(&[3, 22_003]).into_iter().map(Case::big));
    let equal = || fixed([2, 3], [1.5; 6]);
    cases.extend([
        // One value is its own mean: the output is the shift, and nothing flows back.
        // The reciprocal deviation of 316 multiplies the rounding of γ dy.
        case!("layer_norm", "one column", [normal([3, 1]), normal([1]), normal([1])], |x| {
            x[0].layer_norm(Some((&x[1], &x[2])), 1e-5)
        })
        .tolerance(2e-5, 4e-5),
        case!("layer_norm", "no variance", [equal(), normal([3]), normal([3])], |x| {
            x[0].layer_norm(Some((&x[1], &x[2])), 1e-2)
        }),
        case!("layer_norm", "small", [small([3, 7])], |x| x[0].layer_norm(None, 1e-5)),
        case!("layer_norm", "far from zero", [fixed([1, 4], [1000.0, 1001.0, 1002.5, 1000.5])], |x| {
            x[0].layer_norm(None, 1e-5)
        })
        .tolerance(1e-3, 1e-3),
        case!("rms_norm", "one column", [normal([3, 1]), normal([1])], |x| x[0].rms_norm(Some(&x[1]), 1e-5)),
        case!("rms_norm", "equal", [equal(), normal([3])], |x| x[0].rms_norm(Some(&x[1]), 1e-5)),
        case!("rms_norm", "zeros", [fixed([2, 3], [0.0; 6]), normal([3])], |x| x[0].rms_norm(Some(&x[1]), 1e-2)),
        case!("rms_norm", "small", [small([3, 7])], |x| x[0].rms_norm(None, 1e-5)),
    ]);
    cases
}

fn of_shape(s: &[usize]) -> Vec<Case> {
    let (l, width) = (label(s), s[s.len() - 1]);
    let affine = format!("{l}, affine");
    vec![
        case!("layer_norm", &l, [normal(s)], |x| x[0].layer_norm(None, 1e-5)),
        case!("layer_norm", &affine, [normal(s), normal([width]), normal([width])], |x| {
            x[0].layer_norm(Some((&x[1], &x[2])), 1e-5)
        }),
        case!("rms_norm", &l, [normal(s)], |x| x[0].rms_norm(None, 1e-6)),
        case!("rms_norm", &affine, [normal(s), normal([width])], |x| x[0].rms_norm(Some(&x[1]), 1e-6)),
    ]
}
