//! Twins of the functions of one number: formulas with the functions of the standard library.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI, FRAC_2_SQRT_PI};

use super::erf::{erf, erfc};
use super::store;
use crate::real::Real;
use crate::unary::Unary;
use crate::write::Write;

pub(crate) fn unary<T: Real>(op: Unary, out: &mut [T], x: &[T], write: Write) {
    for (out, &x) in out.iter_mut().zip(x) {
        store(out, T::from_f64(value(op, x.to_f64())), write);
    }
}

pub(crate) fn unary_backward<T: Real>(op: Unary, dx: &mut [T], dy: &[T], saved: &[T], write: Write) {
    for ((dx, &dy), &saved) in dx.iter_mut().zip(dy).zip(saved) {
        store(dx, dy * derivative(op, saved), write);
    }
}

/// f(x), for either element type in `f64`.
pub(super) fn value(op: Unary, x: f64) -> f64 {
    match op {
        Unary::Exp => x.exp(),
        Unary::Ln => x.ln(),
        Unary::Sqrt => x.sqrt(),
        Unary::Reciprocal => 1.0 / x,
        Unary::Square => x * x,
        Unary::Neg => -x,
        Unary::Abs => x.abs(),
        Unary::Sin => x.sin(),
        Unary::Cos => x.cos(),
        Unary::Tanh => x.tanh(),
        Unary::Sigmoid => sigmoid(x),
        Unary::Erf => erf(x),
        // Not `max`, which would turn NaN to 0.
        Unary::Relu => {
            if x < 0.0 {
                0.0
            } else {
                x
            }
        }
        Unary::Silu => weighted(x, sigmoid(x)),
        Unary::Gelu => weighted(x, normal_cumulative(x)),
        // (1 + tanh u) / 2 = σ(2u), which keeps its digits where it is small.
        Unary::GeluTanh => weighted(x, sigmoid(2.0 * gelu_argument(x))),
        Unary::Softplus => (if x > 0.0 { x } else { 0.0 }) + (-x.abs()).exp().ln_1p(),
        Unary::EluPlusOne => {
            if x > 0.0 {
                x + 1.0
            } else {
                x.exp()
            }
        }
        Unary::Squash => {
            if x.abs() > 1.0 {
                let inverse = 1.0 / x;
                1.0 / (1.0 + inverse * inverse)
            } else {
                x * x / (1.0 + x * x)
            }
        }
    }
}

/// x · weight, where the weight vanishes at −∞ faster than x grows: 0 there.
fn weighted(x: f64, weight: f64) -> f64 {
    if weight == 0.0 { 0.0 } else { x * weight }
}

/// f′(x) from what `op.saves()` names.
fn derivative<T: Real>(op: Unary, saved: T) -> T {
    let (half, two) = (T::from_f64(0.5), T::from_f64(2.0));
    // A different name for each role, though at most one has a meaning for an op.
    let (x, y) = (saved, saved);
    match op {
        Unary::Exp => y,
        Unary::Ln => T::ONE / x,
        Unary::Sqrt => half / y,
        Unary::Reciprocal => -(y * y),
        Unary::Square => two * x,
        Unary::Neg => -T::ONE,
        Unary::Abs => sign(x),
        Unary::Sin => x.cos(),
        Unary::Cos => -x.sin(),
        Unary::Tanh => (T::ONE - y) * (T::ONE + y),
        Unary::Sigmoid => y * (T::ONE - y),
        Unary::Erf => T::from_f64(FRAC_2_SQRT_PI) * (-(x * x)).exp(),
        Unary::Relu => {
            if y > T::ZERO {
                T::ONE
            } else {
                T::ZERO
            }
        }
        Unary::Silu => {
            let s = sigmoid(x);
            s * (T::ONE + x * (T::ONE - s))
        }
        // Φ(x) + x·φ(x), where φ(x) = e^(−x²/2) / √(2π)
        Unary::Gelu => {
            let density = T::from_f64(0.5 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2) * (-(half * x * x)).exp();
            normal_cumulative(x) + x * density
        }
        Unary::GeluTanh => {
            let s = sigmoid(two * gelu_argument(x));
            let inner = T::from_f64(FRAC_2_PI.sqrt()) * (T::ONE + T::from_f64(3.0 * GELU_CUBIC) * x * x);
            let slope = s * (T::ONE - s);
            // Where it vanishes, x² may have passed the largest number.
            if slope == T::ZERO { s } else { s + two * x * slope * inner }
        }
        Unary::Softplus => sigmoid(x),
        // e^x is the value itself up to x = 0, where it reaches 1.
        Unary::EluPlusOne => {
            if y > T::ONE {
                T::ONE
            } else {
                y
            }
        }
        Unary::Squash => {
            let s = T::ONE / (T::ONE + x * x);
            two * x * s * s
        }
    }
}

/// Φ(x) = erfc(−x/√2) / 2, which keeps its digits where it is small.
fn normal_cumulative<T: Real>(x: T) -> T {
    T::from_f64(0.5 * erfc(-x.to_f64() * FRAC_1_SQRT_2))
}

/// The cubic coefficient of the tanh approximation of GELU.
const GELU_CUBIC: f64 = 0.044_715;

/// √(2/π) · (x + 0.044715 x³)
fn gelu_argument<T: Real>(x: T) -> T {
    T::from_f64(FRAC_2_PI.sqrt()) * (x + T::from_f64(GELU_CUBIC) * x * x * x)
}

/// 1 / (1 + e⁻ˣ), with the exponential of a negative number only, so that tiny results do not round to 0.
pub(super) fn sigmoid<T: Real>(x: T) -> T {
    let z = (-x.abs()).exp();
    (if x < T::ZERO { z } else { T::ONE }) / (T::ONE + z)
}

fn sign<T: Real>(x: T) -> T {
    if x > T::ZERO {
        T::ONE
    } else if x < T::ZERO {
        -T::ONE
    } else {
        // 0 at 0, NaN at NaN.
        x * T::ZERO
    }
}
