//! Bodies of the normalisations over the last axis.

use super::reduce::columns;
use super::{Isa, lanes, map};
use crate::write::Write;

#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "the signature of the table")]
pub(crate) fn layer_norm<I: Isa>(
    out: &mut [f32],
    mean: &mut [f32],
    rstd: &mut [f32],
    x: &[f32],
    gamma: Option<&[f32]>,
    beta: Option<&[f32]>,
    cols: usize,
    eps: f32,
) {
    for (r, (mean, rstd)) in mean.iter_mut().zip(rstd).enumerate() {
        let (out, x) = (&mut out[r * cols..][..cols], &x[r * cols..][..cols]);
        let exact = lanes::sum::<I>(x) / cols as f64;
        *mean = exact as f32;
        // Distances from the rounded mean exceed the variance by the square of what was rounded off.
        let rounding = f64::from(*mean) - exact;
        let variance = lanes::squared_distance::<I>(x, *mean) / cols as f64 - rounding * rounding;
        // The comparison lets NaN pass.
        let variance = if variance < 0.0 { 0.0 } else { variance };
        *rstd = (1.0 / (variance + f64::from(eps)).sqrt()) as f32;
        let (mean, rstd) = (*mean, *rstd);
        match (gamma, beta) {
            (Some(gamma), Some(beta)) => {
                map!(Write::Set, out, x.iter().zip(gamma).zip(beta), |((&x, &gamma), &beta)| I::mul_add(
                    (x - mean) * rstd,
                    gamma,
                    beta
                ));
            }
            (Some(gamma), None) => {
                map!(Write::Set, out, x.iter().zip(gamma), |(&x, &gamma)| (x - mean) * rstd * gamma);
            }
            (None, Some(beta)) => {
                let pairs = x.iter().zip(beta);
                map!(Write::Set, out, pairs, |(&x, &beta)| I::mul_add(x - mean, rstd, beta));
            }
            (None, None) => map!(Write::Set, out, x, |&x| (x - mean) * rstd),
        }
    }
}

#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "the signature of the table")]
pub(crate) fn layer_norm_backward_input<I: Isa>(
    dx: &mut [f32],
    dy: &[f32],
    x: &[f32],
    mean: &[f32],
    rstd: &[f32],
    gamma: Option<&[f32]>,
    cols: usize,
    write: Write,
) {
    for (r, (&mean, &rstd)) in mean.iter().zip(rstd).enumerate() {
        let (dx, dy, x) = (&mut dx[r * cols..][..cols], &dy[r * cols..][..cols], &x[r * cols..][..cols]);
        let (mean_g, mean_gh) = row_means::<I>(dy, x, gamma, mean, rstd);
        match gamma {
            Some(gamma) => {
                map!(write, dx, dy.iter().zip(x).zip(gamma), |((&dy, &x), &gamma)| {
                    rstd * (I::mul_add(dy, gamma, -mean_g) - (x - mean) * rstd * mean_gh)
                });
            }
            None => {
                let pairs = dy.iter().zip(x);
                map!(write, dx, pairs, |(&dy, &x)| rstd * (dy - mean_g - (x - mean) * rstd * mean_gh));
            }
        }
    }
}

/// The means of `g = dy · gamma` and of `g · h`, where `h = (x − mean) · rstd`, over a row.
#[inline(always)]
fn row_means<I: Isa>(dy: &[f32], x: &[f32], gamma: Option<&[f32]>, mean: f32, rstd: f32) -> (f32, f32) {
    let (sum_g, sum_gd) = match gamma {
        Some(gamma) => lanes::weighted_sums::<I>(dy, gamma, x, mean),
        None => lanes::sums::<I>(dy, x, mean),
    };
    let count = dy.len() as f64;
    ((sum_g / count) as f32, (sum_gd * f64::from(rstd) / count) as f32)
}

#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "the signature of the table")]
pub(crate) fn norm_backward<I: Isa>(
    dx: &mut [f32],
    dgamma: &mut [f32],
    dbeta: &mut [f32],
    dy: &[f32],
    x: &[f32],
    mean: Option<&[f32]>,
    rstd: &[f32],
    gamma: &[f32],
    cols: usize,
    write: Write,
) {
    dgamma.fill(0.0);
    dbeta.fill(0.0);
    for (r, &rstd) in rstd.iter().enumerate() {
        let row = r * cols..(r + 1) * cols;
        let (dx, dy, x) = (&mut dx[row.clone()], &dy[row.clone()], &x[row]);
        let center = mean.map_or(0.0, |mean| mean[r]);
        let (mean_g, mean_gh) = row_means::<I>(dy, x, Some(gamma), center, rstd);
        // What comes off g without a mean is its component along h alone.
        let shift = if mean.is_some() { -rstd * mean_g } else { 0.0 };
        let slope = -rstd * rstd * mean_gh;
        map!(write, dx, dy.iter().zip(x).zip(gamma), |((&dy, &x), &gamma)| {
            I::mul_add(x - center, slope, I::mul_add(dy * gamma, rstd, shift))
        });
        // The row is in the first-level cache by now.
        for ((dgamma, &dy), &x) in dgamma.iter_mut().zip(dy).zip(x) {
            *dgamma = I::mul_add(dy, (x - center) * rstd, *dgamma);
        }
        for (dbeta, &dy) in dbeta.iter_mut().zip(dy) {
            *dbeta += dy;
        }
    }
}

#[inline(always)]
pub(crate) fn rms_norm<I: Isa>(
    out: &mut [f32],
    rstd: &mut [f32],
    x: &[f32],
    gamma: Option<&[f32]>,
    cols: usize,
    eps: f32,
) {
    for (r, rstd) in rstd.iter_mut().enumerate() {
        let (out, x) = (&mut out[r * cols..][..cols], &x[r * cols..][..cols]);
        *rstd = (1.0 / (lanes::dot::<I>(x, x) / cols as f64 + f64::from(eps)).sqrt()) as f32;
        match gamma {
            Some(gamma) => map!(Write::Set, out, x.iter().zip(gamma), |(&x, &gamma)| x * *rstd * gamma),
            None => map!(Write::Set, out, x, |&x| x * *rstd),
        }
    }
}

#[inline(always)]
pub(crate) fn rms_norm_backward_input<I: Isa>(
    dx: &mut [f32],
    dy: &[f32],
    x: &[f32],
    rstd: &[f32],
    gamma: Option<&[f32]>,
    cols: usize,
    write: Write,
) {
    for (r, &rstd) in rstd.iter().enumerate() {
        let (dx, dy, x) = (&mut dx[r * cols..][..cols], &dy[r * cols..][..cols], &x[r * cols..][..cols]);
        let (_, mean_gh) = row_means::<I>(dy, x, gamma, 0.0, rstd);
        match gamma {
            Some(gamma) => {
                map!(write, dx, dy.iter().zip(x).zip(gamma), |((&dy, &x), &gamma)| {
                    rstd * (dy * gamma - x * rstd * mean_gh)
                });
            }
            None => map!(write, dx, dy.iter().zip(x), |(&dy, &x)| rstd * (dy - x * rstd * mean_gh)),
        }
    }
}

#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "the signature of the table")]
pub(crate) fn norm_backward_gamma<I: Isa>(
    dgamma: &mut [f32],
    first: usize,
    dy: &[f32],
    x: &[f32],
    mean: Option<&[f32]>,
    rstd: &[f32],
    cols: usize,
    write: Write,
) {
    let width = dgamma.len();
    columns(dgamma, rstd.len(), write, |sums, r| {
        let row = r * cols + first..r * cols + first + width;
        let (mean, rstd) = (mean.map_or(0.0, |mean| mean[r]), rstd[r]);
        for ((sum, &dy), &x) in sums.iter_mut().zip(&dy[row.clone()]).zip(&x[row]) {
            *sum = I::mul_add(dy, (x - mean) * rstd, *sum);
        }
    });
}
