//! Weights that add up to (nearly) one: each row divided by its sum over the keys that a query may see.

use crate::check;
use crate::real::Real;
use crate::softmax::check_rows;
use crate::spans::Spans;
use crate::table::table;
use crate::threads::{block_rows, blocks, blocks2, part};
use crate::write::Write;

/// `out[r, j] = w[r, j] / (eps + Σ w[r, ·])` over the span of row `r`, and 0 outside it. `sums[r]` receives the denominator.
///
/// A row whose denominator is 0 gives zeros; so does an empty span.
///
/// # Panics
/// When a length or the spans do not fit.
#[track_caller]
pub fn normalize<T: Real>(out: &mut [T], sums: &mut [T], w: &[T], cols: usize, spans: Option<Spans<'_>>, eps: T) {
    let rows = check_rows("normalize", out.len(), w.len(), "w", cols, spans);
    check::length("normalize", "sums", sums.len(), rows);
    let run = table::<T>().normalize;
    let (rows, size) = (block_rows(cols), block_rows(cols) * cols);
    blocks2(w.len() * 2, (out, size), (sums, rows), |i, out, sums| {
        run(out, sums, part(w, i, size), cols, i * rows, spans, eps);
    });
}

/// `dw = (dy − Σ dy·y) / sums[r]` within the span, 0 outside it and where `sums[r]` is 0. `y` and `sums` are the outputs of
/// [`normalize`].
///
/// # Panics
/// When a length or the spans do not fit.
#[track_caller]
pub fn normalize_backward<T: Real>(
    dw: &mut [T],
    dy: &[T],
    y: &[T],
    sums: &[T],
    cols: usize,
    spans: Option<Spans<'_>>,
    write: Write,
) {
    let rows = check_rows("normalize_backward", dw.len(), dy.len(), "dy", cols, spans);
    check::length("normalize_backward", "y", y.len(), dw.len());
    check::length("normalize_backward", "sums", sums.len(), rows);
    let run = table::<T>().normalize_backward;
    let (rows, size) = (block_rows(cols), block_rows(cols) * cols);
    blocks(dw.len() * 2, dw, size, |i, dw| {
        run(dw, part(dy, i, size), part(y, i, size), part(sums, i, rows), cols, i * rows, spans, write);
    });
}
