//! Bodies of the functions of one number and of their derivatives. The formulas are those of the scalar twins.
//!
//! Sine and cosine call the standard library for each element: they only serve tables of positions.

use std::f32::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

use super::math::{erf, exp, ln, sigmoid, softplus, tanh};
use super::{Isa, map};
use crate::unary::Unary;
use crate::write::Write;

/// √(2/π) and the cubic coefficient of the tanh approximation of GELU.
const GELU_SLOPE: f32 = 0.797_884_6;
const GELU_CUBIC: f32 = 0.044_715;

#[inline(always)]
pub(crate) fn unary<I: Isa>(op: Unary, out: &mut [f32], x: &[f32], write: Write) {
    match op {
        Unary::Exp => map!(write, out, x, |&x| exp::<I>(x)),
        Unary::Ln => map!(write, out, x, |&x| ln::<I>(x)),
        Unary::Sqrt => map!(write, out, x, |&x| x.sqrt()),
        Unary::Reciprocal => map!(write, out, x, |&x| 1.0 / x),
        Unary::Square => map!(write, out, x, |&x| x * x),
        Unary::Neg => map!(write, out, x, |&x| -x),
        Unary::Abs => map!(write, out, x, |&x| x.abs()),
        Unary::Sin => map!(write, out, x, |&x| x.sin()),
        Unary::Cos => map!(write, out, x, |&x| x.cos()),
        Unary::Tanh => map!(write, out, x, |&x| tanh::<I>(x)),
        Unary::Sigmoid => map!(write, out, x, |&x| sigmoid::<I>(x)),
        Unary::Erf => map!(write, out, x, |&x| erf::<I>(x)),
        Unary::Relu => map!(write, out, x, |&x| if x < 0.0 { 0.0 } else { x }),
        Unary::Silu => map!(write, out, x, |&x| x * sigmoid::<I>(x)),
        Unary::Gelu => map!(write, out, x, |&x| 0.5 * x * (1.0 + erf::<I>(x * FRAC_1_SQRT_2))),
        Unary::GeluTanh => map!(write, out, x, |&x| 0.5 * x * (1.0 + tanh::<I>(gelu_argument::<I>(x)))),
        Unary::Softplus => map!(write, out, x, |&x| softplus::<I>(x)),
        Unary::EluPlusOne => map!(write, out, x, |&x| {
            let power = exp::<I>(x);
            if x > 0.0 { x + 1.0 } else { power }
        }),
        Unary::Squash => map!(write, out, x, |&x| {
            let inverse = 1.0 / x;
            let large = 1.0 / (1.0 + inverse * inverse);
            let small = x * x / (1.0 + x * x);
            if x.abs() > 1.0 { large } else { small }
        }),
    }
}

#[inline(always)]
pub(crate) fn unary_backward<I: Isa>(op: Unary, dx: &mut [f32], dy: &[f32], saved: &[f32], write: Write) {
    let pairs = dy.iter().zip(saved);
    match op {
        Unary::Exp => map!(write, dx, pairs, |(&dy, &y)| dy * y),
        Unary::Ln => map!(write, dx, pairs, |(&dy, &x)| dy / x),
        Unary::Sqrt => map!(write, dx, pairs, |(&dy, &y)| dy * 0.5 / y),
        Unary::Reciprocal => map!(write, dx, pairs, |(&dy, &y)| -(dy * y * y)),
        Unary::Square => map!(write, dx, pairs, |(&dy, &x)| dy * (2.0 * x)),
        Unary::Neg => map!(write, dx, dy, |&dy| -dy),
        Unary::Abs => map!(write, dx, pairs, |(&dy, &x)| {
            let sign = if x == 0.0 { 0.0 } else { 1.0f32.copysign(x) };
            dy * if x.is_nan() { x } else { sign }
        }),
        Unary::Sin => map!(write, dx, pairs, |(&dy, &x)| dy * x.cos()),
        Unary::Cos => map!(write, dx, pairs, |(&dy, &x)| -(dy * x.sin())),
        Unary::Tanh => map!(write, dx, pairs, |(&dy, &y)| dy * ((1.0 - y) * (1.0 + y))),
        Unary::Sigmoid => map!(write, dx, pairs, |(&dy, &y)| dy * (y * (1.0 - y))),
        Unary::Erf => map!(write, dx, pairs, |(&dy, &x)| dy * (FRAC_2_SQRT_PI * exp::<I>(-(x * x)))),
        Unary::Relu => map!(write, dx, pairs, |(&dy, &y)| dy * if y > 0.0 { 1.0 } else { 0.0 }),
        Unary::Silu => map!(write, dx, pairs, |(&dy, &x)| {
            let s = sigmoid::<I>(x);
            dy * (s * I::mul_add(x, 1.0 - s, 1.0))
        }),
        // Φ(x) + x·φ(x), where φ(x) = e^(−x²/2) / √(2π)
        Unary::Gelu => map!(write, dx, pairs, |(&dy, &x)| {
            let cumulative = 0.5 * (1.0 + erf::<I>(x * FRAC_1_SQRT_2));
            let density = 0.5 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2 * exp::<I>(-(0.5 * x * x));
            dy * I::mul_add(x, density, cumulative)
        }),
        Unary::GeluTanh => map!(write, dx, pairs, |(&dy, &x)| {
            let t = tanh::<I>(gelu_argument::<I>(x));
            let inner = GELU_SLOPE * I::mul_add(3.0 * GELU_CUBIC * x, x, 1.0);
            dy * (0.5 * (1.0 + t) + 0.5 * x * (1.0 - t) * (1.0 + t) * inner)
        }),
        Unary::Softplus => map!(write, dx, pairs, |(&dy, &x)| dy * sigmoid::<I>(x)),
        // e^x is the value itself up to x = 0, where it reaches 1.
        Unary::EluPlusOne => map!(write, dx, pairs, |(&dy, &y)| dy * if y > 1.0 { 1.0 } else { y }),
        Unary::Squash => map!(write, dx, pairs, |(&dy, &x)| {
            let s = 1.0 / (1.0 + x * x);
            dy * (2.0 * x * s * s)
        }),
    }
}

/// √(2/π) · (x + 0.044715 x³)
#[inline(always)]
fn gelu_argument<I: Isa>(x: f32) -> f32 {
    GELU_SLOPE * I::mul_add(GELU_CUBIC * x * x, x, x)
}
