//! Twins of the elementwise kernels.

use super::store;
use crate::dropout::Drop;
use crate::elementwise::{Binary, Broadcast};
use crate::real::Real;
use crate::write::Write;

#[expect(clippy::too_many_arguments, reason = "the signature of the table")]
pub(crate) fn binary<T: Real>(
    op: Binary,
    reversed: bool,
    out: &mut [T],
    a: &[T],
    b: &[T],
    layout: Broadcast,
    first: usize,
    write: Write,
) {
    for (i, (out, &a)) in out.iter_mut().zip(a).enumerate() {
        let b = b[(first + i) / layout.inner % layout.mid];
        store(out, if reversed { op.apply(b, a) } else { op.apply(a, b) }, write);
    }
}

pub(crate) fn scale<T: Real>(out: &mut [T], x: &[T], alpha: T, write: Write) {
    for (out, &x) in out.iter_mut().zip(x) {
        store(out, alpha * x, write);
    }
}

pub(crate) fn affine<T: Real>(out: &mut [T], x: &[T], alpha: T, beta: T, write: Write) {
    for (out, &x) in out.iter_mut().zip(x) {
        store(out, alpha * x + beta, write);
    }
}

pub(crate) fn accumulate<T: Real>(out: &mut [T], x: &[T]) {
    for (out, &x) in out.iter_mut().zip(x) {
        *out += x;
    }
}

pub(crate) fn dropout<T: Real>(out: &mut [T], x: &[T], first: usize, drop: &Drop, write: Write) {
    for (i, (out, &x)) in out.iter_mut().zip(x).enumerate() {
        let dropped = u64::from(drop.key.bits((first + i) as u64)) < drop.threshold;
        store(out, if dropped { T::ZERO } else { x * T::from_f64(drop.scale) }, write);
    }
}
