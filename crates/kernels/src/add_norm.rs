//! Normalisation of a sum: what a post-norm block does at its end, in one pass over memory.

use crate::check;
use crate::elementwise::{Binary, Broadcast};
use crate::real::Real;
use crate::table::{Table, table};
use crate::threads::{block_rows, blocks3, blocks4, part};
use crate::write::Write;

/// `sum = a + b` and `out` = [`layer_norm`](crate::layer_norm) of it, each block of rows while it is in the cache.
///
/// The backward pass is that of the norm at `sum`; both summands get its result.
///
/// # Panics
/// When a length does not fit.
#[track_caller]
#[expect(clippy::too_many_arguments, reason = "the operands of the formula")]
pub fn add_layer_norm<T: Real>(
    out: &mut [T],
    sum: &mut [T],
    mean: &mut [T],
    rstd: &mut [T],
    a: &[T],
    b: &[T],
    gamma: Option<&[T]>,
    beta: Option<&[T]>,
    cols: usize,
    eps: T,
) {
    const KERNEL: &str = "add_layer_norm";
    check::length(KERNEL, "mean", mean.len(), rstd.len());
    check_sum(KERNEL, [out.len(), sum.len(), a.len(), b.len()], rstd.len(), gamma, beta, cols);
    let table = table::<T>();
    let (rows, size) = (block_rows(cols), block_rows(cols) * cols);
    blocks4(out.len() * 3, ([out, sum], size), ([mean, rstd], rows), |i, [out, sum], [mean, rstd]| {
        add(table, sum, part(a, i, size), part(b, i, size));
        (table.layer_norm)(out, mean, rstd, sum, gamma, beta, cols, eps);
    });
}

/// `sum = a + b` and `out` = [`rms_norm`](crate::rms_norm) of it, each block of rows while it is in the cache.
///
/// The backward pass is that of the norm at `sum`; both summands get its result.
///
/// # Panics
/// When a length does not fit.
#[track_caller]
#[expect(clippy::too_many_arguments, reason = "the operands of the formula")]
pub fn add_rms_norm<T: Real>(
    out: &mut [T],
    sum: &mut [T],
    rstd: &mut [T],
    a: &[T],
    b: &[T],
    gamma: Option<&[T]>,
    cols: usize,
    eps: T,
) {
    check_sum("add_rms_norm", [out.len(), sum.len(), a.len(), b.len()], rstd.len(), gamma, None, cols);
    let table = table::<T>();
    let (rows, size) = (block_rows(cols), block_rows(cols) * cols);
    blocks3(out.len() * 3, (out, size), (sum, size), (rstd, rows), |i, out, sum, rstd| {
        add(table, sum, part(a, i, size), part(b, i, size));
        (table.rms_norm)(out, rstd, sum, gamma, cols, eps);
    });
}

fn add<T: Real>(table: &Table<T>, sum: &mut [T], a: &[T], b: &[T]) {
    if !sum.is_empty() {
        (table.binary)(Binary::Add, false, sum, a, b, Broadcast::same(a.len()), 0, Write::Set);
    }
}

#[track_caller]
fn check_sum<T>(kernel: &str, lengths: [usize; 4], rows: usize, gamma: Option<&[T]>, beta: Option<&[T]>, cols: usize) {
    let len = check::product(kernel, &[rows, cols]);
    for (what, length) in ["out", "sum", "a", "b"].into_iter().zip(lengths) {
        check::length(kernel, what, length, len);
    }
    for (what, slice) in [("gamma", gamma), ("beta", beta)] {
        if let Some(slice) = slice {
            check::length(kernel, what, slice.len(), cols);
        }
    }
}
