//! How parameters get their first value.

use anther_kernels::{RandomKey, fill_normal, fill_uniform};

use crate::pool::Element;

/// The distribution that a parameter's first value is drawn from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// 0 everywhere.
    Zeros,
    /// 1 everywhere.
    Ones,
    /// The same number everywhere.
    Constant(f64),
    /// Gaussian with mean 0.
    Normal {
        /// Standard deviation.
        std: f64,
    },
    /// Uniform on `[-bound, bound)`.
    Uniform {
        /// Half the width.
        bound: f64,
    },
    /// A matrix whose rows are orthonormal, or its columns where they are fewer (Saxe et al., arXiv 1312.6120): Gaussian numbers made orthogonal.
    /// Drawn and made in `f64`; cost `rows · columns · min(rows, columns)`.
    Orthogonal {
        /// The columns of the matrix; the parameter has a multiple of that many elements.
        columns: usize,
    },
}

impl Init {
    /// Gaussian of variance 1/fan_in: keeps the variance of activations through a linear layer.
    pub fn fan_in(fan_in: usize) -> Self {
        Init::Normal { std: (fan_in.max(1) as f64).recip().sqrt() }
    }

    /// Uniform of variance 2/(fan_in + fan_out) (Glorot and Bengio 2010).
    pub fn xavier_uniform(fan_in: usize, fan_out: usize) -> Self {
        Init::Uniform { bound: (6.0 / (fan_in + fan_out).max(1) as f64).sqrt() }
    }

    /// Writes the first value; element `i` depends on the key and `i` only.
    pub(crate) fn fill<T: Element>(&self, out: &mut [T], key: RandomKey) {
        match *self {
            Init::Zeros => out.fill(T::ZERO),
            Init::Ones => out.fill(T::ONE),
            Init::Constant(value) => out.fill(T::from_f64(value)),
            Init::Normal { std } => fill_normal(out, key, T::ZERO, T::from_f64(std)),
            Init::Uniform { bound } => fill_uniform(out, key, T::from_f64(-bound), T::from_f64(bound)),
            Init::Orthogonal { columns } => {
                let mut matrix = vec![0.0; out.len()];
                fill_normal(&mut matrix, key, 0.0, 1.0);
                let (columns, rows) = (columns.max(1), out.len() / columns.max(1));
                if rows <= columns {
                    orthonormalise(&mut matrix, columns);
                } else {
                    let transposed = |m: &[f64], width: usize, height: usize| -> Vec<f64> {
                        (0..m.len()).map(|at| m[at % height * width + at / height]).collect()
                    };
                    let mut turned = transposed(&matrix, columns, rows);
                    orthonormalise(&mut turned, rows);
                    matrix = transposed(&turned, rows, columns);
                }
                out.iter_mut().zip(matrix).for_each(|(out, x)| *out = T::from_f64(x));
            }
        }
    }
}

/// Makes the rows of a matrix orthonormal, one after the other, each freed twice of its part along those before: once leaves rounding errors
/// where little is left of it.
fn orthonormalise(matrix: &mut [f64], columns: usize) {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    for i in 0..matrix.len() / columns {
        let (before, rest) = matrix.split_at_mut(i * columns);
        let row = &mut rest[..columns];
        for other in before.chunks(columns).chain(before.chunks(columns)) {
            let share = dot(other, row);
            row.iter_mut().zip(other).for_each(|(x, o)| *x -= share * o);
        }
        let norm = dot(row, row).sqrt();
        row.iter_mut().for_each(|x| *x /= norm);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orthogonal_rows_or_columns_have_length_one_and_no_common_part() {
        for (rows, columns) in [(5, 5), (3, 7), (7, 3), (1, 4), (4, 1)] {
            let mut m = vec![0.0f64; rows * columns];
            Init::Orthogonal { columns }.fill(&mut m, RandomKey::new(1, 2, 0));
            let along_rows = rows <= columns;
            let (count, length) = (rows.min(columns), rows.max(columns));
            let entry = |i: usize, j: usize| if along_rows { m[i * columns + j] } else { m[j * columns + i] };
            for i in 0..count {
                for k in 0..count {
                    let dot: f64 = (0..length).map(|j| entry(i, j) * entry(k, j)).sum();
                    assert!((dot - f64::from(u8::from(i == k))).abs() < 1e-14, "{rows}x{columns}: {i} {k}: {dot}");
                }
            }
        }
        Init::Orthogonal { columns: 3 }.fill::<f32>(&mut [], RandomKey::new(1, 2, 0));
    }
}
