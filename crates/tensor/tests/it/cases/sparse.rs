//! Rows by number, and dropout.

use anther_tensor::{Ids, Stream};
use anther_testkit::{Case, case, normal};

use super::label;

pub fn cases() -> Vec<Case> {
    let mut cases = embedding();
    cases.extend(dropout());
    cases
}

fn embedding() -> Vec<Case> {
    // Table and shape of the ids, which walk through the table in steps of 3 and so come back to rows.
    let sizes: [([usize; 2], &[usize]); 9] = [
        ([1, 1], &[1]),
        ([5, 3], &[4]),
        ([2, 7], &[9]),
        ([17, 3], &[2, 5]),
        ([4, 33], &[2, 3]),
        ([3, 2], &[]),
        ([3, 2], &[0]),
        ([3, 2], &[2, 0]),
        ([3, 0], &[2]),
    ];
    let case = |(table, shape): ([usize; 2], &[usize])| {
        let count = shape.iter().product::<usize>();
        let ids = Ids::new(shape, (0..count).map(|i| (i * 3 % table[0]) as u32).collect());
        let l = format!("ids {} of table {}", label(shape), label(&table));
        case!("embedding", l, [normal(table)], (ids: Ids), |x| x[0].embedding(ids))
    };
    let mut cases: Vec<Case> = sizes.into_iter().map(case).collect();
    cases.push(case(([301, 67], &[7, 150])).big());
    let ids = Ids::new([5], vec![2; 5]);
    cases.push(case!("embedding", "one row five times", [normal([4, 3])], (ids: Ids), |x| x[0].embedding(ids)));
    cases
}

fn dropout() -> Vec<Case> {
    let shapes: [&[usize]; 6] = [&[1], &[17], &[3, 33], &[2, 3, 5], &[], &[0, 3]];
    let mut cases = Vec::new();
    for p in [0.0, 0.1, 0.5, 0.9] {
        let case = |s: &[usize]| {
            let l = format!("p = {p}, {}", label(s));
            case!("dropout", l, [normal(s)], (p: f64), |x| x[0].dropout(*p, Stream::named("test"))).training()
        };
        cases.extend(shapes.into_iter().map(case));
        cases.push(case(&[130, 513]).big());
    }
    cases.push(case!("dropout", "outside training", [normal([7])], |x| x[0].dropout(0.5, Stream::named("test"))));
    cases
}
