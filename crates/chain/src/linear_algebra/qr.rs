//! QR by Householder reflections, column by column.

use anther_kernels::parallel_each;

use super::vectors::{dot, subtract};

/// The QR factors of a matrix, by Householder reflections `1 − τ v vᵀ`.
pub(super) struct Qr {
    /// Column `j` of R in its first entries.
    columns: Vec<Vec<f64>>,
    /// `v` (from entry `j` on) and `τ` of reflection `j`.
    reflections: Vec<(Vec<f64>, f64)>,
}

impl Qr {
    pub(super) fn new(mut columns: Vec<Vec<f64>>) -> Self {
        let rows = columns.first().map_or(0, Vec::len);
        let mut reflections = Vec::new();
        for j in 0..rows.min(columns.len()) {
            let (done, rest) = columns.split_at_mut(j + 1);
            let column = &mut done[j];
            let mut v = column[j..].to_vec();
            let norm = dot(&v, &v).sqrt();
            let first = if v[0] > 0.0 { -norm } else { norm };
            v[0] -= first;
            let square = dot(&v, &v);
            let tau = if square > 0.0 { 2.0 / square } else { 0.0 };
            column[j] = first;
            parallel_each(rest.len() * v.len() * 2, rest, |column| reflect(&v, tau, &mut column[j..]));
            reflections.push((v, tau));
        }
        Qr { columns, reflections }
    }

    pub(super) fn r(&self, i: usize, j: usize) -> f64 {
        if i <= j { self.columns[j][i] } else { 0.0 }
    }

    /// The columns of `Rᵀ`, for a matrix with no more columns than rows.
    pub(super) fn rows_of_r(&self) -> Vec<Vec<f64>> {
        let n = self.columns.len();
        (0..n).map(|i| (0..n).map(|j| self.r(i, j)).collect()).collect()
    }

    /// `Q X` for the columns of X, which are as long as those of the matrix.
    pub(super) fn times(&self, mut x: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
        let work = x.len() * self.reflections.iter().map(|(v, _)| 2 * v.len()).sum::<usize>();
        parallel_each(work, &mut x, |x| {
            for (j, (v, tau)) in self.reflections.iter().enumerate().rev() {
                reflect(v, *tau, &mut x[j..]);
            }
        });
        x
    }
}

fn reflect(v: &[f64], tau: f64, x: &mut [f64]) {
    subtract(x, tau * dot(v, x), v);
}
