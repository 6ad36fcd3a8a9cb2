//! Twins of the normalisations over the last axis.

use super::store;
use crate::elementwise::Broadcast;
use crate::real::Real;
use crate::write::Write;

#[expect(clippy::too_many_arguments, reason = "the signature of the table")]
pub(crate) fn layer_norm<T: Real>(
    out: &mut [T],
    mean: &mut [T],
    rstd: &mut [T],
    x: &[T],
    gamma: Option<&[T]>,
    beta: Option<&[T]>,
    cols: usize,
    eps: T,
) {
    for (r, (mean, rstd)) in mean.iter_mut().zip(rstd).enumerate() {
        let (out, x) = (&mut out[r * cols..][..cols], &x[r * cols..][..cols]);
        let center = super::sum(x) / cols as f64;
        let variance = x.iter().map(|x| (x.to_f64() - center).powi(2)).sum::<f64>() / cols as f64;
        *mean = T::from_f64(center);
        *rstd = T::from_f64(1.0 / (variance + eps.to_f64()).sqrt());
        for (c, (out, &x)) in out.iter_mut().zip(x).enumerate() {
            let scaled = (x - *mean) * *rstd * gamma.map_or(T::ONE, |gamma| gamma[c]);
            *out = scaled + beta.map_or(T::ZERO, |beta| beta[c]);
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "the signature of the table")]
pub(crate) fn layer_norm_backward_input<T: Real>(
    dx: &mut [T],
    dy: &[T],
    x: &[T],
    mean: &[T],
    rstd: &[T],
    gamma: Option<&[T]>,
    cols: usize,
    write: Write,
) {
    for (r, (&mean, &rstd)) in mean.iter().zip(rstd).enumerate() {
        let h = |c: usize| (x[r * cols + c] - mean) * rstd;
        let g = |c: usize| dy[r * cols + c] * gamma.map_or(T::ONE, |gamma| gamma[c]);
        let mean_g = T::from_f64((0..cols).map(|c| g(c).to_f64()).sum::<f64>() / cols as f64);
        let mean_gh = T::from_f64((0..cols).map(|c| g(c).to_f64() * h(c).to_f64()).sum::<f64>() / cols as f64);
        for c in 0..cols {
            store(&mut dx[r * cols + c], rstd * (g(c) - mean_g - h(c) * mean_gh), write);
        }
    }
}

pub(crate) fn rms_norm<T: Real>(out: &mut [T], rstd: &mut [T], x: &[T], gamma: Option<&[T]>, cols: usize, eps: T) {
    for (r, rstd) in rstd.iter_mut().enumerate() {
        let (out, x) = (&mut out[r * cols..][..cols], &x[r * cols..][..cols]);
        *rstd = T::from_f64(1.0 / (super::dot(x, x) / cols as f64 + eps.to_f64()).sqrt());
        for (c, (out, &x)) in out.iter_mut().zip(x).enumerate() {
            *out = x * *rstd * gamma.map_or(T::ONE, |gamma| gamma[c]);
        }
    }
}

pub(crate) fn rms_norm_backward_input<T: Real>(
    dx: &mut [T],
    dy: &[T],
    x: &[T],
    rstd: &[T],
    gamma: Option<&[T]>,
    cols: usize,
    write: Write,
) {
    for (r, &rstd) in rstd.iter().enumerate() {
        let h = |c: usize| x[r * cols + c] * rstd;
        let g = |c: usize| dy[r * cols + c] * gamma.map_or(T::ONE, |gamma| gamma[c]);
        let mean_gh = T::from_f64((0..cols).map(|c| g(c).to_f64() * h(c).to_f64()).sum::<f64>() / cols as f64);
        for c in 0..cols {
            store(&mut dx[r * cols + c], rstd * (g(c) - h(c) * mean_gh), write);
        }
    }
}

/// All gradients of a chunk of rows; `dgamma` and `dbeta` are set to the sums over its rows. Without `mean` it is the norm by root mean
/// square, which has no `dbeta`.
#[expect(clippy::too_many_arguments, reason = "the signature of the table")]
pub(crate) fn norm_backward<T: Real>(
    dx: &mut [T],
    dgamma: &mut [T],
    dbeta: &mut [T],
    dy: &[T],
    x: &[T],
    mean: Option<&[T]>,
    rstd: &[T],
    gamma: &[T],
    cols: usize,
    write: Write,
) {
    match mean {
        Some(mean) => {
            layer_norm_backward_input(dx, dy, x, mean, rstd, Some(gamma), cols, write);
            let layout = Broadcast { outer: rstd.len(), mid: cols, inner: 1 };
            super::reduce(dbeta, 0, dy, None, layout, Write::Set);
        }
        None => rms_norm_backward_input(dx, dy, x, rstd, Some(gamma), cols, write),
    }
    norm_backward_gamma(dgamma, 0, dy, x, mean, rstd, cols, Write::Set);
}

#[expect(clippy::too_many_arguments, reason = "the signature of the table")]
pub(crate) fn norm_backward_gamma<T: Real>(
    dgamma: &mut [T],
    first: usize,
    dy: &[T],
    x: &[T],
    mean: Option<&[T]>,
    rstd: &[T],
    cols: usize,
    write: Write,
) {
    for (c, dgamma) in dgamma.iter_mut().enumerate() {
        let mut total = 0.0;
        for (r, rstd) in rstd.iter().enumerate() {
            let i = r * cols + first + c;
            let centered = x[i].to_f64() - mean.map_or(0.0, |mean| mean[r].to_f64());
            total += dy[i].to_f64() * centered * rstd.to_f64();
        }
        store(dgamma, T::from_f64(total), write);
    }
}
