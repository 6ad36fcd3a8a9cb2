//! Bodies of the matrix product: packed panels and a tile of C in registers, and products with one or two rows.
//!
//! op(B) is packed once for all rows, by `pack`, into panels as wide as a tile; a task packs the rows of op(A) that it needs. Both then
//! lie in memory in the order in which the tile reads them, whatever the transposition. A tile of C is summed in registers over a slice of the
//! inner size and then added to C. Each sum runs over slices and then over the inner index, whatever the block of rows.

use super::{Isa, lanes};
use crate::matmul::{MatMul, Trans};
use crate::scratch::Scratch;
use crate::write::Write;

/// Up to this many rows, packing B costs more than reading it in place.
const FEW_ROWS: usize = 2;

/// The slice of the inner size that a tile sums in registers: a slice of a panel of B and of A stay in the first-level cache.
const DEPTH: usize = 256;

/// Elements of a packed panel of B, or 0 if B is to be read in place.
#[inline(always)]
pub(crate) fn panel_len<I: Isa>(args: &MatMul<'_, f32>) -> usize {
    if args.m <= FEW_ROWS { 0 } else { args.k * I::TILE_COLS }
}

/// Packs panel number `index` of op(B): for each inner index the columns of the panel, zeros beyond the last column.
#[inline(always)]
pub(crate) fn pack<I: Isa>(args: &MatMul<'_, f32>, index: usize, panel: &mut [f32]) {
    let MatMul { b, trans_b, n, k, .. } = *args;
    let first = index * I::TILE_COLS;
    let width = I::TILE_COLS.min(n - first);
    match trans_b {
        Trans::No => {
            for (packed, row) in panel.chunks_exact_mut(I::TILE_COLS).zip(b.chunks_exact(n)) {
                pad(&mut packed[..I::TILE_COLS], &row[first..first + width]);
            }
        }
        Trans::Yes => interleave(panel, I::TILE_COLS, &b[first * k..], k, width),
    }
}

/// Copies `x` to the start of `out` and writes zeros beyond.
#[inline(always)]
fn pad(out: &mut [f32], x: &[f32]) {
    // Whole tiles have a length that the compiler knows, and need no call.
    if x.len() == out.len() {
        out.copy_from_slice(&x[..out.len()]);
    } else {
        out[..x.len()].copy_from_slice(x);
        out[x.len()..].fill(0.0);
    }
}

/// Writes `count` rows, which begin `step` apart in `rows`, side by side: element `l` of row `j` to place `l · stride + j`, and zeros in
/// the places beyond the last row.
#[inline(always)]
fn interleave(out: &mut [f32], stride: usize, rows: &[f32], step: usize, count: usize) {
    // Eight rows at a time, so that a line of the destination is written in few visits.
    const GROUP: usize = 8;
    let length = out.len() / stride;
    let whole = count / GROUP * GROUP;
    for j in (0..whole).step_by(GROUP) {
        let mut group = [&rows[..0]; GROUP];
        for (r, row) in group.iter_mut().enumerate() {
            *row = &rows[(j + r) * step..][..length];
        }
        for (l, out) in out.chunks_exact_mut(stride).enumerate() {
            for r in 0..GROUP {
                out[j + r] = group[r][l];
            }
        }
    }
    for j in whole..count {
        for (out, &x) in out.chunks_exact_mut(stride).zip(&rows[j * step..][..length]) {
            out[j] = x;
        }
    }
    if count < stride {
        for out in out.chunks_exact_mut(stride) {
            out[count..].fill(0.0);
        }
    }
}

/// The rows of C from `first_row` on that `c` has room for. `packed` holds all panels of op(B), or nothing.
#[inline(always)]
pub(crate) fn matmul<I: Isa>(args: &MatMul<'_, f32>, first_row: usize, packed: &[f32], c: &mut [f32], write: Write) {
    if packed.is_empty() {
        for (i, row) in c.chunks_mut(args.n).enumerate() {
            one_row::<I>(args, first_row + i, row, write);
        }
    } else {
        I::tiles(args, first_row, packed, c, write);
    }
}

#[inline(always)]
fn one_row<I: Isa>(args: &MatMul<'_, f32>, i: usize, c: &mut [f32], write: Write) {
    let MatMul { a, trans_a, b, trans_b, m, n, k, alpha, .. } = *args;
    let (start, step) = if trans_a == Trans::No { (i * k, 1) } else { (i, m) };
    let a = a[start..].iter().step_by(step).take(k);
    match trans_b {
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
            let mut row = Scratch::new(k);
            for (to, &from) in row.iter_mut().zip(a) {
                *to = from;
            }
            super::map!(write, c, b.chunks_exact(k), |b| alpha * lanes::dot::<I>(&row, b) as f32);
        }
    }
}

/// The body of [`Isa::tiles`] for tiles of `ROWS` × `COLS`.
#[inline(always)]
pub(super) fn tiles<I: Isa, const ROWS: usize, const COLS: usize>(
    args: &MatMul<'_, f32>,
    first_row: usize,
    packed: &[f32],
    c: &mut [f32],
    write: Write,
) {
    let MatMul { n, k, alpha, .. } = *args;
    let rows = c.len() / n;
    let strips = rows.div_ceil(ROWS);
    let mut scratch = Scratch::new(strips * ROWS * DEPTH.min(k));
    for start in (0..k).step_by(DEPTH) {
        let depth = DEPTH.min(k - start);
        let strips = &mut scratch[..strips * ROWS * depth];
        for (strip, out) in strips.chunks_exact_mut(ROWS * depth).enumerate() {
            pack_strip::<ROWS>(args, first_row + strip * ROWS, ROWS.min(rows - strip * ROWS), start, out);
        }
        let write = if start == 0 { write } else { Write::Add };
        for (panel, b) in packed.chunks_exact(k * COLS).enumerate() {
            let (b, _) = b[start * COLS..][..depth * COLS].as_chunks::<COLS>();
            let first = panel * COLS;
            let width = COLS.min(n - first);
            for (strip, a) in strips.chunks_exact(ROWS * depth).enumerate() {
                let sums = tile::<I, ROWS, COLS>(a.as_chunks::<ROWS>().0, b);
                for (sums, c) in sums.iter().zip(c[strip * ROWS * n..].chunks_mut(n)) {
                    let c = &mut c[first..first + width];
                    super::map!(write, c, sums, |sum| alpha * sum);
                }
            }
        }
    }
}

/// The products of `ROWS` rows and `COLS` columns, summed in registers.
#[inline(always)]
fn tile<I: Isa, const ROWS: usize, const COLS: usize>(a: &[[f32; ROWS]], b: &[[f32; COLS]]) -> [[f32; COLS]; ROWS] {
    let mut sums = [[0.0; COLS]; ROWS];
    for (a, b) in a.iter().zip(b) {
        for r in 0..ROWS {
            for j in 0..COLS {
                sums[r][j] = I::mul_add(a[r], b[j], sums[r][j]);
            }
        }
    }
    sums
}

/// Packs `count` rows of op(A) from row `first` on, inner indices from `start` on: for each inner index the rows, zeros beyond the last.
#[inline(always)]
fn pack_strip<const ROWS: usize>(args: &MatMul<'_, f32>, first: usize, count: usize, start: usize, out: &mut [f32]) {
    let MatMul { a, trans_a, m, k, .. } = *args;
    match trans_a {
        Trans::No => interleave(out, ROWS, &a[first * k + start..], k, count),
        Trans::Yes => {
            for (out, row) in out.chunks_exact_mut(ROWS).zip(a[start * m..].chunks_exact(m)) {
                pad(&mut out[..ROWS], &row[first..first + count]);
            }
        }
    }
}
