//! Twins of softmax and of the division by the sum.

use super::store;
use crate::real::Real;
use crate::spans::{Spans, keys};
use crate::write::Write;

pub(crate) fn softmax<T: Real>(out: &mut [T], x: &[T], cols: usize, first_row: usize, spans: Option<Spans<'_>>) {
    for (r, (out, x)) in rows(out, x, cols).enumerate() {
        let keys = keys(spans, first_row + r, cols);
        let max = super::max(&x[keys.clone()]);
        let mut total = 0.0;
        out.fill(T::ZERO);
        for j in keys.clone() {
            out[j] = (x[j] - max).exp();
            total += out[j].to_f64();
        }
        for j in keys {
            out[j] /= T::from_f64(total);
        }
    }
}

pub(crate) fn softmax_backward<T: Real>(
    dx: &mut [T],
    dy: &[T],
    y: &[T],
    cols: usize,
    first_row: usize,
    spans: Option<Spans<'_>>,
    write: Write,
) {
    for (r, (dx, dy)) in rows(dx, dy, cols).enumerate() {
        let keys = keys(spans, first_row + r, cols);
        let y = &y[r * cols..][..cols];
        let mean = T::from_f64(super::dot(&dy[keys.clone()], &y[keys.clone()]));
        for j in 0..cols {
            store(&mut dx[j], if keys.contains(&j) { y[j] * (dy[j] - mean) } else { T::ZERO }, write);
        }
    }
}

pub(crate) fn normalize<T: Real>(
    out: &mut [T],
    sums: &mut [T],
    w: &[T],
    cols: usize,
    first_row: usize,
    spans: Option<Spans<'_>>,
    eps: T,
) {
    for (r, sum) in sums.iter_mut().enumerate() {
        let keys = keys(spans, first_row + r, cols);
        let (out, w) = (&mut out[r * cols..][..cols], &w[r * cols..][..cols]);
        *sum = T::from_f64(eps.to_f64() + super::sum(&w[keys.clone()]));
        out.fill(T::ZERO);
        if *sum != T::ZERO {
            for j in keys {
                out[j] = w[j] / *sum;
            }
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "the signature of the table")]
pub(crate) fn normalize_backward<T: Real>(
    dw: &mut [T],
    dy: &[T],
    y: &[T],
    sums: &[T],
    cols: usize,
    first_row: usize,
    spans: Option<Spans<'_>>,
    write: Write,
) {
    for (r, (dw, dy)) in rows(dw, dy, cols).enumerate() {
        let keys = keys(spans, first_row + r, cols);
        let y = &y[r * cols..][..cols];
        let mean = T::from_f64(super::dot(&dy[keys.clone()], &y[keys.clone()]));
        for j in 0..cols {
            let inside = keys.contains(&j) && sums[r] != T::ZERO;
            store(&mut dw[j], if inside { (dy[j] - mean) / sums[r] } else { T::ZERO }, write);
        }
    }
}

fn rows<'a, T>(out: &'a mut [T], x: &'a [T], cols: usize) -> impl Iterator<Item = (&'a mut [T], &'a [T])> {
    out.chunks_mut(cols.max(1)).zip(x.chunks(cols.max(1)))
}
