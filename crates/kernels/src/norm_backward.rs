//! All gradients of a normalisation in one pass over memory.

use crate::check;
use crate::column_sums::with_column_sums;
use crate::real::Real;
use crate::table::table;
use crate::threads::part;
use crate::write::Write;

/// [`layer_norm_backward_input`](crate::layer_norm_backward_input) and
/// [`layer_norm_backward_affine`](crate::layer_norm_backward_affine) at once: `dy` and `x` are read from memory once.
///
/// Sums over rows are added in the element type within one of at most 256 chunks of rows, and in `f64` across them.
///
/// # Panics
/// When a length does not fit.
#[track_caller]
#[expect(clippy::too_many_arguments, reason = "the operands of the formula")]
pub fn layer_norm_backward<T: Real>(
    dx: &mut [T],
    dgamma: &mut [T],
    dbeta: &mut [T],
    dy: &[T],
    x: &[T],
    mean: &[T],
    rstd: &[T],
    gamma: &[T],
    cols: usize,
    write: Write,
    write_affine: Write,
) {
    const KERNEL: &str = "layer_norm_backward";
    check::length(KERNEL, "mean", mean.len(), rstd.len());
    check::length(KERNEL, "dbeta", dbeta.len(), cols);
    check_lengths(KERNEL, [dx.len(), dy.len(), x.len()], [dgamma.len(), gamma.len()], rstd.len(), cols);
    run(dx, [dgamma, dbeta], dy, x, Some(mean), rstd, gamma, cols, write, write_affine);
}

/// [`rms_norm_backward_input`](crate::rms_norm_backward_input) and
/// [`rms_norm_backward_affine`](crate::rms_norm_backward_affine) at once, as [`layer_norm_backward`] does it.
///
/// # Panics
/// When a length does not fit.
#[track_caller]
#[expect(clippy::too_many_arguments, reason = "the operands of the formula")]
pub fn rms_norm_backward<T: Real>(
    dx: &mut [T],
    dgamma: &mut [T],
    dy: &[T],
    x: &[T],
    rstd: &[T],
    gamma: &[T],
    cols: usize,
    write: Write,
    write_affine: Write,
) {
    const KERNEL: &str = "rms_norm_backward";
    check_lengths(KERNEL, [dx.len(), dy.len(), x.len()], [dgamma.len(), gamma.len()], rstd.len(), cols);
    run(dx, [dgamma, &mut []], dy, x, None, rstd, gamma, cols, write, write_affine);
}

#[track_caller]
fn check_lengths(kernel: &str, [dx, dy, x]: [usize; 3], [dgamma, gamma]: [usize; 2], rows: usize, cols: usize) {
    check::length(kernel, "x", x, check::product(kernel, &[rows, cols]));
    check::length(kernel, "dx", dx, x);
    check::length(kernel, "dy", dy, x);
    check::length(kernel, "dgamma", dgamma, cols);
    check::length(kernel, "gamma", gamma, cols);
}

#[expect(clippy::too_many_arguments, reason = "the operands of the formula")]
fn run<T: Real>(
    dx: &mut [T],
    affine: [&mut [T]; 2],
    dy: &[T],
    x: &[T],
    mean: Option<&[T]>,
    rstd: &[T],
    gamma: &[T],
    cols: usize,
    write: Write,
    write_affine: Write,
) {
    let body = table::<T>().norm_backward;
    with_column_sums(x.len() * 4, dx, cols, affine, write_affine, |i, rows, dx, sums| {
        let (dgamma, dbeta) = sums.split_at_mut(cols);
        let (dy, x) = (part(dy, i, rows * cols), part(x, i, rows * cols));
        let (mean, rstd) = (mean.map(|mean| part(mean, i, rows)), part(rstd, i, rows));
        body(dx, dgamma, dbeta, dy, x, mean, rstd, gamma, cols, write);
    });
}
