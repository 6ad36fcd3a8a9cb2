//! Layer normalisation and root-mean-square normalisation over the last axis.

use crate::check;
use crate::real::Real;
use crate::reduce::STRIPE;
use crate::table::table;
use crate::threads::{block_rows, blocks, blocks2, blocks3, part};
use crate::write::Write;

/// `out = (x − mean) · rstd · gamma + beta` for each row of `cols` elements, where `rstd = 1/√(variance + eps)`.
///
/// The variance is the mean of the squared distances from the mean, in a second pass. `mean` and `rstd` receive one number a row,
/// for the backward pass. Without `gamma` the factor is 1, without `beta` the summand is 0.
///
/// # Panics
/// When a length does not fit.
#[track_caller]
#[expect(clippy::too_many_arguments, reason = "the operands of the formula")]
pub fn layer_norm<T: Real>(
    out: &mut [T],
    mean: &mut [T],
    rstd: &mut [T],
    x: &[T],
    gamma: Option<&[T]>,
    beta: Option<&[T]>,
    cols: usize,
    eps: T,
) {
    const KERNEL: &str = "layer_norm";
    check::length(KERNEL, "out", out.len(), x.len());
    check::length(KERNEL, "mean", mean.len(), rstd.len());
    check::length(KERNEL, "x", x.len(), check::product(KERNEL, &[rstd.len(), cols]));
    check_affine(KERNEL, gamma, beta, cols);
    let run = table::<T>().layer_norm;
    let (rows, size) = (block_rows(cols), block_rows(cols) * cols);
    blocks3(x.len() * 2, (out, size), (mean, rows), (rstd, rows), |i, out, mean, rstd| {
        run(out, mean, rstd, part(x, i, size), gamma, beta, cols, eps);
    });
}

/// The gradient of [`layer_norm`] with respect to `x`: with `h = (x − mean) · rstd` and `g = dy · gamma`,
/// `dx = rstd · (g − mean(g) − h · mean(g · h))` for each row.
///
/// # Panics
/// When a length does not fit.
#[track_caller]
#[expect(clippy::too_many_arguments, reason = "the operands of the formula")]
pub fn layer_norm_backward_input<T: Real>(
    dx: &mut [T],
    dy: &[T],
    x: &[T],
    mean: &[T],
    rstd: &[T],
    gamma: Option<&[T]>,
    cols: usize,
    write: Write,
) {
    const KERNEL: &str = "layer_norm_backward_input";
    check_backward(KERNEL, dy, x, rstd, cols);
    check::length(KERNEL, "dx", dx.len(), x.len());
    check::length(KERNEL, "mean", mean.len(), rstd.len());
    check_affine(KERNEL, gamma, None, cols);
    let run = table::<T>().layer_norm_backward_input;
    let (rows, size) = (block_rows(cols), block_rows(cols) * cols);
    blocks(x.len() * 3, dx, size, |i, dx| {
        let (dy, x) = (part(dy, i, size), part(x, i, size));
        run(dx, dy, x, part(mean, i, rows), part(rstd, i, rows), gamma, cols, write);
    });
}

/// The gradients of [`layer_norm`] with respect to `gamma` and `beta`: `dgamma = Σ dy · (x − mean) · rstd` and `dbeta = Σ dy`, both
/// over the rows. An empty `dgamma` or `dbeta` is left out.
///
/// # Panics
/// When a length does not fit.
#[track_caller]
#[expect(clippy::too_many_arguments, reason = "the operands of the formula")]
pub fn layer_norm_backward_affine<T: Real>(
    dgamma: &mut [T],
    dbeta: &mut [T],
    dy: &[T],
    x: &[T],
    mean: &[T],
    rstd: &[T],
    cols: usize,
    write_gamma: Write,
    write_beta: Write,
) {
    const KERNEL: &str = "layer_norm_backward_affine";
    check_backward(KERNEL, dy, x, rstd, cols);
    check::length(KERNEL, "mean", mean.len(), rstd.len());
    if !dbeta.is_empty() {
        check::length(KERNEL, "dbeta", dbeta.len(), cols);
        let rows = rstd.len();
        crate::reduce::reduce_to(dbeta, dy, crate::Broadcast { outer: rows, mid: cols, inner: 1 }, write_beta);
    }
    if !dgamma.is_empty() {
        check::length(KERNEL, "dgamma", dgamma.len(), cols);
        backward_gamma(dgamma, dy, x, Some(mean), rstd, cols, write_gamma);
    }
}

/// `out = x · rstd · gamma` for each row of `cols` elements, where `rstd = 1/√(mean(x²) + eps)`. `rstd` receives one number a row.
///
/// # Panics
/// When a length does not fit.
#[track_caller]
pub fn rms_norm<T: Real>(out: &mut [T], rstd: &mut [T], x: &[T], gamma: Option<&[T]>, cols: usize, eps: T) {
    const KERNEL: &str = "rms_norm";
    check::length(KERNEL, "out", out.len(), x.len());
    check::length(KERNEL, "x", x.len(), check::product(KERNEL, &[rstd.len(), cols]));
    check_affine(KERNEL, gamma, None, cols);
    let run = table::<T>().rms_norm;
    let (rows, size) = (block_rows(cols), block_rows(cols) * cols);
    blocks2(x.len() * 2, (out, size), (rstd, rows), |i, out, rstd| {
        run(out, rstd, part(x, i, size), gamma, cols, eps);
    });
}

/// The gradient of [`rms_norm`] with respect to `x`: with `h = x · rstd` and `g = dy · gamma`, `dx = rstd · (g − h · mean(g · h))`.
///
/// # Panics
/// When a length does not fit.
#[track_caller]
pub fn rms_norm_backward_input<T: Real>(
    dx: &mut [T],
    dy: &[T],
    x: &[T],
    rstd: &[T],
    gamma: Option<&[T]>,
    cols: usize,
    write: Write,
) {
    const KERNEL: &str = "rms_norm_backward_input";
    check_backward(KERNEL, dy, x, rstd, cols);
    check::length(KERNEL, "dx", dx.len(), x.len());
    check_affine(KERNEL, gamma, None, cols);
    let run = table::<T>().rms_norm_backward_input;
    let (rows, size) = (block_rows(cols), block_rows(cols) * cols);
    blocks(x.len() * 3, dx, size, |i, dx| {
        run(dx, part(dy, i, size), part(x, i, size), part(rstd, i, rows), gamma, cols, write);
    });
}

/// The gradient of [`rms_norm`] with respect to `gamma`: `dgamma = Σ dy · x · rstd` over the rows.
///
/// # Panics
/// When a length does not fit.
#[track_caller]
pub fn rms_norm_backward_affine<T: Real>(dgamma: &mut [T], dy: &[T], x: &[T], rstd: &[T], cols: usize, write: Write) {
    const KERNEL: &str = "rms_norm_backward_affine";
    check_backward(KERNEL, dy, x, rstd, cols);
    check::length(KERNEL, "dgamma", dgamma.len(), cols);
    backward_gamma(dgamma, dy, x, None, rstd, cols, write);
}

/// Each task owns a stripe of columns and walks all rows, so that no partial sums are stored.
fn backward_gamma<T: Real>(
    dgamma: &mut [T],
    dy: &[T],
    x: &[T],
    mean: Option<&[T]>,
    rstd: &[T],
    cols: usize,
    write: Write,
) {
    let run = table::<T>().norm_backward_gamma;
    blocks(x.len() * 2, dgamma, STRIPE, |i, dgamma| run(dgamma, i * STRIPE, dy, x, mean, rstd, cols, write));
}

#[track_caller]
fn check_backward<T>(kernel: &str, dy: &[T], x: &[T], rstd: &[T], cols: usize) {
    check::length(kernel, "dy", dy.len(), x.len());
    check::length(kernel, "x", x.len(), check::product(kernel, &[rstd.len(), cols]));
}

#[track_caller]
fn check_affine<T>(kernel: &str, gamma: Option<&[T]>, beta: Option<&[T]>, cols: usize) {
    for (what, slice) in [("gamma", gamma), ("beta", beta)] {
        if let Some(slice) = slice {
            check::length(kernel, what, slice.len(), cols);
        }
    }
}
