//! Twins of the SwiGLU gate.

use super::unary::sigmoid;
use crate::real::Real;

pub(crate) fn swiglu<T: Real>(out: &mut [T], gate: &[T], up: &[T]) {
    for ((out, &g), &u) in out.iter_mut().zip(gate).zip(up) {
        *out = g * sigmoid(g) * u;
    }
}

pub(crate) fn swiglu_backward<T: Real>(dgate: &mut [T], dup: &mut [T], dy: &[T], gate: &[T], up: &[T]) {
    for ((((dgate, dup), &dy), &g), &u) in dgate.iter_mut().zip(dup).zip(dy).zip(gate).zip(up) {
        let s = sigmoid(g);
        *dgate = dy * u * (s * (T::ONE + g * (T::ONE - s)));
        *dup = dy * (g * s);
    }
}
