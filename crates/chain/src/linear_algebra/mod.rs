//! QR, singular values and Cholesky factors of dense matrices in `f64`: the one place of the crate that knows how they are computed.
//!
//! Singular vectors come from the one-sided Jacobi method on a triangular factor: QR first, then rotations of pairs of columns until all are
//! orthogonal. That is accurate to the last digits for small singular values too, where squaring the matrix would lose half of them.
//! Every column is computed by itself or in a pair with one other, in an order that depends on the sizes alone, so results are the same bits for any
//! number of threads. See de Rijk (SIAM J. Sci. Stat. Comput. 10, 1989) and Drmač and Veselić (SIAM J. Matrix Anal. Appl. 29, 2008).

mod cholesky;
mod jacobi;
mod qr;
mod vectors;

use jacobi::jacobi;
use qr::Qr;
use vectors::{descending, dot};

pub(crate) use cholesky::{cholesky, cholesky_solve};

/// Left singular vectors and singular values.
pub(crate) struct LeftSingular {
    /// The vectors of the singular values that are not zero to rounding, one after the other.
    pub vectors: Vec<Vec<f64>>,
    /// All `min(rows, columns)` singular values, in descending order.
    pub values: Vec<f64>,
}

/// The left singular vectors of a row-major matrix. In each, the entry of largest size is positive (the first of equals).
///
/// Cost: with `k` the smaller and `l` the larger side, `4 l k²` operations for QR and some `6 k³` for each of about ten sweeps.
pub(crate) fn left_singular(matrix: &[f64], rows: usize, columns: usize) -> LeftSingular {
    // Squares of what is very large or very small leave the range of numbers.
    let scale = matrix.iter().fold(0.0f64, |m, x| m.max(x.abs()));
    if scale == 0.0 {
        return LeftSingular { vectors: Vec::new(), values: vec![0.0; rows.min(columns)] };
    }
    let at = |i: usize, j: usize| matrix[i * columns + j] / scale;
    let (mut vectors, mut values) = if rows > columns {
        // M = Q R, and with R = L Q' the vectors are Q times those of L. The order of the columns of M does not matter.
        let mut m: Vec<Vec<f64>> = (0..columns).map(|j| (0..rows).map(|i| at(i, j)).collect()).collect();
        m.sort_by(|a, b| descending(dot(a, a), dot(b, b)));
        let outer = Qr::new(m);
        let transposed = (0..columns).map(|i| (0..columns).map(|j| outer.r(i, j)).collect()).collect();
        let (vectors, values) = jacobi(Qr::new(transposed).rows_of_r());
        let lifted = vectors.into_iter().map(|mut vector| {
            vector.resize(rows, 0.0);
            vector
        });
        (outer.times(lifted.collect()), values)
    } else {
        // P M = L Q with the rows in descending order of their norms, so the vectors are those of L with their entries put back.
        let mut order: Vec<usize> = (0..rows).collect();
        let row = |i: usize| &matrix[i * columns..][..columns];
        let norms: Vec<f64> = order.iter().map(|&i| row(i).iter().map(|x| (x / scale).powi(2)).sum()).collect();
        order.sort_by(|&a, &b| descending(norms[a], norms[b]));
        let m = order.iter().map(|&i| row(i).iter().map(|x| x / scale).collect()).collect();
        let (vectors, values) = jacobi(Qr::new(m).rows_of_r());
        let put_back = |vector: Vec<f64>| {
            let mut back = vec![0.0; rows];
            order.iter().zip(vector).for_each(|(&i, x)| back[i] = x);
            back
        };
        (vectors.into_iter().map(put_back).collect(), values)
    };
    values.iter_mut().for_each(|value| *value *= scale);
    for vector in &mut vectors {
        let largest = vector.iter().fold(0.0f64, |m, &x| if x.abs() > m.abs() { x } else { m });
        if largest < 0.0 {
            vector.iter_mut().for_each(|x| *x = -*x);
        }
    }
    LeftSingular { vectors, values }
}

/// The singular values of a row-major matrix, in descending order.
pub(crate) fn singular_values(matrix: &[f64], rows: usize, columns: usize) -> Vec<f64> {
    left_singular(matrix, rows, columns).values
}

/// `M = L Q` with orthonormal rows of Q: `L [rows, k]` and `Q [k, columns]`, `k = min(rows, columns)`, all row-major.
pub(crate) fn lq(matrix: &[f64], rows: usize, columns: usize) -> (Vec<f64>, Vec<f64>) {
    let k = rows.min(columns);
    let qr = Qr::new((0..rows).map(|i| matrix[i * columns..][..columns].to_vec()).collect());
    let l = (0..rows * k).map(|at| qr.r(at % k, at / k)).collect();
    let units = (0..k).map(|i| {
        let mut unit = vec![0.0; columns];
        unit[i] = 1.0;
        unit
    });
    (l, qr.times(units.collect()).concat())
}

#[cfg(test)]
mod tests {
    use anther_kernels::{RandomKey, fill_normal};

    use super::*;

    fn normal(len: usize, stream: u64) -> Vec<f64> {
        let mut x = vec![0.0; len];
        fill_normal(&mut x, RandomKey::new(5, stream, 0), 0.0, 1.0);
        x
    }

    fn product(a: &[f64], b: &[f64], m: usize, k: usize, n: usize) -> Vec<f64> {
        (0..m * n).map(|at| (0..k).map(|p| a[at / n * k + p] * b[p * n + at % n]).sum()).collect()
    }

    fn largest(x: impl Iterator<Item = f64>) -> f64 {
        x.fold(0.0, |m, x| m.max(x.abs()))
    }

    /// How far the vectors are from orthonormal, and the matrix from what they say of it: `‖uᵀ M‖` must be the singular value.
    fn check(m: &[f64], rows: usize, columns: usize) -> LeftSingular {
        let found = left_singular(m, rows, columns);
        let scale = found.values.first().copied().unwrap_or(0.0).max(1e-300);
        for (i, a) in found.vectors.iter().enumerate() {
            for (j, b) in found.vectors.iter().enumerate() {
                assert!((dot(a, b) - f64::from(u8::from(i == j))).abs() < 1e-13, "{rows}x{columns}: {i} {j}");
            }
            let image = product(a, m, 1, rows, columns);
            assert!((dot(&image, &image).sqrt() - found.values[i]).abs() < 1e-13 * scale, "{rows}x{columns}: {i}");
        }
        let squares = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>();
        assert!((squares(&found.values) - squares(m)).abs() <= 1e-13 * squares(m));
        assert!(found.values.windows(2).all(|pair| pair[0] >= pair[1]));
        found
    }

    #[test]
    fn singular_vectors_are_orthonormal_and_belong_to_their_values() {
        for (stream, (rows, columns)) in
            [(1, 1), (1, 7), (7, 1), (5, 5), (9, 4), (4, 9), (33, 20), (20, 33), (64, 64)].into_iter().enumerate()
        {
            let found = check(&normal(rows * columns, stream as u64), rows, columns);
            assert_eq!(found.vectors.len(), rows.min(columns));
        }
    }

    #[test]
    fn small_singular_values_keep_their_digits() {
        // M = U diag(10^-2k) Vᵀ with U and V from QR of random matrices.
        let n = 12;
        let orthogonal = |stream| lq(&normal(n * n, stream), n, n).1;
        let (u, v) = (orthogonal(1), orthogonal(2));
        let expected: Vec<f64> = (0..n).map(|k| 10f64.powf(-(k as f64))).collect();
        let scaled: Vec<f64> = v.iter().enumerate().map(|(at, x)| x * expected[at / n]).collect();
        let found = check(&product(&u, &scaled, n, n, n), n, n);
        for (value, expected) in found.values.iter().zip(&expected) {
            // The matrix itself holds entries with an error of 1e-16.
            assert!((value - expected).abs() < 2e-15, "{value} {expected}");
        }
    }

    #[test]
    fn rank_and_sign_are_what_they_should_be() {
        let (a, b) = (normal(8 * 3, 1), normal(3 * 10, 2));
        let found = left_singular(&product(&a, &b, 8, 3, 10), 8, 10);
        assert!(found.values[2] > 0.1 && found.values[3] < 1e-13);
        for vector in &found.vectors[..3] {
            let largest = vector.iter().fold(0.0f64, |m, &x| if x.abs() > m.abs() { x } else { m });
            assert!(largest > 0.0);
        }
        let nothing = left_singular(&[0.0; 6], 2, 3);
        assert!(nothing.vectors.is_empty() && nothing.values == [0.0; 2]);
        // Squares of these numbers have no place among the floating-point numbers.
        for scale in [1e-200, 1e200] {
            assert!((left_singular(&[3.0 * scale, 4.0 * scale], 1, 2).values[0] / scale - 5.0).abs() < 1e-14);
        }
    }

    #[test]
    fn lq_gives_the_matrix_back() {
        for (rows, columns) in [(4, 9), (9, 4), (1, 5), (5, 1), (6, 6)] {
            let (m, k) = (normal(rows * columns, 7), rows.min(columns));
            let (l, q) = lq(&m, rows, columns);
            let again = product(&l, &q, rows, k, columns);
            assert!(largest(again.iter().zip(&m).map(|(a, b)| a - b)) < 1e-13);
            let gram = product(
                &q,
                &(0..columns * k).map(|at| q[at % k * columns + at / k]).collect::<Vec<_>>(),
                k,
                columns,
                k,
            );
            assert!(largest(gram.iter().enumerate().map(|(at, x)| x - f64::from(u8::from(at / k == at % k)))) < 1e-13);
        }
    }

    #[test]
    fn cholesky_solves_and_refuses() {
        let n = 7;
        let b = normal(n * n, 3);
        let transposed: Vec<f64> = (0..n * n).map(|at| b[at % n * n + at / n]).collect();
        let a = product(&b, &transposed, n, n, n);
        let l = cholesky(&a, n).unwrap();
        let x = normal(n, 4);
        let mut solved = product(&a, &x, n, n, 1);
        cholesky_solve(&l, n, &mut solved);
        assert!(largest(solved.iter().zip(&x).map(|(a, b)| a - b)) < 1e-9);
        assert_eq!(cholesky(&[1.0, 2.0, 2.0, 1.0], 2), Err(1));
        assert_eq!(cholesky(&[f64::NAN], 1), Err(0));
    }
}
