//! Matrix products and the linear layer.

use anther_tensor::{Trans, Unary};
use anther_testkit::{Case, case, normal};

use super::label;

const TRANSPOSITIONS: [(Trans, Trans); 4] =
    [(Trans::No, Trans::No), (Trans::No, Trans::Yes), (Trans::Yes, Trans::No), (Trans::Yes, Trans::Yes)];

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (m, k, n) in
        [(1, 1, 1), (3, 5, 2), (5, 5, 5), (1, 33, 1), (7, 1, 17), (17, 7, 3), (0, 3, 2), (3, 0, 2), (3, 2, 0)]
    {
        for form in TRANSPOSITIONS {
            cases.push(product(&[], &[], (m, k, n), form));
        }
    }
    // Batches: equal, of two axes, of one, of none; one operand shared by the whole batch.
    for (batch_a, batch_b) in
        [(&[3][..], &[3][..]), (&[2, 3], &[2, 3]), (&[2, 2], &[]), (&[], &[3]), (&[1], &[1]), (&[0], &[0]), (&[0], &[])]
    {
        for form in TRANSPOSITIONS {
            cases.push(product(batch_a, batch_b, (3, 4, 2), form));
        }
    }
    for form in TRANSPOSITIONS {
        cases.push(product(&[], &[], (130, 70, 129), form).big());
        cases.push(product(&[5], &[5], (67, 65, 66), form).big());
        cases.push(product(&[3, 2], &[], (67, 65, 66), form).big());
        cases.push(product(&[], &[5], (67, 65, 66), form).big());
    }
    cases.push(case!("matmul", "plain method", [normal([3, 4]), normal([4, 2])], |x| x[0].matmul(&x[1])));
    cases.extend(linear());
    cases
}

fn product(
    batch_a: &[usize],
    batch_b: &[usize],
    (m, k, n): (usize, usize, usize),
    (trans_a, trans_b): (Trans, Trans),
) -> Case {
    let stored = |batch: &[usize], rows, columns, trans| {
        let matrix = if matches!(trans, Trans::Yes) { [columns, rows] } else { [rows, columns] };
        [batch, &matrix].concat()
    };
    let (a, b) = (stored(batch_a, m, k, trans_a), stored(batch_b, k, n, trans_b));
    let l = format!("{} ({trans_a:?}) and {} ({trans_b:?})", label(&a), label(&b));
    case!("matmul", l, [normal(&a[..]), normal(&b[..])], (trans_a: Trans, trans_b: Trans), |x| {
        x[0].matmul_with(*trans_a, &x[1], *trans_b)
    })
}

fn linear() -> Vec<Case> {
    let sizes: [(&[usize], usize); 7] =
        [(&[1, 1], 1), (&[3, 5], 2), (&[2, 3, 7], 3), (&[5], 4), (&[0, 5], 3), (&[3, 0], 2), (&[9, 17], 11)];
    let mut cases: Vec<Case> = sizes.into_iter().flat_map(|(x, outputs)| linear_of(x, outputs, None)).collect();
    for activation in Unary::ALL {
        // Roots and logarithms of what a linear map gives are seldom defined.
        if !matches!(activation, Unary::Ln | Unary::Sqrt | Unary::Reciprocal) {
            cases.extend(linear_of(&[3, 4], 3, Some(activation)));
        }
    }
    for activation in [None, Some(Unary::Gelu), Some(Unary::Tanh)] {
        // Sums of 300 terms reach 50; what cancels to near 0 keeps their rounding, and an activation hides how large they were.
        let big = |case: Case| case.big().tolerance(2e-5, 3e-5);
        cases.extend(linear_of(&[130, 300], 65, activation).into_iter().map(big));
    }
    cases
}

fn linear_of(x: &[usize], outputs: usize, f: Option<Unary>) -> Vec<Case> {
    let l = format!("{} to {outputs}, {f:?}", label(x));
    let weight = [outputs, x[x.len() - 1]];
    vec![
        case!("linear", &l, [normal(x), normal(weight)], (f: Option<Unary>), |x| x[0].linear(&x[1], None, *f)),
        case!("linear", format!("{l}, bias"), [normal(x), normal(weight), normal([outputs])], (f: Option<Unary>), |x| {
            x[0].linear(&x[1], Some(&x[2]), *f)
        }),
    ]
}
