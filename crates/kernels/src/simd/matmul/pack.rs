//! Packing: operands in the order in which a tile reads them.

use std::ops::Range;

use super::{Held, LINE, width};
use crate::block::share;
use crate::matmul::{MatMul, Trans};
use crate::simd::Isa;
use crate::weights::{Bf16, Weights};

/// How many rows of a stored matrix are fetched before they are needed.
const ROWS_AHEAD: usize = 16;

/// Packs the panels of op(B) from the one that begins at column `first` on over a range of the inner index, as many as there is room for: in each one,
/// for each inner index its columns, with zeros beyond the last column. Weights that are held in bf16 become `f32` here.
#[inline(always)]
pub(crate) fn pack<I: Isa>(args: &MatMul<'_, f32>, first: usize, inner: Range<usize>, panels: &mut [f32]) {
    match args.b {
        Weights::Full(b) => pack_held::<I, f32>(args, b, first, inner, panels),
        Weights::Bf16(b) => pack_held::<I, Bf16>(args, b, first, inner, panels),
    }
}

#[inline(always)]
fn pack_held<I: Isa, B: Held>(args: &MatMul<'_, f32>, b: &[B], first: usize, inner: Range<usize>, panels: &mut [f32]) {
    let MatMul { trans_b, n, k, .. } = *args;
    let stride = width::<I>();
    let depth = inner.len();
    let count = panels.len() / (depth * stride);
    assert!(panels.len() == count * depth * stride && first + (count - 1) * stride < n);
    assert!(inner.end <= k && b.len() == k * n);
    // The columns of a panel.
    let columns = |panel: usize| stride.min(n - first - panel * stride);
    match trans_b {
        // A stored row is read through all panels, since the next one may be on another page.
        Trans::No => {
            for l in 0..depth {
                let row = b.as_ptr().wrapping_add((inner.start + l) * n + first);
                for line in (0..count * stride * size_of::<B>()).step_by(LINE * size_of::<f32>()) {
                    let ahead = row.wrapping_add(ROWS_AHEAD * n).cast::<u8>();
                    I::prefetch(ahead.wrapping_add(line).cast());
                }
                for panel in 0..count {
                    let columns = columns(panel);
                    for lanes in (0..stride).step_by(I::LANES) {
                        let count = I::LANES.min(columns.saturating_sub(lanes));
                        // SAFETY: `count` elements of this row of B lie from this column on; a panel has `stride` elements for each `l`.
                        unsafe {
                            let from = row.wrapping_add(panel * stride + lanes);
                            let x =
                                if count == I::LANES { B::load::<I>(from) } else { B::load_first::<I>(from, count) };
                            I::store(panels.as_mut_ptr().add((panel * depth + l) * stride + lanes), x);
                        }
                    }
                }
            }
        }
        Trans::Yes => {
            for (panel, out) in panels.chunks_exact_mut(depth * stride).enumerate() {
                let (first, columns) = (first + panel * stride, columns(panel));
                for lanes in (0..stride).step_by(I::LANES) {
                    let rows = I::LANES.min(columns.saturating_sub(lanes));
                    for l in (0..depth).step_by(I::LANES) {
                        let from = b.as_ptr().wrapping_add((first + lanes) * k + inner.start + l);
                        if l.is_multiple_of(LINE) {
                            (I::LANES..2 * I::LANES).for_each(|row| I::prefetch(from.wrapping_add(row * k).cast()));
                        }
                        // SAFETY: `rows` rows of B from this one on exist and have this many elements left; the panel has `stride`
                        // elements for each inner index, of which a register is written from `lanes` on.
                        unsafe {
                            let to = out.as_mut_ptr().add(l * stride + lanes);
                            I::transpose(from, k, rows, I::LANES.min(depth - l), to, stride);
                        }
                    }
                }
            }
        }
    }
}

/// Packs rows of op(A) over a range of the inner index, strip by strip of at most [`Isa::ROWS`] rows: for each inner index one element
/// of each row of the strip. Writes up to a register beyond the last strip into `out`.
#[inline(always)]
pub(super) fn pack_rows<I: Isa>(args: &MatMul<'_, f32>, rows: Range<usize>, inner: Range<usize>, out: &mut [f32]) {
    let MatMul { a, trans_a, m, k, .. } = *args;
    let depth = inner.len();
    let strips = rows.len().div_ceil(I::ROWS);
    assert!(a.len() == m * k && rows.end <= m && inner.end <= k && out.len() >= rows.len() * depth + I::LANES);
    match trans_a {
        Trans::No => {
            for strip in 0..strips {
                let strip = share(rows.len(), strips, strip);
                let count = strip.len();
                for l in (0..depth).step_by(I::LANES) {
                    let from = a.as_ptr().wrapping_add((rows.start + strip.start) * k + inner.start + l);
                    // The CPU foresees the end of a row badly, and the next one not at all.
                    if l.is_multiple_of(LINE) {
                        (count..2 * count).for_each(|row| I::prefetch(from.wrapping_add(row * k)));
                    }
                    // SAFETY: the rows exist and have this many elements left from here on. A register is written at each inner index,
                    // which passes the end of the strip by less than a register: into the next strip, which is written later, or into
                    // the room behind the last one.
                    unsafe {
                        let to = out.as_mut_ptr().add(strip.start * depth + l * count);
                        I::transpose(from, k, count, I::LANES.min(depth - l), to, count);
                    }
                }
            }
        }
        // All strips of an inner index together, since they lie side by side in memory.
        Trans::Yes => {
            for l in 0..depth {
                let first = (inner.start + l) * m + rows.start;
                let row = a.as_ptr().wrapping_add(first);
                // Rows of the stored matrix are far apart, which the CPU does not foresee by itself.
                for line in (0..rows.len()).step_by(LINE) {
                    I::prefetch(row.wrapping_add(ROWS_AHEAD * m + line));
                }
                // The strips of `share`, the larger ones first, without its division for each of them.
                let (size, larger) = (rows.len() / strips, rows.len() % strips);
                let mut start = 0;
                for (count, strips) in [(size + 1, larger), (size, strips - larger)] {
                    // Whole registers where what lies beyond the strip may be written because it is written later: some CPUs are
                    // slow to write a part of a register.
                    let later = (depth - l) * count >= I::LANES;
                    for _ in 0..strips {
                        let readable = first + start + I::LANES <= a.len();
                        // SAFETY: the elements of the strip in row `inner.start + l` of the stored matrix lie from here on, and its place
                        // in `out` has room for as many. A whole register is read within A, and written within the strip.
                        unsafe {
                            let (from, to) = (row.add(start), out.as_mut_ptr().add(start * depth + l * count));
                            let x = if readable { I::load(from) } else { I::load_first(from, count) };
                            if later { I::store(to, x) } else { I::store_first(to, x, count) }
                        }
                        start += count;
                    }
                }
            }
        }
    }
}
