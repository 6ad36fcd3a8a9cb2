//! Sums and means.

use anther_testkit::{Case, case, normal, small};

use super::label;

pub fn cases() -> Vec<Case> {
    let shapes: [&[usize]; 8] = [&[1], &[7], &[3, 5], &[2, 3, 17], &[33, 2], &[4, 1], &[0, 3], &[3, 0]];
    let mut cases: Vec<Case> = shapes.into_iter().flat_map(of_shape).collect();
    cases.extend(of_shape(&[130, 513]).into_iter().map(Case::big));
    cases.extend(of_shape(&[2, 66_001]).into_iter().map(Case::big));
    cases.push(case!("sum", "a scalar", [normal([0; 0])], |x| x[0].sum()));
    cases.push(case!("sum", "small", [small([9])], |x| x[0].sum()));
    cases
}

fn of_shape(s: &[usize]) -> Vec<Case> {
    let l = label(s);
    let mean = format!("mean, {l}");
    vec![
        case!("sum", &l, [normal(s)], |x| x[0].sum()),
        case!("sum", &mean, [normal(s)], |x| x[0].mean()),
        case!("sum_last", &l, [normal(s)], |x| x[0].sum_last()),
        case!("sum_last", &mean, [normal(s)], |x| x[0].mean_last()),
    ]
}
