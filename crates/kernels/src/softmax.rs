//! Softmax over the keys that a query may see.

use crate::check;
use crate::real::Real;
use crate::spans::Spans;
use crate::table::table;
use crate::threads::{FUNCTION_WORK, block_rows, blocks, part};
use crate::write::Write;

/// `out[r, j] = e^(x[r, j] − max) / Σ e^(x[r, ·] − max)` over the span of row `r`, and 0 outside it; an empty span gives a row of zeros.
///
/// A NaN in the span makes the span NaN, and so does a row of nothing but −∞ or a +∞, as the formula says.
///
/// # Panics
/// When a length or the spans do not fit.
#[track_caller]
pub fn softmax<T: Real>(out: &mut [T], x: &[T], cols: usize, spans: Option<Spans<'_>>) {
    check_rows("softmax", out.len(), x.len(), "x", cols, spans);
    let run = table::<T>().softmax;
    let (rows, size) = (block_rows(cols), block_rows(cols) * cols);
    blocks(out.len() * FUNCTION_WORK, out, size, |i, out| run(out, part(x, i, size), cols, i * rows, spans));
}

/// `dx = y · (dy − Σ dy·y)` within the span, 0 outside it, where `y` is the output of [`softmax`].
///
/// # Panics
/// When a length or the spans do not fit.
#[track_caller]
pub fn softmax_backward<T: Real>(dx: &mut [T], dy: &[T], y: &[T], cols: usize, spans: Option<Spans<'_>>, write: Write) {
    check_rows("softmax_backward", dx.len(), dy.len(), "dy", cols, spans);
    check::length("softmax_backward", "y", y.len(), dx.len());
    let run = table::<T>().softmax_backward;
    let (rows, size) = (block_rows(cols), block_rows(cols) * cols);
    blocks(dx.len() * 2, dx, size, |i, dx| {
        run(dx, part(dy, i, size), part(y, i, size), cols, i * rows, spans, write);
    });
}

#[track_caller]
pub(crate) fn check_rows(
    kernel: &str,
    out: usize,
    x: usize,
    what: &str,
    cols: usize,
    spans: Option<Spans<'_>>,
) -> usize {
    check::length(kernel, what, x, out);
    let rows = check::rows(kernel, what, x, cols);
    if let Some(spans) = spans {
        spans.check(kernel, rows, cols);
    }
    rows
}
