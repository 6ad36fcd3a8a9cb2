//! Bodies of the functions of one number and of their derivatives. The formulas are those of the scalar twins.

use std::f32::consts::FRAC_2_SQRT_PI;

use super::math::{
    TURN_LIMIT, cos, erf, exp, gelu, gelu_tanh, ln, normal, sigmoid, sigmoid_and_slope, silu, sin, softplus, squash,
    tanh,
};
use super::{Isa, map};
use crate::unary::Unary;
use crate::write::Write;

/// √(2/π) and the cubic coefficient of the tanh approximation of GELU.
const GELU_SLOPE: f32 = 0.797_884_6;
const GELU_CUBIC: f32 = 0.044_715;

/// Elements of a piece that is looked through for arguments too large for the vectorised sine.
const PIECE: usize = 256;

/// Whether the vectorised sine and cosine can take all of `x`: neither large nor NaN.
#[inline(always)]
fn is_near(x: &[f32]) -> bool {
    // No early exit: that would keep the loop from being vectorised.
    x.iter().fold(true, |near, x| near & (x.abs() <= TURN_LIMIT))
}

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
        Unary::Sin => {
            for (out, x) in out.chunks_mut(PIECE).zip(x.chunks(PIECE)) {
                if is_near(x) {
                    map!(write, out, x, |&x| sin::<I>(x));
                } else {
                    map!(write, out, x, |&x| x.sin());
                }
            }
        }
        Unary::Cos => {
            for (out, x) in out.chunks_mut(PIECE).zip(x.chunks(PIECE)) {
                if is_near(x) {
                    map!(write, out, x, |&x| cos::<I>(x));
                } else {
                    map!(write, out, x, |&x| x.cos());
                }
            }
        }
        Unary::Tanh => map!(write, out, x, |&x| tanh::<I>(x)),
        Unary::Sigmoid => map!(write, out, x, |&x| sigmoid::<I>(x)),
        Unary::Erf => map!(write, out, x, |&x| erf::<I>(x)),
        Unary::Relu => map!(write, out, x, |&x| if x < 0.0 { 0.0 } else { x }),
        Unary::Silu => map!(write, out, x, |&x| silu::<I>(x)),
        Unary::Gelu => map!(write, out, x, |&x| gelu::<I>(x)),
        Unary::GeluTanh => map!(write, out, x, |&x| gelu_tanh::<I>(x)),
        Unary::Softplus => map!(write, out, x, |&x| softplus::<I>(x)),
        Unary::EluPlusOne => map!(write, out, x, |&x| {
            let power = exp::<I>(x);
            if x > 0.0 { x + 1.0 } else { power }
        }),
        Unary::Squash => map!(write, out, x, |&x| squash(x)),
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
        Unary::Sin => {
            for ((dx, dy), x) in dx.chunks_mut(PIECE).zip(dy.chunks(PIECE)).zip(saved.chunks(PIECE)) {
                let pairs = dy.iter().zip(x);
                if is_near(x) {
                    map!(write, dx, pairs, |(&dy, &x)| dy * cos::<I>(x));
                } else {
                    map!(write, dx, pairs, |(&dy, &x)| dy * x.cos());
                }
            }
        }
        Unary::Cos => {
            for ((dx, dy), x) in dx.chunks_mut(PIECE).zip(dy.chunks(PIECE)).zip(saved.chunks(PIECE)) {
                let pairs = dy.iter().zip(x);
                if is_near(x) {
                    map!(write, dx, pairs, |(&dy, &x)| -(dy * sin::<I>(x)));
                } else {
                    map!(write, dx, pairs, |(&dy, &x)| -(dy * x.sin()));
                }
            }
        }
        Unary::Tanh => map!(write, dx, pairs, |(&dy, &y)| dy * ((1.0 - y) * (1.0 + y))),
        Unary::Sigmoid => map!(write, dx, pairs, |(&dy, &y)| dy * (y * (1.0 - y))),
        Unary::Erf => map!(write, dx, pairs, |(&dy, &x)| dy * (FRAC_2_SQRT_PI * exp::<I>(-(x * x)))),
        Unary::Relu => map!(write, dx, pairs, |(&dy, &y)| dy * if y > 0.0 { 1.0 } else { 0.0 }),
        Unary::Silu => map!(write, dx, pairs, |(&dy, &x)| {
            let (s, slope) = sigmoid_and_slope::<I>(x);
            dy * I::mul_add(x, slope, s)
        }),
        // Φ(x) + x·φ(x)
        Unary::Gelu => map!(write, dx, pairs, |(&dy, &x)| {
            let (cumulative, density) = normal::<I>(x);
            dy * I::mul_add(x, density, cumulative)
        }),
        Unary::GeluTanh => map!(write, dx, pairs, |(&dy, &x)| {
            // From here on the slope is 0 in `f32`, and further out x² is infinite. The comparisons let NaN pass, and are one instruction each.
            let x = if x > 11.0 { 11.0 } else { x };
            let x = if x < -11.0 { -11.0 } else { x };
            let (s, slope) = sigmoid_and_slope::<I>(gelu_argument::<I>(x));
            let inner = 2.0 * GELU_SLOPE * I::mul_add(3.0 * GELU_CUBIC * x, x, 1.0);
            dy * I::mul_add(x * slope, inner, s)
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

/// 2u with u = √(2/π) · (x + 0.044715 x³), because (1 + tanh u) / 2 = σ(2u).
#[inline(always)]
fn gelu_argument<I: Isa>(x: f32) -> f32 {
    2.0 * GELU_SLOPE * I::mul_add(GELU_CUBIC * x * x, x, x)
}
