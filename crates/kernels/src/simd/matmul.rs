//! Bodies of the matrix product: packed panels by `matrixmultiply`, a blocked loop, and products with one or two rows.

use super::{Isa, lanes};
use crate::matmul::{MatMul, Trans};
use crate::write::Write;

#[inline(always)]
pub(crate) fn matmul<I: Isa>(args: &MatMul<'_, f32>, first_row: usize, c: &mut [f32], write: Write) {
    let rows = c.len() / args.n;
    if rows <= FEW_ROWS {
        for (i, row) in c.chunks_mut(args.n).enumerate() {
            one_row::<I>(args, first_row + i, row, write);
        }
    } else if I::PACKED {
        packed(args, first_row, rows, c, write);
    } else {
        blocked::<I>(args, first_row, c, write);
    }
}

/// Up to this many rows, packing B costs more than reading it in place.
const FEW_ROWS: usize = 2;

/// How many elements to step for the next row and the next column of op(X), from how X is used.
#[inline(always)]
fn strides(trans: Trans, rows: usize, cols: usize) -> (usize, usize) {
    match trans {
        Trans::No => (cols, 1),
        Trans::Yes => (1, rows),
    }
}

#[inline(always)]
fn one_row<I: Isa>(args: &MatMul<'_, f32>, i: usize, c: &mut [f32], write: Write) {
    let MatMul { a, b, m, n, k, alpha, .. } = *args;
    let (row, column) = strides(args.trans_a, m, k);
    let a = a[i * row..].iter().step_by(column).take(k);
    match args.trans_b {
        Trans::No => {
            if write == Write::Set {
                c.fill(0.0);
            }
            for (a, b) in a.zip(b.chunks_exact(n)) {
                let a = alpha * a;
                for (c, &b) in c.iter_mut().zip(b) {
                    *c = I::mul_add(a, b, *c);
                }
            }
        }
        Trans::Yes => {
            let a: Vec<f32> = a.copied().collect();
            super::map!(write, c, b.chunks_exact(k), |b| alpha * lanes::dot::<I>(&a, b) as f32);
        }
    }
}

#[inline(always)]
fn packed(args: &MatMul<'_, f32>, first_row: usize, rows: usize, c: &mut [f32], write: Write) {
    let MatMul { a, b, m, n, k, alpha, .. } = *args;
    let (row_a, column_a) = strides(args.trans_a, m, k);
    let (row_b, column_b) = strides(args.trans_b, k, n);
    // The public kernels have checked these once; the pointers below rest on them.
    assert!(a.len() == m * k && b.len() == k * n && c.len() == rows * n && first_row + rows <= m);
    let beta = if write == Write::Set { 0.0 } else { 1.0 };
    let a = a[first_row * row_a..].as_ptr();
    // A slice holds at most `isize::MAX` bytes, so its strides fit an `isize`.
    let step = |stride: usize| stride as isize;
    // SAFETY: by the assertion, element (i, l) of A for `i < rows`, `l < k` lies at `(first_row + i) · row_a + l · column_a < m · k`, that
    // of B at `l · row_b + j · column_b < k · n`, that of C at `i · n + j < rows · n`. C is borrowed for writing and overlaps neither.
    unsafe {
        matrixmultiply::sgemm(
            rows,
            k,
            n,
            alpha,
            a,
            step(row_a),
            step(column_a),
            b.as_ptr(),
            step(row_b),
            step(column_b),
            beta,
            c.as_mut_ptr(),
            step(n),
            1,
        );
    }
}

/// Rows and columns of C that are kept in registers: eight registers of four `f32`, half of what the baseline has.
const TILE_ROWS: usize = 4;
const TILE_COLS: usize = 8;
/// Rows of B that are packed at a time.
const DEPTH: usize = 256;

#[inline(always)]
fn blocked<I: Isa>(args: &MatMul<'_, f32>, first_row: usize, c: &mut [f32], write: Write) {
    let MatMul { a, b, m, n, k, alpha, .. } = *args;
    let rows = c.len() / n;
    let (row_a, column_a) = strides(args.trans_a, m, k);
    let (row_b, column_b) = strides(args.trans_b, k, n);
    if write == Write::Set {
        c.fill(0.0);
    }
    let mut panel = [[0.0; TILE_COLS]; DEPTH];
    for first_column in (0..n).step_by(TILE_COLS) {
        let width = TILE_COLS.min(n - first_column);
        for start in (0..k).step_by(DEPTH) {
            let panel = &mut panel[..DEPTH.min(k - start)];
            for (l, packed) in panel.iter_mut().enumerate() {
                let b = &b[(start + l) * row_b + first_column * column_b..];
                packed.iter_mut().zip(b.iter().step_by(column_b)).take(width).for_each(|(packed, &b)| *packed = b);
                packed[width..].fill(0.0);
            }
            for i in (0..rows).step_by(TILE_ROWS) {
                // A tile that passes the end computes its last row again and leaves the copies unwritten.
                let a: [&[f32]; TILE_ROWS] =
                    std::array::from_fn(|r| &a[(first_row + (i + r).min(rows - 1)) * row_a + start * column_a..]);
                let mut tile = [[0.0; TILE_COLS]; TILE_ROWS];
                for (l, b) in panel.iter().enumerate() {
                    for r in 0..TILE_ROWS {
                        let a = a[r][l * column_a];
                        for j in 0..TILE_COLS {
                            tile[r][j] = I::mul_add(a, b[j], tile[r][j]);
                        }
                    }
                }
                for (r, tile) in tile.iter().enumerate().take(rows - i) {
                    let c = &mut c[(i + r) * n + first_column..][..width];
                    c.iter_mut().zip(tile).for_each(|(c, &sum)| *c = I::mul_add(alpha, sum, *c));
                }
            }
        }
    }
}
