//! Twins of the parts of a tiled attention.

use crate::real::Real;
use crate::spans::Span;
use crate::tiles::{PANEL, TILE_STRIDE, TileA, TileB, TileProduct, seen};
use crate::unary::Unary;
use crate::write::Write;

pub(crate) fn tile_product<T: Real>(args: &TileProduct<'_, T>, c: &mut [T], c_step: usize, write: Write) {
    let TileProduct { a, b, rows, cols, inner, alpha } = *args;
    let a = |r: usize, l: usize| match a {
        TileA::Rows(a) => a[r * TILE_STRIDE + l],
        TileA::Columns(a, step) => a[l * step + r],
    };
    let b = |l: usize, j: usize| match b {
        TileB::Rows(b, step) => b[l * step + j],
        TileB::Panels(b) => b[j / PANEL * PANEL * inner + l * PANEL + j % PANEL],
    };
    for r in 0..rows {
        for j in 0..cols {
            let sum: f64 = (0..inner).map(|l| a(r, l).to_f64() * b(l, j).to_f64()).sum();
            super::store(&mut c[r * c_step + j], alpha * T::from_f64(sum), write);
        }
    }
}

pub(crate) fn pack_panels<T: Real>(out: &mut [T], x: &[T], rows: usize, width: usize) {
    out.fill(T::ZERO);
    for r in 0..rows {
        for l in 0..width {
            out[r / PANEL * PANEL * width + l * PANEL + r % PANEL] = x[r * width + l];
        }
    }
}

pub(crate) fn pack_columns<T: Real>(out: &mut [T], x: &[T], rows: usize, width: usize) {
    let step = out.len() / width;
    for r in 0..rows {
        for l in 0..width {
            out[l * step + r] = x[r * width + l];
        }
    }
}

/// Calls `each` with the row's number and its elements within the span, and zeroes the others of the first `cols`.
fn each_row<T: Real>(tile: &mut [T], cols: usize, spans: &[Span], mut each: impl FnMut(usize, &mut [T])) {
    for (r, &span) in spans.iter().enumerate() {
        let row = &mut tile[r * TILE_STRIDE..][..cols];
        let seen = seen(span);
        row[..seen.start].fill(T::ZERO);
        row[seen.end..].fill(T::ZERO);
        each(r, &mut row[seen]);
    }
}

pub(crate) fn online_softmax<T: Real>(
    tile: &mut [T],
    cols: usize,
    spans: &[Span],
    max: &mut [T],
    sum: &mut [T],
    factor: &mut [T],
) {
    each_row(tile, cols, spans, |r, row| {
        factor[r] = T::ONE;
        if !row.is_empty() {
            let new = max[r].max(super::max(row));
            factor[r] = if new == max[r] { T::ONE } else { (max[r] - new).exp() };
            row.iter_mut().for_each(|s| *s = (*s - new).exp());
            sum[r] = T::from_f64(factor[r].to_f64() * sum[r].to_f64() + super::sum(row));
            max[r] = new;
        }
    });
}

pub(crate) fn online_squash<T: Real>(tile: &mut [T], cols: usize, spans: &[Span], sum: &mut [T]) {
    each_row(tile, cols, spans, |r, row| {
        row.iter_mut().for_each(|s| *s = squash(*s));
        sum[r] = T::from_f64(sum[r].to_f64() + super::sum(row));
    });
}

fn squash<T: Real>(s: T) -> T {
    T::from_f64(super::unary::value(Unary::Squash, s.to_f64()))
}

pub(crate) fn softmax_tile_backward<T: Real>(
    scores: &mut [T],
    dweights: &mut [T],
    cols: usize,
    spans: &[Span],
    lse: &[T],
    mean: &[T],
) {
    each_row(scores, cols, spans, |r, row| row.iter_mut().for_each(|s| *s = (*s - lse[r]).exp()));
    each_row(dweights, cols, spans, |r, row| {
        let weights = &scores[r * TILE_STRIDE..][seen(spans[r])];
        row.iter_mut().zip(weights).for_each(|(d, &a)| *d = a * (*d - mean[r]));
    });
}

pub(crate) fn squash_tile_backward<T: Real>(
    scores: &mut [T],
    dweights: &mut [T],
    cols: usize,
    spans: &[Span],
    sums: &[T],
    mean: &[T],
) {
    each_row(dweights, cols, spans, |r, row| {
        let scores = &scores[r * TILE_STRIDE..][seen(spans[r])];
        for (d, &s) in row.iter_mut().zip(scores) {
            let inverse = T::ONE / (T::ONE + s * s);
            let slope = T::from_f64(2.0) * s * inverse * inverse;
            *d = if sums[r] == T::ZERO { T::ZERO } else { slope / sums[r] * (*d - mean[r]) };
        }
    });
    each_row(scores, cols, spans, |r, row| {
        row.iter_mut().for_each(|s| *s = if sums[r] == T::ZERO { T::ZERO } else { squash(*s) / sums[r] });
    });
}
