//! The backward pass of an activation behind a bias, in one pass over memory.

use crate::check;
use crate::column_sums::with_column_sums;
use crate::real::Real;
use crate::table::table;
use crate::threads::part;
use crate::unary::{Unary, saved};
use crate::write::Write;

/// Elements whose gradient is computed before it is added to the sums: with its operands it stays in the first-level cache.
const PIECE: usize = 1024;

/// `dz = dy · f′(z)` and `db = Σ_rows dz`, where `y = f(z)`, `z` has rows of `db.len()` elements and `db` is the gradient of the bias in `z`.
///
/// [`unary_backward`](crate::unary_backward) and [`reduce_to`](crate::reduce_to) at once: `dz` is not read again from memory. Only the
/// slice that [`Unary::saves`] names is read; the other one may be empty.
///
/// Sums over rows are added in the element type within one of at most 256 chunks of rows, and in `f64` across them.
///
/// # Panics
/// When the slice that is read, or `dy`, has another length than `dz`, or `dz` is no whole number of rows.
#[track_caller]
pub fn activation_backward<T: Real>(
    op: Unary,
    dz: &mut [T],
    db: &mut [T],
    dy: &[T],
    z: &[T],
    y: &[T],
    write_bias: Write,
) {
    const KERNEL: &str = "activation_backward";
    let cols = db.len();
    check::rows(KERNEL, "dz", dz.len(), cols);
    check::length(KERNEL, "dy", dy.len(), dz.len());
    let saved = saved(KERNEL, op, dz.len(), dy, z, y, "z");
    let (run, add) = (table::<T>().unary_backward, table::<T>().accumulate);
    // Whole rows if they are short, else one.
    let group = (PIECE / cols.max(1)).max(1) * cols;
    with_column_sums(dz.len() * (op.work() + 1), dz, cols, [db], write_bias, |chunk, rows, dz, sums| {
        let (dy, saved) = (part(dy, chunk, rows * cols), part(saved, chunk, rows * cols));
        sums.fill(T::ZERO);
        for (g, dz) in dz.chunks_mut(group).enumerate() {
            let (dy, saved) = (part(dy, g, group), part(saved, g, group));
            for (p, dz) in dz.chunks_mut(PIECE).enumerate() {
                run(op, dz, part(dy, p, PIECE), part(saved, p, PIECE), Write::Set);
            }
            for row in dz.chunks(cols) {
                add(sums, row);
            }
        }
    });
}
