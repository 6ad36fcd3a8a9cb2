//! Bodies of the parts of a tiled attention.

use std::ops::Range;

use super::lanes::{LANES, Running};
use super::matmul::{LINE, Tile};
use super::{Isa, lanes, math};
use crate::block::share;
use crate::scratch::Scratch;
use crate::spans::Span;
use crate::tiles::{PANEL, TILE_STRIDE, TileA, TileB, TileProduct, seen};
use crate::write::Write;

/// The product as tiles in registers, a strip of rows at a time.
#[inline(always)]
pub(crate) fn tile_product<I: Isa>(args: &TileProduct<'_, f32>, c: &mut [f32], c_step: usize, write: Write) {
    let TileProduct { a, b, rows, cols, inner, alpha } = *args;
    // A register of B is read whole. A panel has zeros beyond its last column; rows that do not end with a register get some.
    let padded_cols = cols.next_multiple_of(I::LANES);
    let padding = match b {
        TileB::Rows(..) if padded_cols != cols => inner * padded_cols,
        _ => 0,
    };
    let mut padded = Scratch::<f32>::new(padding);
    let (b, b_step, panel_step) = match b {
        TileB::Panels(b) => (b, PANEL, PANEL * inner),
        TileB::Rows(b, step) if padding == 0 => (b, step, PANEL),
        TileB::Rows(b, step) => {
            for (l, row) in padded.chunks_exact_mut(padded_cols).enumerate() {
                row[..cols].copy_from_slice(&b[l * step..][..cols]);
                row[cols..].fill(0.0);
            }
            (&*padded, padded_cols, PANEL)
        }
    };
    let (a, a_row, a_step, along) = match a {
        TileA::Rows(a) => (a, TILE_STRIDE, 1, true),
        TileA::Columns(a, step) => (a, 1, step, false),
    };
    // What the tiles below rely on, whoever calls. A place that passes `usize` saturates, and so lies in no slice.
    let last = |count: usize, step: usize| count.saturating_sub(1).saturating_mul(step);
    assert!(a.len() > last(rows, a_row).saturating_add(last(inner, a_step)) || inner == 0);
    assert!(c.len() >= last(rows, c_step).saturating_add(cols));
    let strips = rows.div_ceil(I::ROWS);
    for strip in 0..strips {
        let strip = share(rows, strips, strip);
        for first in (0..cols).step_by(2 * I::LANES) {
            let columns = (2 * I::LANES).min(cols - first);
            let registers = columns.div_ceil(I::LANES);
            let place = first / PANEL * panel_step + first % PANEL;
            assert!(inner == 0 || b.len() >= last(inner, b_step).saturating_add(place + registers * I::LANES));
            let tile = Tile::at(
                (a.as_ptr().wrapping_add(strip.start * a_row), a_step, along),
                (b.as_ptr().wrapping_add(place), b_step),
                inner,
                alpha,
                c.as_mut_ptr().wrapping_add(strip.start * c_step + first),
                c_step,
                columns,
                write,
            );
            // SAFETY: the assertions say that the last element of the last row of A, the last register of the last row of B and the last
            // column of the last row of C exist, and so do all before them.
            unsafe { I::tile(&tile, strip.len(), registers) }
        }
    }
}

#[inline(always)]
pub(crate) fn pack_panels<I: Isa>(out: &mut [f32], x: &[f32], rows: usize, width: usize) {
    assert!(x.len() == rows * width && out.len() == rows.next_multiple_of(PANEL) * width);
    for (out, x) in out.chunks_exact_mut(PANEL * width).zip(x.chunks(PANEL * width)) {
        transpose::<I>(out, PANEL, x, x.len() / width, width, PANEL);
    }
}

#[inline(always)]
pub(crate) fn pack_columns<I: Isa>(out: &mut [f32], x: &[f32], rows: usize, width: usize) {
    transpose::<I>(out, out.len() / width, x, rows, width, rows);
}

/// Rows before their turn that a transposition fetches: those of a head lie behind each other, and the next block behind this one.
const ROWS_AHEAD: usize = 32;

/// Element `l` of row `r` goes to `out[l · step + r]`, whole registers at a time up to row `filled`, with zeros for missing rows.
#[inline(always)]
fn transpose<I: Isa>(out: &mut [f32], step: usize, x: &[f32], rows: usize, width: usize, filled: usize) {
    assert!(step.is_multiple_of(I::LANES) && filled <= step);
    assert!(out.len() == step * width && x.len() == rows * width);
    for lanes in (0..filled).step_by(I::LANES) {
        let count = I::LANES.min(rows.saturating_sub(lanes));
        let next = x.as_ptr().wrapping_add((lanes + ROWS_AHEAD) * width);
        for l in (0..width).step_by(I::LANES) {
            // As many elements as the square has.
            for line in (0..I::LANES * I::LANES).step_by(LINE) {
                I::prefetch(next.wrapping_add(l * I::LANES + line));
            }
            // SAFETY: these rows exist and have so many elements left from here on; `out` has `step` elements for each of them, of which
            // a register is written from `lanes` on, and registers divide the step.
            unsafe {
                let from = x.as_ptr().wrapping_add(lanes * width + l);
                let to = out.as_mut_ptr().wrapping_add(l * step + lanes);
                I::transpose(from, width, count, I::LANES.min(width - l), to, step);
            }
        }
    }
}

/// The columns of the chunks that a span touches.
#[inline(always)]
fn chunks(span: Span) -> Range<usize> {
    let seen = seen(span);
    if seen.is_empty() { 0..0 } else { seen.start / LANES * LANES..seen.end.next_multiple_of(LANES) }
}

/// The part of row `r` that its span touches, in whole chunks: `hidden` in the places of a chunk that lie outside of the span. What lies
/// outside of the chunks becomes zero. Loops over whole chunks vectorise; the ends of a causal row would not.
#[inline(always)]
fn row(tile: &mut [f32], cols: usize, r: usize, span: Span, hidden: f32) -> &mut [f32] {
    let row = &mut tile[r * TILE_STRIDE..][..TILE_STRIDE];
    let (seen, chunks) = (seen(span), chunks(span));
    row[..chunks.start].fill(0.0);
    row[chunks.end..].iter_mut().take(cols.saturating_sub(chunks.end)).for_each(|x| *x = 0.0);
    if !seen.is_empty() {
        row[chunks.start..seen.start].fill(hidden);
        row[seen.end..chunks.end].fill(hidden);
    }
    &mut row[chunks]
}

/// Makes the places of [`row`] that lie outside of the span zero once more: a row's number that is not finite leaves NaN of what was hidden.
#[inline(always)]
fn hide(tile: &mut [f32], r: usize, span: Span) {
    let row = &mut tile[r * TILE_STRIDE..][..TILE_STRIDE];
    let (seen, chunks) = (seen(span), chunks(span));
    row[chunks.start..seen.start].fill(0.0);
    row[seen.end..chunks.end].fill(0.0);
}

#[inline(always)]
pub(crate) fn online_softmax<I: Isa>(
    tile: &mut [f32],
    cols: usize,
    spans: &[Span],
    max: &mut [f32],
    sum: &mut [f32],
    factor: &mut [f32],
) {
    // The new maxima first, in the places of the factors, so that the exponentials of all rows are one loop.
    for (r, &span) in spans.iter().enumerate() {
        // A hidden score has the weight e^−∞ = 0.
        let row = row(tile, cols, r, span, f32::NEG_INFINITY);
        factor[r] = max[r].max(lanes::max::<I>(row));
    }
    for (factor, max) in factor.iter_mut().zip(max.iter_mut()) {
        let new = *factor;
        *factor = if new == *max { 1.0 } else { math::exp::<I>(*max - new) };
        *max = new;
    }
    for (r, &span) in spans.iter().enumerate() {
        let row = &mut tile[r * TILE_STRIDE..][chunks(span)];
        for x in row.iter_mut() {
            *x = math::exp_below::<I>(*x - max[r]);
        }
        sum[r] = factor[r] * sum[r] + lanes::sum::<I>(row) as f32;
        if sum[r].is_nan() {
            hide(tile, r, span);
        }
    }
}

#[inline(always)]
pub(crate) fn online_squash<I: Isa>(tile: &mut [f32], cols: usize, spans: &[Span], sum: &mut [f32]) {
    for (r, &span) in spans.iter().enumerate() {
        let (chunks, _) = row(tile, cols, r, span, 0.0).as_chunks_mut();
        let mut sums = Running::<I>::splat(0.0);
        for chunk in chunks {
            for x in chunk.iter_mut() {
                *x = math::squash(*x);
            }
            sums = sums.plus(Running::load(chunk));
        }
        sum[r] += sums.total();
    }
}

#[inline(always)]
pub(crate) fn softmax_tile_backward<I: Isa>(
    scores: &mut [f32],
    dweights: &mut [f32],
    cols: usize,
    spans: &[Span],
    lse: &[f32],
    mean: &[f32],
) {
    for (r, &span) in spans.iter().enumerate() {
        let (lse, mean) = (lse[r], mean[r]);
        let pairs = row(scores, cols, r, span, f32::NEG_INFINITY).iter_mut().zip(row(dweights, cols, r, span, 0.0));
        for (s, d) in pairs {
            *s = math::exp_below::<I>(*s - lse);
            *d = *s * (*d - mean);
        }
        if !(lse.is_finite() && mean.is_finite()) {
            hide(scores, r, span);
            hide(dweights, r, span);
        }
    }
}

#[inline(always)]
pub(crate) fn squash_tile_backward<I: Isa>(
    scores: &mut [f32],
    dweights: &mut [f32],
    cols: usize,
    spans: &[Span],
    sums: &[f32],
    mean: &[f32],
) {
    for (r, &span) in spans.iter().enumerate() {
        let (s, d) = (row(scores, cols, r, span, 0.0), row(dweights, cols, r, span, 0.0));
        if sums[r] == 0.0 {
            s.fill(0.0);
            d.fill(0.0);
            continue;
        }
        let (inverse_sum, mean) = (1.0 / sums[r], mean[r]);
        // Four registers of AVX2 at a time, because divisions take long.
        for (s, d) in s.as_chunks_mut::<LANES>().0.iter_mut().zip(d.as_chunks_mut::<LANES>().0) {
            for l in 0..LANES {
                let inverse = 1.0 / (1.0 + s[l] * s[l]);
                let slope = 2.0 * s[l] * inverse * inverse;
                d[l] = slope * inverse_sum * (d[l] - mean);
                s[l] = math::squash(s[l]) * inverse_sum;
            }
        }
        if !(inverse_sum.is_finite() && mean.is_finite()) {
            hide(scores, r, span);
            hide(dweights, r, span);
        }
    }
}
