//! Ops that move numbers.

use std::ops::Range;

use anther_tensor::Shape;
use anther_testkit::{Case, case, normal};

use super::label;

pub fn cases() -> Vec<Case> {
    let mut cases = reshaped();
    cases.extend(transposed());
    cases.extend(heads());
    cases.extend(sliced());
    cases.extend(joined());
    cases
}

fn reshaped() -> Vec<Case> {
    let pairs: [(&[usize], &[usize]); 7] = [
        (&[6], &[2, 3]),
        (&[2, 3], &[6]),
        (&[2, 3, 5], &[5, 6]),
        (&[], &[1, 1]),
        (&[1], &[]),
        (&[0, 3], &[7, 0]),
        (&[17], &[17]),
    ];
    let case = |(from, to): (&[usize], &[usize])| {
        let l = format!("{} to {}", label(from), label(to));
        let to = Shape::new(to);
        case!("reshape", l, [normal(from)], (to: Shape), |x| x[0].reshape(*to))
    };
    pairs.into_iter().map(case).collect()
}

fn transposed() -> Vec<Case> {
    let shapes: [&[usize]; 8] = [&[1, 1], &[3, 5], &[1, 17], &[17, 33], &[2, 3, 7], &[2, 2, 3, 4], &[0, 3], &[2, 3, 0]];
    let case = |s: &[usize]| case!("transpose", label(s), [normal(s)], |x| x[0].transpose());
    let big: [&[usize]; 2] = [&[257, 259], &[70, 31, 33]];
    shapes.into_iter().map(case).chain(big.into_iter().map(|s| case(s).big())).collect()
}

fn heads() -> Vec<Case> {
    let sizes = [
        [1, 1, 1, 1],
        [2, 3, 2, 5],
        [1, 7, 3, 4],
        [3, 1, 4, 2],
        [2, 17, 1, 3],
        [2, 0, 2, 3],
        [0, 3, 2, 2],
        [2, 3, 4, 0],
    ];
    let mut cases = Vec::new();
    for [batch, length, heads, d] in sizes {
        cases.extend(of_heads(batch, length, heads, d));
    }
    cases.extend(of_heads(3, 67, 5, 67).into_iter().map(Case::big));
    cases
}

fn of_heads(batch: usize, length: usize, heads: usize, d: usize) -> Vec<Case> {
    let l = label(&[batch, length, heads, d]);
    vec![
        case!("split_heads", &l, [normal([batch, length, heads * d])], (heads: usize), |x| x[0].split_heads(*heads)),
        case!("merge_heads", &l, [normal([batch, heads, length, d])], |x| x[0].merge_heads()),
    ]
}

fn sliced() -> Vec<Case> {
    let cuts: [(&[usize], usize, Range<usize>); 9] = [
        (&[7], 0, 2..5),
        (&[3, 5], 0, 1..3),
        (&[3, 5], 1, 0..1),
        (&[3, 5], 1, 4..5),
        (&[2, 5, 3], 1, 1..4),
        (&[2, 3, 17], 2, 3..16),
        (&[3, 5], 1, 0..5),
        (&[3, 5], 1, 2..2),
        (&[0, 5], 1, 1..3),
    ];
    let case = |(s, axis, range): (&[usize], usize, Range<usize>)| {
        let l = format!("{range:?} of axis {axis} of {}", label(s));
        case!("slice", l, [normal(s)], (axis: usize, range: Range<usize>), |x| x[0].slice(*axis, range.clone()))
    };
    let mut cases: Vec<Case> = cuts.into_iter().map(case).collect();
    cases.push(case((&[130, 1030], 1, 3..600)).big());
    cases.push(
        case!("slice", "two that overlap", [normal([5, 3])], |x| { x[0].slice(0, 0..3) * x[0].slice(0, 1..4) })
            .tolerance(1e-6, 1e-6),
    );
    cases
}

fn joined() -> Vec<Case> {
    let joins: [(usize, [&[usize]; 3]); 7] = [
        (0, [&[1], &[2], &[3]]),
        (0, [&[2, 3], &[1, 3], &[4, 3]]),
        (1, [&[2, 3], &[2, 1], &[2, 7]]),
        (1, [&[2, 3, 2], &[2, 1, 2], &[2, 0, 2]]),
        (2, [&[2, 2, 3], &[2, 2, 3], &[2, 2, 3]]),
        (1, [&[0, 3], &[0, 1], &[0, 2]]),
        (0, [&[17, 33], &[1, 33], &[3, 33]]),
    ];
    let case = |(axis, [a, b, c]): (usize, [&[usize]; 3])| {
        let l = format!("{}, {} and {} along axis {axis}", label(a), label(b), label(c));
        case!("concat", l, [normal(a), normal(b), normal(c)], (axis: usize), |x, tape| {
            tape.concat(*axis, &[&x[0], &x[1], &x[2]])
        })
    };
    let mut cases: Vec<Case> = joins.into_iter().map(case).collect();
    cases.push(case((1, [&[130, 513], &[130, 2], &[130, 67]])).big());
    cases.push(case!("concat", "one part", [normal([2, 3])], |x, tape| tape.concat(1, &[&x[0]])));
    cases.push(
        case!("concat", "one variable three times", [normal([2, 3])], |x, tape| {
            tape.concat(1, &[&x[0], &x[0], &x[0]])
        })
        .tolerance(1e-6, 1e-6),
    );
    cases
}
