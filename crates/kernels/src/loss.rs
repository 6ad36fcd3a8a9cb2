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
    let cut = Cut::new(KERNEL, ("lse", lse.len()), logits.len(), targets, classes);
    let run = table::<T>().cross_entropy;
    blocks2(cut.work, (loss, cut.rows), (lse, cut.rows), |i, loss, lse| {
        run(loss, lse, part(logits, i, cut.size), part(targets, i, cut.rows), classes, smoothing);
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
    let cut = Cut::new(KERNEL, ("lse", lse.len()), logits.len(), targets, classes);
    let run = table::<T>().cross_entropy_backward;
    blocks(cut.work, dlogits, cut.size, |i, dlogits| {
        let (logits, targets) = (part(logits, i, cut.size), part(targets, i, cut.rows));
        let (row_scale, lse) = (part(row_scale, i, cut.rows), part(lse, i, cut.rows));
        run(dlogits, row_scale, logits, lse, targets, classes, smoothing, write);
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
    let cut = Cut::new(KERNEL, ("row_scale", row_scale.len()), logits.len(), targets, classes);
    let run = table::<T>().cross_entropy_in_place;
    blocks2(cut.work, (loss, cut.rows), (logits, cut.size), |i, loss, logits| {
        run(loss, logits, part(row_scale, i, cut.rows), part(targets, i, cut.rows), classes, smoothing);
    });
}

/// How rows of logits are cut into blocks.
struct Cut {
    /// Rows of a block.
    rows: usize,
    /// Logits of a block.
    size: usize,
    /// The cost of all.
    work: usize,
}

impl Cut {
    /// Checks the lengths, with that of a slice with one number a row, and the targets.
    #[track_caller]
    fn new(kernel: &str, of_rows: (&str, usize), logits: usize, targets: &[u32], classes: usize) -> Cut {
        check::length(kernel, of_rows.0, of_rows.1, targets.len());
        check::length(kernel, "logits", logits, check::product(kernel, &[targets.len(), classes]));
        for (row, &target) in targets.iter().enumerate() {
            assert!(
                (target as usize) < classes,
                "kernels::{kernel}: row {row} has target {target} but there are {classes} classes"
            );
        }
        let rows = block_rows(classes);
        Cut { rows, size: rows * classes, work: logits * FUNCTION_WORK }
    }
}
