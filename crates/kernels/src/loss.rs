//! Cross entropy with label smoothing.

use crate::check;
use crate::real::Real;
use crate::table::table;
use crate::threads::{FUNCTION_WORK, block_rows, blocks, blocks2, part};
use crate::write::Write;

/// `loss[r] = (1 − s) · (−log pₜ) + s · mean_c(−log p_c)`, where `p` is the softmax of row `r` of `logits`, `t = targets[r]` and `s` is
/// the smoothing. `lse[r]` receives `log Σ e^logits`, for the backward pass.
///
/// # Panics
/// When a length does not fit, or a target is no class; the message names the row.
#[track_caller]
pub fn cross_entropy<T: Real>(
    loss: &mut [T],
    lse: &mut [T],
    logits: &[T],
    targets: &[u32],
    classes: usize,
    smoothing: T,
) {
    const KERNEL: &str = "cross_entropy";
    check::length(KERNEL, "loss", loss.len(), targets.len());
    check_rows(KERNEL, ("lse", lse.len()), logits.len(), targets, classes);
    let run = table::<T>().cross_entropy;
    let (rows, size) = (block_rows(classes), block_rows(classes) * classes);
    blocks2(logits.len() * FUNCTION_WORK, (loss, rows), (lse, rows), |i, loss, lse| {
        run(loss, lse, part(logits, i, size), part(targets, i, rows), classes, smoothing);
    });
}

/// `dlogits[r, c] = row_scale[r] · (p_c − (1 − s) · [c = t] − s / classes)`, where `row_scale` is the gradient of each row's loss and `lse`
/// comes from [`cross_entropy`]. A row whose scale is 0 is skipped: it gives zeros, whatever its logits are.
///
/// # Panics
/// When a length does not fit, or a target is no class; the message names the row.
#[track_caller]
#[expect(clippy::too_many_arguments, reason = "the operands of the formula")]
pub fn cross_entropy_backward<T: Real>(
    dlogits: &mut [T],
    row_scale: &[T],
    logits: &[T],
    lse: &[T],
    targets: &[u32],
    classes: usize,
    smoothing: T,
    write: Write,
) {
    const KERNEL: &str = "cross_entropy_backward";
    check::length(KERNEL, "dlogits", dlogits.len(), logits.len());
    check::length(KERNEL, "row_scale", row_scale.len(), targets.len());
    check_rows(KERNEL, ("lse", lse.len()), logits.len(), targets, classes);
    let run = table::<T>().cross_entropy_backward;
    let (rows, size) = (block_rows(classes), block_rows(classes) * classes);
    blocks(logits.len() * FUNCTION_WORK, dlogits, size, |i, dlogits| {
        let (logits, targets) = (part(logits, i, size), part(targets, i, rows));
        run(dlogits, part(row_scale, i, rows), logits, part(lse, i, rows), targets, classes, smoothing, write);
    });
}

/// [`cross_entropy`] and its gradient in one pass: `loss[r]` as there, and `logits` are replaced by their gradient,
/// `row_scale[r] · (p_c − (1 − s) · [c = t] − s / classes)`. A row whose scale is 0 gives zeros, and its loss all the same.
///
/// For a block of logits that nobody needs afterwards: it is read and written once, with one exponential an element.
///
/// # Panics
/// When a length does not fit, or a target is no class; the message names the row.
#[track_caller]
pub fn cross_entropy_in_place<T: Real>(
    loss: &mut [T],
    logits: &mut [T],
    row_scale: &[T],
    targets: &[u32],
    classes: usize,
    smoothing: T,
) {
    const KERNEL: &str = "cross_entropy_in_place";
    check::length(KERNEL, "loss", loss.len(), targets.len());
    check_rows(KERNEL, ("row_scale", row_scale.len()), logits.len(), targets, classes);
    let run = table::<T>().cross_entropy_in_place;
    let (rows, size) = (block_rows(classes), block_rows(classes) * classes);
    blocks2(logits.len() * FUNCTION_WORK, (loss, rows), (logits, size), |i, loss, logits| {
        run(loss, logits, part(row_scale, i, rows), part(targets, i, rows), classes, smoothing);
    });
}

#[track_caller]
fn check_rows(kernel: &str, of_rows: (&str, usize), logits: usize, targets: &[u32], classes: usize) {
    check::length(kernel, of_rows.0, of_rows.1, targets.len());
    check::length(kernel, "logits", logits, check::product(kernel, &[targets.len(), classes]));
    for (row, &target) in targets.iter().enumerate() {
        assert!(
            (target as usize) < classes,
            "kernels::{kernel}: row {row} has target {target} but there are {classes} classes"
        );
    }
}
