//! Bodies of the matrix product.
//!
//! op(B) is packed once for all rows, by [`pack`], some slices of the inner size at a time, into panels as wide as a tile; a task packs the rows of op(A) that it needs. Both then
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
use crate::packed::Packed;
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
pub(crate) const LINE: usize = 16;

/// Columns of a tile and of a panel of op(B): two registers.
#[inline(always)]
fn width<I: Isa>() -> usize {
    2 * I::LANES
}

/// How many slices an inner size is cut into.
pub(crate) fn slices(k: usize) -> usize {
    k.div_ceil(DEPTH)
}

/// The inner indices of a range of slices.
pub(crate) fn inner(k: usize, of: Range<usize>) -> Range<usize> {
    let slice = |i| share(k, slices(k), i);
    slice(of.start).start..slice(of.end - 1).end
}

/// Columns of a packed panel of op(B), or 0 if B is to be read in place.
#[inline(always)]
pub(crate) fn panel_width<I: Isa>(args: &MatMul<'_, f32>) -> usize {
    if args.m <= FEW_ROWS { 0 } else { width::<I>() }
}

/// A rectangle of C, or what the packed part of op(B) adds to it.
#[inline(always)]
pub(crate) fn matmul<I: Isa>(
    args: &MatMul<'_, f32>,
    packed: Option<Packed<'_, f32>>,
    c: &mut Block<'_, f32>,
    write: Write,
    prologue: Option<Apply<f32>>,
    finish: Option<&mut Finish<'_, f32>>,
) {
    if let Some(packed) = packed {
        return tiles::<I>(args, &packed, c, write, prologue, finish);
    }
    match args.b {
        Weights::Full(b) => few_rows::few_rows::<I, f32>(args, b, c, write),
        Weights::Bf16(b) => few_rows::few_rows::<I, Bf16>(args, b, c, write),
    }
    if let Some(finish) = finish {
        for i in 0..c.rows.len() {
            finish.row(i, c.row(i));
        }
    }
}

/// The rectangle tile by tile. Columns are cut so that a slice of op(B), and a piece of C over all slices of the inner size, stay in the
/// second cache. A strip of A stays in the first one while all panels of the piece pass, and C is written along its rows: the other way
/// round, a panel for all strips, each tile of C lay on other pages than the one before, which cost up to a quarter of a product with many
/// columns.
#[inline(always)]
fn tiles<I: Isa>(
    args: &MatMul<'_, f32>,
    packed: &Packed<'_, f32>,
    c: &mut Block<'_, f32>,
    write: Write,
    prologue: Option<Apply<f32>>,
    mut finish: Option<&mut Finish<'_, f32>>,
) {
    let (k, rows, cols, width) = (args.k, c.rows.len(), c.cols.clone(), width::<I>());
    let (here, all) = (packed.slices.clone(), slices(k));
    let whole = inner(k, here.clone());
    // All slices of A are packed once if that takes little memory, else each one anew for each piece.
    let keep = here.len() == 1 || rows * whole.len() <= KEPT;
    let kept = if keep { whole.len() } else { whole.len().div_ceil(here.len()) };
    // Rows are written in whole registers, the last ones beyond their end.
    let mut a = Scratch::new(rows * kept + I::LANES);
    let mut finished = Scratch::new(if finish.is_some() { 4 * I::ROWS * width } else { 0 });
    let piece = piece();
    for first in cols.clone().step_by(piece) {
        let piece = first..cols.end.min(first + piece);
        for slice in here.clone() {
            let inner = share(k, all, slice);
            let place = inner.start - whole.start;
            let start = if keep { rows * place } else { 0 };
            if !keep || first == cols.start {
                pack::pack_rows::<I>(args, c.rows.clone(), inner.clone(), &mut a[start..]);
                if let Some(f) = prologue {
                    f.in_place(&mut a[start..][..rows * inner.len()]);
                }
            }
            let last = slice + 1 == here.end;
            let job = Slice {
                a: &a[start..][..rows * inner.len()],
                b: &packed.panels[(first - packed.first_col) * whole.len()..],
                panel: (whole.len() * width, place * width),
                ahead: (if last { piece.len() * whole.len() } else { (place + inner.len()) * width }) as isize
                    - (place * width) as isize,
                depth: inner.len(),
                cols: piece.clone(),
                alpha: args.alpha,
                write: if slice == 0 { write } else { Write::Add },
            };
            job.run::<I>(c, finish.as_deref_mut().filter(|_| slice + 1 == all), &mut finished);
        }
    }
}

/// A slice of the inner size of a piece of a rectangle.
struct Slice<'a> {
    /// All strips of A.
    a: &'a [f32],
    /// The panels of op(B) from the first column of the piece on.
    b: &'a [f32],
    /// From one panel to the next, and where in a panel the slice begins.
    panel: (usize, usize),
    /// From a panel to the one that comes after it when all of these columns are done: the next slice, or the next piece.
    ahead: isize,
    depth: usize,
    cols: Range<usize>,
    alpha: f32,
    write: Write,
}

impl Slice<'_> {
    #[inline(always)]
    fn run<I: Isa>(&self, c: &mut Block<'_, f32>, mut finish: Option<&mut Finish<'_, f32>>, finished: &mut [f32]) {
        let (rows, width, depth, alpha) = (c.rows.len(), width::<I>(), self.depth, self.alpha);
        let strips = rows.div_ceil(I::ROWS);
        let lines = (depth * width).div_ceil(LINE * strips);
        let alone = finish.as_ref().and_then(|finish| finish.bias_alone());
        for strip in 0..strips {
            let strip = share(rows, strips, strip);
            let a = (&self.a[strip.start * depth..][..strip.len() * depth], strip.len());
            // Each strip fetches its share of the panel that comes after the one it meets.
            let ahead = self.ahead + (strip.start * depth * width / rows) as isize;
            for (panel, first) in self.cols.clone().step_by(width).enumerate() {
                let b = &self.b[panel * self.panel.0 + self.panel.1..][..depth * width];
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
