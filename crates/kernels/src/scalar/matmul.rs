//! Twin of the matrix product.

use std::ops::Range;

use crate::block::Block;
use crate::fusion::{Apply, Finish};
use crate::matmul::{MatMul, Trans};
use crate::packed::Packed;
use crate::real::Real;
use crate::scratch::Scratch;
use crate::weights::Weights;
use crate::write::Write;

/// Nothing is packed: the specification reads B where it is.
pub(crate) fn panel_width<T: Real>(_: &MatMul<'_, T>) -> usize {
    0
}

/// Never called, since there are no panels.
pub(crate) fn pack<T: Real>(_: &MatMul<'_, T>, _first: usize, _inner: Range<usize>, _panels: &mut [T]) {}

/// Row by row of C: the sums of one row are kept in `f64` and each element of A meets a row of B, which reads memory in order.
/// Each sum runs over k in index order, as in the textbook triple loop.
pub(crate) fn matmul<T: Real>(
    args: &MatMul<'_, T>,
    _packed: Option<Packed<'_, T>>,
    c: &mut Block<'_, T>,
    write: Write,
    // Where nothing is packed it has been applied already.
    _prologue: Option<Apply<T>>,
    finish: Option<&mut Finish<'_, T>>,
) {
    match args.b {
        Weights::Full(b) => products(args, b, T::to_f64, c, write, finish),
        Weights::Bf16(b) => products(args, b, |b| f64::from(b.to_f32()), c, write, finish),
    }
}

fn products<T: Real, B: Copy>(
    args: &MatMul<'_, T>,
    b: &[B],
    value: impl Fn(B) -> f64,
    c: &mut Block<'_, T>,
    write: Write,
    mut finish: Option<&mut Finish<'_, T>>,
) {
    let MatMul { a, trans_a, trans_b, m, n, k, alpha, .. } = *args;
    let (rows, cols) = (c.rows.clone(), c.cols.clone());
    let mut sums = Scratch::<f64>::new(cols.len());
    for (row, i) in rows.enumerate() {
        sums.fill(0.0);
        for l in 0..k {
            let a = match trans_a {
                Trans::No => a[i * k + l],
                Trans::Yes => a[l * m + i],
            };
            let a = a.to_f64();
            match trans_b {
                Trans::No => {
                    let b = &b[l * n..][cols.clone()];
                    sums.iter_mut().zip(b).for_each(|(sum, &b)| *sum += a * value(b));
                }
                Trans::Yes => {
                    let b = b[cols.start * k + l..].iter().step_by(k);
                    sums.iter_mut().zip(b).for_each(|(sum, &b)| *sum += a * value(b));
                }
            }
        }
        let c = c.row(row);
        for (c, &sum) in c.iter_mut().zip(sums.iter()) {
            super::store(c, alpha * T::from_f64(sum), write);
        }
        if let Some(finish) = &mut finish {
            finish.row(row, c);
        }
    }
}
