//! Bodies of the SwiGLU gate.

use super::Isa;
use super::math::{sigmoid, silu};

#[inline(always)]
pub(crate) fn swiglu<I: Isa>(out: &mut [f32], gate: &[f32], up: &[f32]) {
    for ((out, &g), &u) in out.iter_mut().zip(gate).zip(up) {
        *out = silu::<I>(g) * u;
    }
}

#[inline(always)]
pub(crate) fn swiglu_backward<I: Isa>(dgate: &mut [f32], dup: &mut [f32], dy: &[f32], gate: &[f32], up: &[f32]) {
    for ((((dgate, dup), &dy), &g), &u) in dgate.iter_mut().zip(dup).zip(dy).zip(gate).zip(up) {
        let s = sigmoid::<I>(g);
        *dgate = dy * u * (s * I::mul_add(g, 1.0 - s, 1.0));
        *dup = dy * (g * s);
    }
}
