//! Bodies of softmax and of the division by the sum.

use std::ops::Range;

use super::{Isa, lanes, map, math};
use crate::spans::{Spans, keys};
use crate::write::Write;

#[inline(always)]
pub(crate) fn softmax<I: Isa>(out: &mut [f32], x: &[f32], cols: usize, first_row: usize, spans: Option<Spans<'_>>) {
    for (r, (out, x)) in out.chunks_mut(cols.max(1)).zip(x.chunks(cols.max(1))).enumerate() {
        let keys = keys(spans, first_row + r, cols);
        out[..keys.start].fill(0.0);
        out[keys.end..].fill(0.0);
        let (out, x) = (&mut out[keys.clone()], &x[keys]);
        let max = lanes::max::<I>(x);
        map!(Write::Set, out, x, |&x| math::exp::<I>(x - max));
        let factor = (1.0 / lanes::sum::<I>(out)) as f32;
        out.iter_mut().for_each(|out| *out *= factor);
    }
}

/// What both derivatives need of a row: `dx`, `dy` and `y` at its keys, and Σ dy·y over them. A gradient that is set is zero at the others.
#[inline(always)]
fn at_keys<'a, I: Isa>(
    dx: &'a mut [f32],
    dy: &'a [f32],
    y: &'a [f32],
    keys: Range<usize>,
    write: Write,
) -> (&'a mut [f32], &'a [f32], &'a [f32], f32) {
    if write == Write::Set {
        dx[..keys.start].fill(0.0);
        dx[keys.end..].fill(0.0);
    }
    let (dy, y) = (&dy[keys.clone()], &y[keys.clone()]);
    (&mut dx[keys], dy, y, lanes::dot::<I>(dy, y) as f32)
}

#[inline(always)]
pub(crate) fn softmax_backward<I: Isa>(
    dx: &mut [f32],
    dy: &[f32],
    y: &[f32],
    cols: usize,
    first_row: usize,
    spans: Option<Spans<'_>>,
    write: Write,
) {
    for (r, dx) in dx.chunks_mut(cols.max(1)).enumerate() {
        let keys = keys(spans, first_row + r, cols);
        let (dx, dy, y, mean) = at_keys::<I>(dx, &dy[r * cols..], &y[r * cols..], keys, write);
        map!(write, dx, dy.iter().zip(y), |(&dy, &y)| y * (dy - mean));
    }
}

#[inline(always)]
pub(crate) fn normalize<I: Isa>(
    out: &mut [f32],
    sums: &mut [f32],
    w: &[f32],
    cols: usize,
    first_row: usize,
    spans: Option<Spans<'_>>,
    eps: f32,
) {
    for (r, sum) in sums.iter_mut().enumerate() {
        let keys = keys(spans, first_row + r, cols);
        let (out, w) = (&mut out[r * cols..][..cols], &w[r * cols..][keys.clone()]);
        *sum = (f64::from(eps) + lanes::sum::<I>(w)) as f32;
        if *sum == 0.0 {
            out.fill(0.0);
        } else {
            out[..keys.start].fill(0.0);
            out[keys.end..].fill(0.0);
            map!(Write::Set, out[keys], w, |&w| w / *sum);
        }
    }
}

#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "the signature of the table")]
pub(crate) fn normalize_backward<I: Isa>(
    dw: &mut [f32],
    dy: &[f32],
    y: &[f32],
    sums: &[f32],
    cols: usize,
    first_row: usize,
    spans: Option<Spans<'_>>,
    write: Write,
) {
    for (r, (dw, &sum)) in dw.chunks_mut(cols.max(1)).zip(sums).enumerate() {
        let keys = if sum == 0.0 { 0..0 } else { keys(spans, first_row + r, cols) };
        let (dw, dy, _, mean) = at_keys::<I>(dw, &dy[r * cols..], &y[r * cols..], keys, write);
        map!(write, dw, dy, |&dy| (dy - mean) / sum);
    }
}
