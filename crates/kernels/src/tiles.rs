//! Parts of a tiled attention: products, weights and derivatives on tiles of scores that stay in the cache.
//!
//! A tile is up to [`TILE_STRIDE`] columns wide and lies in memory with that stride: element (r, c) at `r · TILE_STRIDE + c`. Weighing a
//! tile may write anything into what is left of a row behind its last column. These
//! functions run on the calling thread; who cuts an attention into tiles shares the tiles out (see [`parallel_blocks2`](crate::parallel_blocks2)).

use crate::check;
use crate::real::Real;
use crate::spans::Span;
use crate::table::table;
use crate::write::Write;

/// From a row of a tile to the next, in elements: the most columns of a tile. A constant, so that addresses within a tile are.
pub const TILE_STRIDE: usize = 128;

/// Columns of a packed panel: two registers of AVX-512.
pub const PANEL: usize = 32;

/// The left operand of a [`TileProduct`].
#[derive(Clone, Copy, Debug)]
pub enum TileA<'a, T> {
    /// A tile: element `l` of row `r` at `r · TILE_STRIDE + l`.
    Rows(&'a [T]),
    /// Columns next to each other, so many elements apart: element `l` of row `r` at `l · step + r`. A transposed tile, or what
    /// [`pack_columns`] leaves.
    Columns(&'a [T], usize),
}

/// The right operand of a [`TileProduct`].
#[derive(Clone, Copy, Debug)]
pub enum TileB<'a, T> {
    /// Rows next to each other, so many elements apart: element `c` of row `l` at `l · step + c`.
    Rows(&'a [T], usize),
    /// What [`pack_panels`] leaves: element `c` of row `l` at `(c / PANEL) · PANEL · inner + l · PANEL + c % PANEL`.
    Panels(&'a [T]),
}

/// The operands of [`tile_product`].
#[derive(Clone, Copy, Debug)]
pub struct TileProduct<'a, T> {
    /// `[rows, inner]`
    pub a: TileA<'a, T>,
    /// `[inner, cols]`
    pub b: TileB<'a, T>,
    /// Rows of A and of the result.
    pub rows: usize,
    /// Columns of B and of the result.
    pub cols: usize,
    /// Columns of A and rows of B.
    pub inner: usize,
    /// A factor on the product.
    pub alpha: T,
}

/// `c[r · c_step + j] (+)= alpha · Σ_l a[r, l] · b[l, j]` for a product that is small enough for the cache. Elements of `c` beyond column
/// `cols` of a row are left alone. Cost 2·rows·cols·inner.
///
/// # Panics
/// When a slice is too short, or a tile of A too wide.
#[track_caller]
pub fn tile_product<T: Real>(args: TileProduct<'_, T>, c: &mut [T], c_step: usize, write: Write) {
    const KERNEL: &str = "tile_product";
    let TileProduct { a, b, rows, cols, inner, .. } = args;
    if rows == 0 || cols == 0 {
        return;
    }
    match a {
        TileA::Rows(a) => {
            assert!(inner <= TILE_STRIDE, "kernels::{KERNEL}: a tile of {inner} columns is wider than {TILE_STRIDE}");
            reaches("a", a.len(), (rows, TILE_STRIDE), inner);
        }
        TileA::Columns(a, step) => reaches("a", a.len(), (inner, step), rows),
    }
    match b {
        TileB::Rows(b, step) => reaches("b", b.len(), (inner, step), cols),
        TileB::Panels(b) => {
            reaches("b", b.len(), (check::product(KERNEL, &[cols.div_ceil(PANEL), inner]), PANEL), PANEL);
        }
    }
    reaches("c", c.len(), (rows, c_step), cols);
    (table::<T>().tile_product)(&args, c, c_step, write);
}

/// Panics unless `count` runs of `run` elements, `step` apart, lie one after the other in a slice of `len`.
#[track_caller]
fn reaches(what: &str, len: usize, (count, step): (usize, usize), run: usize) {
    // Nothing when they pass `usize`, which no slice does.
    let needed =
        if count == 0 || run == 0 { Some(0) } else { (count - 1).checked_mul(step).and_then(|n| n.checked_add(run)) };
    assert!(
        step >= run && needed.is_some_and(|needed| len >= needed),
        "kernels::tile_product: `{what}` has {len} elements, too few for {count} runs of {run} elements {step} apart"
    );
}

/// Packs `[rows, width]` into panels of [`PANEL`] rows, for each element of a row those of the rows side by side, zeros in the places of
/// missing rows: the transposed matrix as the right operand of a product. `out` needs `rows` rounded up to whole panels, times `width`.
///
/// # Panics
/// When a length does not fit.
#[track_caller]
pub fn pack_panels<T: Real>(out: &mut [T], x: &[T], width: usize) {
    let rows = check::rows("pack_panels", "x", x.len(), width);
    check::length("pack_panels", "out", out.len(), rows.next_multiple_of(PANEL) * width);
    if width == 0 {
        return;
    }
    (table::<T>().pack_panels)(out, x, rows, width);
}

/// Transposes blocks of up to `step` rows of `[rows, width]`: element `l` of row `r` goes to
/// `(r / step) · step · width + l · step + r % step`. Blocks are the left operands of products with columns `step` apart. What lies in the
/// places of missing rows is unspecified.
///
/// # Panics
/// When a length does not fit, or `step` is not a multiple of 16.
#[track_caller]
pub fn pack_columns<T: Real>(out: &mut [T], x: &[T], width: usize, step: usize) {
    let rows = check::rows("pack_columns", "x", x.len(), width);
    assert!(step > 0 && step.is_multiple_of(16), "kernels::pack_columns: a step of {step} is no multiple of 16");
    check::length("pack_columns", "out", out.len(), rows.next_multiple_of(step) * width);
    if width == 0 {
        return;
    }
    for (out, x) in out.chunks_mut(step * width).zip(x.chunks(step * width)) {
        (table::<T>().pack_columns)(out, x, x.len() / width, width);
    }
}

#[track_caller]
fn check_tile<T>(kernel: &str, tile: &[T], cols: usize, spans: &[Span], rows: &[&[T]]) {
    assert!(
        cols <= TILE_STRIDE && tile.len() >= spans.len() * TILE_STRIDE,
        "kernels::{kernel}: a tile of {} elements has no {} rows of {cols} columns",
        tile.len(),
        spans.len()
    );
    assert!(
        spans.iter().all(|span| span.is_empty() || span.end as usize <= cols),
        "kernels::{kernel}: a span passes the {cols} columns of the tile"
    );
    rows.iter().for_each(|row| check::length(kernel, "a row's number", row.len(), spans.len()));
}

/// The next tile of scores of a running softmax. For each row: the new maximum m' = max(m, max s), `factor = e^(m − m')` by which what was
/// summed before must be multiplied, the weights `e^(s − m')` in place of the scores, zeros outside of the row's span, and their sum added
/// to `factor · sum`. Weights below e^−87 are 0. Starts from `max = −∞`, `sum = 0`. A row that sees nothing of the tile keeps its numbers and has the factor 1.
///
/// # Panics
/// When a length or a span does not fit.
#[track_caller]
pub fn online_softmax<T: Real>(
    tile: &mut [T],
    cols: usize,
    spans: &[Span],
    max: &mut [T],
    sum: &mut [T],
    factor: &mut [T],
) {
    check_tile("online_softmax", tile, cols, spans, &[max, sum, factor]);
    (table::<T>().online_softmax)(tile, cols, spans, max, sum, factor);
}

/// The next tile of scores of expressive attention: `w = s² / (1 + s²)` in place of the scores, zeros outside of the row's span, their sum
/// added to `sum`.
///
/// # Panics
/// When a length or a span does not fit.
#[track_caller]
pub fn online_squash<T: Real>(tile: &mut [T], cols: usize, spans: &[Span], sum: &mut [T]) {
    check_tile("online_squash", tile, cols, spans, &[sum]);
    (table::<T>().online_squash)(tile, cols, spans, sum);
}

/// A tile of softmax once more, and its derivative: with `a = e^(s − lse)`, `scores` becomes `a` and `dweights`, which holds `∂L/∂a`,
/// becomes `∂L/∂s = a (∂L/∂a − mean)` with the row's `mean = Σ a · ∂L/∂a`. Both are zero outside of the row's span.
///
/// # Panics
/// When a length or a span does not fit.
#[track_caller]
pub fn softmax_tile_backward<T: Real>(
    scores: &mut [T],
    dweights: &mut [T],
    cols: usize,
    spans: &[Span],
    lse: &[T],
    mean: &[T],
) {
    check_tile("softmax_tile_backward", scores, cols, spans, &[lse, mean]);
    check_tile("softmax_tile_backward", dweights, cols, spans, &[]);
    (table::<T>().softmax_tile_backward)(scores, dweights, cols, spans, lse, mean);
}

/// A tile of expressive attention once more, and its derivative: with `a = s² / (1 + s²) / sum`, `scores` becomes `a` and `dweights`, which
/// holds `∂L/∂a`, becomes `∂L/∂s = 2s / (1 + s²)² / sum · (∂L/∂a − mean)` with the row's `mean = Σ a · ∂L/∂a`. Both are zero outside of
/// the row's span, and in a row whose sum is 0.
///
/// # Panics
/// When a length or a span does not fit.
#[track_caller]
pub fn squash_tile_backward<T: Real>(
    scores: &mut [T],
    dweights: &mut [T],
    cols: usize,
    spans: &[Span],
    sums: &[T],
    mean: &[T],
) {
    check_tile("squash_tile_backward", scores, cols, spans, &[sums, mean]);
    check_tile("squash_tile_backward", dweights, cols, spans, &[]);
    (table::<T>().squash_tile_backward)(scores, dweights, cols, spans, sums, mean);
}

/// The columns of a tile that a row sees.
#[inline(always)]
pub(crate) fn seen(span: Span) -> std::ops::Range<usize> {
    if span.is_empty() { 0..0 } else { span.start as usize..span.end as usize }
}
