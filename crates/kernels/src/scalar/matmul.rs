//! Twin of the matrix product.

use crate::matmul::{MatMul, Trans};
use crate::real::Real;
use crate::scratch::Scratch;
use crate::write::Write;

/// Nothing is packed: the specification reads B where it is.
pub(crate) fn panel_len<T: Real>(_: &MatMul<'_, T>) -> usize {
    0
}

/// Never called, since there are no panels.
pub(crate) fn pack<T: Real>(_: &MatMul<'_, T>, _index: usize, _panel: &mut [T]) {}

/// Row by row of C: the sums of one row are kept in `f64` and each element of A meets a whole row of B, which reads memory in order.
/// Each sum runs over k in index order, as in the textbook triple loop.
pub(crate) fn matmul<T: Real>(args: &MatMul<'_, T>, first_row: usize, _packed: &[T], c: &mut [T], write: Write) {
    let MatMul { a, trans_a, b, trans_b, m, n, k, alpha, .. } = *args;
    let mut sums = Scratch::<f64>::new(n);
    for (i, row) in c.chunks_mut(n).enumerate() {
        let i = first_row + i;
        sums.fill(0.0);
        for l in 0..k {
            let a = match trans_a {
                Trans::No => a[i * k + l],
                Trans::Yes => a[l * m + i],
            };
            let a = a.to_f64();
            match trans_b {
                Trans::No => {
                    sums.iter_mut().zip(&b[l * n..][..n]).for_each(|(sum, b)| *sum += a * b.to_f64());
                }
                Trans::Yes => {
                    sums.iter_mut().zip(b[l..].iter().step_by(k)).for_each(|(sum, b)| *sum += a * b.to_f64());
                }
            }
        }
        for (c, &sum) in row.iter_mut().zip(sums.iter()) {
            super::store(c, alpha * T::from_f64(sum), write);
        }
    }
}
