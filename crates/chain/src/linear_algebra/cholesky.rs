//! Symmetric positive definite systems.

use super::vectors::dot;

/// The lower triangle L of `A = L Lᵀ` for a symmetric row-major matrix, or the number of the first row at which it is not positive definite.
pub(crate) fn cholesky(a: &[f64], n: usize) -> Result<Vec<f64>, usize> {
    let mut l = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            let (before, row) = l.split_at(i * n);
            let other = if j == i { &row[..j] } else { &before[j * n..][..j] };
            let rest = a[i * n + j] - dot(&row[..j], other);
            if i == j {
                if !(rest > 0.0 && rest.is_finite()) {
                    return Err(i);
                }
                l[i * n + i] = rest.sqrt();
            } else {
                l[i * n + j] = rest / l[j * n + j];
            }
        }
    }
    Ok(l)
}

/// Solves `L Lᵀ x = b` in place.
pub(crate) fn cholesky_solve(l: &[f64], n: usize, b: &mut [f64]) {
    for i in 0..n {
        b[i] = (b[i] - dot(&l[i * n..][..i], &b[..i])) / l[i * n + i];
    }
    for i in (0..n).rev() {
        b[i] /= l[i * n + i];
        let x = b[i];
        b[..i].iter_mut().zip(&l[i * n..]).for_each(|(b, l)| *b -= x * l);
    }
}
