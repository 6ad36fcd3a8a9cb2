//! Twins of the reductions.

use super::store;
use crate::elementwise::Broadcast;
use crate::real::Real;
use crate::write::Write;

pub(crate) fn sum<T: Real>(x: &[T]) -> f64 {
    x.iter().map(|x| x.to_f64()).sum()
}

pub(crate) fn dot<T: Real>(a: &[T], b: &[T]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a.to_f64() * b.to_f64()).sum()
}

pub(crate) fn max<T: Real>(x: &[T]) -> T {
    x.iter().fold(T::NEG_INFINITY, |max, &x| if x > max { x } else { max })
}

pub(crate) fn all_finite<T: Real>(x: &[T]) -> bool {
    x.iter().all(|x| x.is_finite())
}

pub(crate) fn row_sum<T: Real>(out: &mut [T], x: &[T], cols: usize, write: Write) {
    for (r, out) in out.iter_mut().enumerate() {
        store(out, T::from_f64(sum(&x[r * cols..][..cols])), write);
    }
}

pub(crate) fn row_argmax<T: Real>(out: &mut [u32], x: &[T], cols: usize) {
    for (r, out) in out.iter_mut().enumerate() {
        let (mut best, mut column) = (T::NEG_INFINITY, 0);
        for (c, &x) in x[r * cols..][..cols].iter().enumerate() {
            if x > best {
                (best, column) = (x, c);
            }
        }
        *out = column as u32;
    }
}

pub(crate) fn reduce<T: Real>(out: &mut [T], first: usize, g: &[T], a: Option<&[T]>, layout: Broadcast, write: Write) {
    for (m, out) in out.iter_mut().enumerate() {
        let mut total = 0.0;
        for o in 0..layout.outer {
            let start = (o * layout.mid + first + m) * layout.inner;
            let run = start..start + layout.inner;
            total += match a {
                Some(a) => dot(&g[run.clone()], &a[run]),
                None => sum(&g[run]),
            };
        }
        store(out, T::from_f64(total), write);
    }
}
