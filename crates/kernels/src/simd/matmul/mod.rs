//! Bodies of the matrix product.
//!
//! op(B) is packed once for all rows, by [`pack`], into panels as wide as a tile; a task packs the rows of op(A) that it needs. Both then
//! lie in memory in the order in which a tile reads them, whatever the transposition. A tile of C is summed in registers over a slice of
//! the inner size and then added to C. Each sum runs over slices and then over the inner index, whatever the rectangle and the tile.
//! A few rows are not worth packing B for: they read it in place.

mod few_rows;
mod held;
mod pack;
mod tile;

use std::ops::Range;

use super::Isa;
use crate::block::{Block, share};
use crate::caches::caches;
use crate::fusion::{Apply, Finish};
use crate::matmul::{FEW_ROWS, MatMul};
use crate::scratch::Scratch;
use crate::weights::{Bf16, Weights};
use crate::write::Write;

pub(crate) use held::Held;
pub(crate) use pack::pack;
pub(crate) use tile::Tile;

/// The slice of the inner size that a tile sums in registers: 14 rows of A take 21 KiB of the first-level cache, and C is read and
/// written once a slice. The same at every level and on every machine, since it decides the order of sums.
pub(crate) const DEPTH: usize = 384;

/// Columns of the piece of C and of the slice of op(B) that stay in the second cache, a multiple of every tile's width: the slice takes three eighths of it.
pub(crate) fn piece() -> usize {
    (caches().l2 * 3 / 8 / BYTES_OF_LINE / 32 * 32).clamp(96, 512)
}

/// Rows of A whose slice stays in the second cache beside that of op(B): the more, the less often op(B) is read from the third one.
pub(crate) fn most_rows() -> usize {
    (caches().l2 * 9 / 10 / BYTES_OF_LINE).saturating_sub(piece()).clamp(96, 256)
}

/// A slice of a row of A, or of a column of op(B).
const BYTES_OF_LINE: usize = DEPTH * size_of::<f32>();

/// Elements of packed A that are kept over all slices: 4 MiB. A slice of them at a time is read from the second cache.
const KEPT: usize = 1 << 20;

/// Numbers in a cache line.
const LINE: usize = 16;

/// Columns of a tile and of a panel of op(B): two registers.
#[inline(always)]
fn width<I: Isa>() -> usize {
    2 * I::LANES
}

/// Elements of a packed panel of op(B), or 0 if B is to be read in place.
#[inline(always)]
pub(crate) fn panel_len<I: Isa>(args: &MatMul<'_, f32>) -> usize {
    if args.m <= FEW_ROWS { 0 } else { args.k * width::<I>() }
}

/// A rectangle of C. `packed` holds the panels of op(B) from the one of column `first_col` on, or nothing.
#[inline(always)]
pub(crate) fn matmul<I: Isa>(
    args: &MatMul<'_, f32>,
    first_col: usize,
    packed: &[f32],
    c: &mut Block<'_, f32>,
    write: Write,
    prologue: Option<Apply<f32>>,
    finish: Option<&mut Finish<'_, f32>>,
) {
    if packed.is_empty() {
        match args.b {
            Weights::Full(b) => few_rows::few_rows::<I, f32>(args, b, c, write),
            Weights::Bf16(b) => few_rows::few_rows::<I, Bf16>(args, b, c, write),
        }
        if let Some(finish) = finish {
            for i in 0..c.rows.len() {
                finish.row(i, c.row(i));
            }
        }
    } else {
        tiles::<I>(args, first_col, packed, c, write, prologue, finish);
    }
}

/// The rectangle tile by tile. Columns are cut so that a slice of op(B), and a piece of C over all slices of the inner size, stay in the
/// second cache. A strip of A stays in the first one while all panels of the piece pass, and C is written along its rows: the other way
/// round, a panel for all strips, each tile of C lay on other pages than the one before, which cost up to a quarter of a product with many
/// columns.
#[inline(always)]
fn tiles<I: Isa>(
    args: &MatMul<'_, f32>,
    first_col: usize,
    packed: &[f32],
    c: &mut Block<'_, f32>,
    write: Write,
    prologue: Option<Apply<f32>>,
    mut finish: Option<&mut Finish<'_, f32>>,
) {
    let (k, rows, cols) = (args.k, c.rows.len(), c.cols.clone());
    let slices = k.div_ceil(DEPTH);
    // All slices of A are packed once if that takes little memory, else each one anew for each piece.
    let keep = slices == 1 || rows * k <= KEPT;
    let kept = if keep { k } else { k.div_ceil(slices) };
    // Rows are written in whole registers, the last ones beyond their end.
    let mut a = Scratch::new(rows * kept + I::LANES);
    let mut finished = Scratch::new(if finish.is_some() { 4 * I::ROWS * width::<I>() } else { 0 });
    let piece = piece();
    for first in cols.clone().step_by(piece) {
        let piece = first..cols.end.min(first + piece);
        for slice in 0..slices {
            let inner = share(k, slices, slice);
            let start = if keep { rows * inner.start } else { 0 };
            if !keep || first == cols.start {
                pack::pack_rows::<I>(args, c.rows.clone(), inner.clone(), &mut a[start..]);
                if let Some(f) = prologue {
                    f.in_place(&mut a[start..][..rows * inner.len()]);
                }
            }
            let last = slice + 1 == slices;
            let job = Slice {
                args,
                a: &a[start..][..rows * inner.len()],
                packed,
                first_col,
                ahead: (if last { piece.len() * k } else { inner.end * width::<I>() }) as isize
                    - (inner.start * width::<I>()) as isize,
                inner,
                cols: piece.clone(),
                write: if slice == 0 { write } else { Write::Add },
            };
            job.run::<I>(c, finish.as_deref_mut().filter(|_| last), &mut finished);
        }
    }
}

/// A slice of the inner size of a piece of a rectangle.
struct Slice<'a> {
    args: &'a MatMul<'a, f32>,
    /// All strips of A.
    a: &'a [f32],
    packed: &'a [f32],
    first_col: usize,
    inner: Range<usize>,
    /// From a panel to the one that comes after it when all of these columns are done: the next slice, or the next piece.
    ahead: isize,
    cols: Range<usize>,
    write: Write,
}

impl Slice<'_> {
    #[inline(always)]
    fn run<I: Isa>(&self, c: &mut Block<'_, f32>, mut finish: Option<&mut Finish<'_, f32>>, finished: &mut [f32]) {
        let MatMul { k, alpha, .. } = *self.args;
        let (rows, width, depth) = (c.rows.len(), width::<I>(), self.inner.len());
        let strips = rows.div_ceil(I::ROWS);
        let lines = (depth * width).div_ceil(LINE * strips);
        let alone = finish.as_ref().and_then(|finish| finish.bias_alone());
        for strip in 0..strips {
            let strip = share(rows, strips, strip);
            let a = (&self.a[strip.start * depth..][..strip.len() * depth], strip.len());
            // Each strip fetches its share of the panel that comes after the one it meets.
            let ahead = self.ahead + (strip.start * depth * width / rows) as isize;
            for first in self.cols.clone().step_by(width) {
                let panel = (first - self.first_col) * k + self.inner.start * width;
                let b = &self.packed[panel..][..depth * width];
                let columns = width.min(self.cols.end - first);
                let registers = if columns > I::LANES { 2 } else { 1 };
                let first_in_block = first - c.cols.start;
                let corner = c.corner((strip.start, strip.len()), (first_in_block, columns));
                let ahead = (b.as_ptr().wrapping_offset(ahead), lines);
                let mut tile = Tile::new(a, (b, width), depth, ahead, alpha, corner, c.stride(), columns, self.write);
                let Some(finish) = finish.as_mut().filter(|_| alone.is_none()) else {
                    tile.add_bias(alone.map(|bias| &bias[first..first + columns]));
                    // SAFETY: the tile has the rows and columns that `corner` has checked to lie in the rectangle, A has as many rows and
                    // B a whole panel.
                    unsafe { I::tile(&tile, strip.len(), registers) }
                    continue;
                };
                let (sums, values) = finished.split_at_mut(I::ROWS * width);
                tile.redirect(sums, strip.len());
                tile.add_bias(finish.bias.map(|bias| &bias[first..first + columns]));
                // SAFETY: as above; `redirect` has checked that the other place has room for the rows.
                unsafe { I::tile(&tile, strip.len(), registers) }
                let used = strip.len() * width;
                finish.derive((strip.start, first_in_block), &mut sums[..used], (width, columns), values);
                let values = finish.activate(&sums[..used], &mut values[..used]);
                for (i, (sums, values)) in strip.clone().zip(sums.chunks(width).zip(values.chunks(width))) {
                    let target = &mut c.row(i)[first_in_block..first_in_block + columns];
                    finish.leave((i, first_in_block), &sums[..columns], &values[..columns], target);
                }
            }
        }
    }
}
