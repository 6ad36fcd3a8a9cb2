//! Rearrangements of memory.

use crate::check;
use crate::elementwise::put;
use crate::real::Real;
use crate::table::table;
use crate::threads::{block_rows, blocks};
use crate::write::Write;

/// `[a, b, c, d] → [a, c, b, d]`: `out[i, k, j, ·] = x[i, j, k, ·]`. Heads next to tokens and back; its own gradient with `b` and `c` swapped.
///
/// # Panics
/// When a length does not fit `dims`.
#[track_caller]
pub fn swap_middle<T: Real>(out: &mut [T], x: &[T], dims: [usize; 4], write: Write) {
    const KERNEL: &str = "swap_middle";
    let [_, b, c, d] = dims;
    let len = check::product(KERNEL, &dims);
    check::length(KERNEL, "out", out.len(), len);
    check::length(KERNEL, "x", x.len(), len);
    if len == 0 {
        return;
    }
    let add = table::<T>().accumulate;
    let rows = block_rows(d);
    blocks(len, out, rows * d, |block, out| {
        for (row, out) in out.chunks_mut(d).enumerate() {
            let row = block * rows + row;
            let (i, k, j) = (row / (b * c), row / b % c, row % b);
            put(add, out, &x[((i * b + j) * c + k) * d..][..d], write);
        }
    });
}

/// `out[i, c, r] = x[i, r, c]`: transposes each of `batch` matrices of `rows` × `cols`.
///
/// # Panics
/// When a length does not fit the sizes.
#[track_caller]
pub fn transpose_last<T: Real>(out: &mut [T], x: &[T], batch: usize, rows: usize, cols: usize, write: Write) {
    const KERNEL: &str = "transpose_last";
    /// The side of a tile: both its rows and its columns stay in the cache.
    const TILE: usize = 32;
    let len = check::product(KERNEL, &[batch, rows, cols]);
    check::length(KERNEL, "out", out.len(), len);
    check::length(KERNEL, "x", x.len(), len);
    if len == 0 {
        return;
    }
    blocks(len, out, rows * cols, |i, out| {
        let x = &x[i * rows * cols..][..rows * cols];
        blocks(len / batch, out, TILE * rows, |stripe, out| {
            for first_row in (0..rows).step_by(TILE) {
                let tile_rows = TILE.min(rows - first_row);
                for (c, out) in out.chunks_mut(rows).enumerate() {
                    let out = &mut out[first_row..first_row + tile_rows];
                    let column = x[first_row * cols + stripe * TILE + c..].iter().step_by(cols);
                    match write {
                        Write::Set => out.iter_mut().zip(column).for_each(|(out, &x)| *out = x),
                        Write::Add => out.iter_mut().zip(column).for_each(|(out, &x)| *out += x),
                    }
                }
            }
        });
    });
}

/// `out[r, out_start + j] = x[r, x_start + j]` for `j` in `0..count` and each of `rows` rows of `out_cols` and `x_cols` elements.
/// Other columns of `out` are left alone. This is concatenation, slicing and their gradients.
///
/// # Panics
/// When a length does not fit, or the columns pass the end of a row.
#[track_caller]
#[expect(clippy::too_many_arguments, reason = "two places in two matrices")]
pub fn copy_columns<T: Real>(
    out: &mut [T],
    out_cols: usize,
    out_start: usize,
    x: &[T],
    x_cols: usize,
    x_start: usize,
    rows: usize,
    count: usize,
    write: Write,
) {
    const KERNEL: &str = "copy_columns";
    check::length(KERNEL, "out", out.len(), check::product(KERNEL, &[rows, out_cols]));
    check::length(KERNEL, "x", x.len(), check::product(KERNEL, &[rows, x_cols]));
    for (what, start, cols) in [("out", out_start, out_cols), ("x", x_start, x_cols)] {
        assert!(
            start.checked_add(count).is_some_and(|end| end <= cols),
            "kernels::{KERNEL}: {count} columns from {start} on pass the {cols} columns of `{what}`"
        );
    }
    if rows == 0 || count == 0 {
        return;
    }
    let add = table::<T>().accumulate;
    let block = block_rows(count);
    blocks(rows * count, out, block * out_cols, |i, out| {
        for (row, out) in out.chunks_mut(out_cols).enumerate() {
            let x = &x[(i * block + row) * x_cols + x_start..][..count];
            put(add, &mut out[out_start..out_start + count], x, write);
        }
    });
}
