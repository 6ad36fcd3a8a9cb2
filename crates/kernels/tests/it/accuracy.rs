//! The functions of the vectorised bodies, swept over bit patterns against `f64`.
//!
//! The references are the `f64` twins: the standard library's functions and, for the error function, a series and a continued fraction
//! that have tests of their own against values of 50 digits.

use std::f32::consts::{FRAC_1_SQRT_2, FRAC_PI_2, FRAC_PI_4, PI, SQRT_2};

use anther_kernels::{Level, Unary, Write, unary};

use crate::common::{at_each_level, ulp};

/// A prime, so that the sweep meets every exponent with ever different mantissas: 3.5 million patterns of both signs, denormals, infinities
/// and NaN among them.
const STRIDE: usize = 1213;

/// Neighbours that are tested on either side of a switching point.
const WINDOW: u32 = 20_000;

/// The sweep, and every number close to one of `switches`, where a function changes its formula, or to its negative.
fn arguments(switches: &[f32]) -> Vec<f32> {
    let sweep = (0..=u32::MAX).step_by(STRIDE);
    let windows = switches.iter().flat_map(|x| x.to_bits().saturating_sub(WINDOW)..=x.to_bits() + WINDOW);
    let windows = windows.flat_map(|bits| [bits, bits ^ 0x8000_0000]);
    sweep.chain(windows).map(f32::from_bits).collect()
}

/// The distance of `y` from `want` in units in the last place.
fn error(y: f32, want: f64) -> f64 {
    if want.is_nan() {
        return if y.is_nan() { 0.0 } else { f64::INFINITY };
    }
    // What rounds to infinity in `f32` has no last place.
    if want.abs() >= 2f64.powi(128) * (1.0 - 2f64.powi(-25)) {
        return if f64::from(y) == f64::from(want as f32) { 0.0 } else { f64::INFINITY };
    }
    let error = (f64::from(y) - want).abs() / ulp(want);
    if error.is_nan() { f64::INFINITY } else { error }
}

/// Asserts that `op` is within `bound(level, x, exact)` units of its twin at each level over the sweep and around `switches`.
fn check(op: Unary, switches: &[f32], bound: impl Fn(Level, f64, f64) -> f64) {
    let x = arguments(switches);
    assert!(x.len() > 3_500_000);
    let wide: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
    let (mut want, mut y) = (vec![f64::NAN; x.len()], vec![f32::NAN; x.len()]);
    unary(op, &mut want, &wide, Write::Set);
    at_each_level(|level| {
        unary(op, &mut y, &x, Write::Set);
        for ((&x, &y), &want) in wide.iter().zip(&y).zip(&want) {
            let (error, bound) = (error(y, want), bound(level, x, want));
            assert!(error <= bound, "{op:?} at {level}: {y:e} for {x:e} is {error:.3} ULP off {want:e}, bound {bound}");
        }
    });
}

#[test]
fn exp_to_2_ulp() {
    check(Unary::Exp, &[0.346_573_6, 1.0, 87.336_55, 88.722_84, 89.0, 103.97, 104.0], |_, _, _| 2.0);
}

#[test]
fn ln_to_4_ulp() {
    check(Unary::Ln, &[f32::MIN_POSITIVE, FRAC_1_SQRT_2, 1.0, SQRT_2, 2.0], |_, _, _| 4.0);
}

#[test]
fn tanh_to_4_ulp() {
    check(Unary::Tanh, &[0.625, 1.0, 9.01, 44.5], |_, _, _| 4.0);
}

#[test]
fn erf_to_4_ulp() {
    check(Unary::Erf, &[0.5, 1.0, 3.9, 4.0], |_, _, _| 4.0);
}

#[test]
fn sigmoid_to_4_ulp() {
    check(Unary::Sigmoid, &[1.0, 16.6, 87.336_55, 89.0, 104.0], |_, _, _| 4.0);
}

#[test]
fn sin_and_cos_to_4_ulp() {
    let switches = [FRAC_PI_4, FRAC_PI_2, 3.0 * FRAC_PI_4, PI, 355.0, 1e6];
    check(Unary::Sin, &switches, |_, _, _| 4.0);
    check(Unary::Cos, &switches, |_, _, _| 4.0);
}

#[test]
fn softplus_to_4_ulp() {
    check(Unary::Softplus, &[1.0, 16.6, 87.336_55, 104.0], |_, _, _| 4.0);
}

#[test]
fn elu_plus_one_to_2_ulp_and_squash_to_4() {
    check(Unary::EluPlusOne, &[1.0, 87.336_55, 104.0], |_, _, _| 2.0);
    check(Unary::Squash, &[1.0, 4096.0, 1e9], |_, _, _| 4.0);
}

/// Down to the smallest results: the factor of x, which is smaller still, is never rounded to a denormal number.
#[test]
fn products_with_x_to_4_ulp() {
    check(Unary::Silu, &[1.0, 87.336_55, 104.0, 112.0], |_, _, _| 4.0);
    check(Unary::GeluTanh, &[1.0, 5.0, 9.5, 10.0, 11.0], |_, _, _| 4.0);
    // Where multiplications cannot be fused, the polynomial has twice as many roundings.
    check(Unary::Gelu, &[0.3, 1.0, 5.0, 13.0, 14.5], |level, _, _| if level == Level::Portable { 5.0 } else { 4.0 });
}

#[test]
fn special_values() {
    let inf = f32::INFINITY;
    let x = [inf, -inf, f32::NAN, 0.0, -0.0, 1e-45, -1.0, 89.0, -104.0, f32::MAX, f32::MIN];
    let cases: [(Unary, [f32; 11]); 8] = [
        (Unary::Exp, [inf, 0.0, f32::NAN, 1.0, 1.0, 1.0, (-1f32).exp(), inf, 0.0, inf, 0.0]),
        (
            Unary::Ln,
            [
                inf,
                f32::NAN,
                f32::NAN,
                -inf,
                -inf,
                1e-45f32.ln(),
                f32::NAN,
                89f32.ln(),
                f32::NAN,
                f32::MAX.ln(),
                f32::NAN,
            ],
        ),
        (Unary::Tanh, [1.0, -1.0, f32::NAN, 0.0, -0.0, 1e-45, -0.761_594_2, 1.0, -1.0, 1.0, -1.0]),
        (Unary::Erf, [1.0, -1.0, f32::NAN, 0.0, -0.0, 1e-45, -0.842_700_8, 1.0, -1.0, 1.0, -1.0]),
        (Unary::Silu, [inf, 0.0, f32::NAN, 0.0, 0.0, 0.0, -0.268_941_43, 89.0, -7.1e-44, f32::MAX, 0.0]),
        (Unary::Gelu, [inf, 0.0, f32::NAN, 0.0, 0.0, 0.0, -0.158_655_26, 89.0, 0.0, f32::MAX, 0.0]),
        (Unary::GeluTanh, [inf, 0.0, f32::NAN, 0.0, 0.0, 0.0, -0.158_808_01, 89.0, 0.0, f32::MAX, 0.0]),
        (Unary::Squash, [1.0, 1.0, f32::NAN, 0.0, 0.0, 0.0, 0.5, 0.999_873_8, 0.999_907_55, 1.0, 1.0]),
    ];
    at_each_level(|level| {
        for (op, want) in &cases {
            // Repeated, so that the values pass through whole registers and through the rest of a loop.
            let x = x.repeat(4);
            let mut y = vec![7.0; x.len()];
            unary(*op, &mut y, &x, Write::Set);
            for (i, (&y, &want)) in y.iter().zip(want.iter().cycle()).enumerate() {
                let fits = if want.is_nan() {
                    y.is_nan()
                } else {
                    y == want || (y - want).abs() <= 2e-7 * want.abs() + f32::from_bits(1)
                };
                assert!(fits, "{op:?} of {:e} at {level} is {y:e}, expected {want:e}", x[i]);
            }
        }
    });
}

/// e^x is denormal here; flushing it to zero would be an error of thousands of units.
#[test]
fn exp_underflows_gradually() {
    at_each_level(|level| {
        let x = [-88.0f32, -90.0, -95.0, -100.0, -103.0];
        let mut y = [0.0; 5];
        unary(Unary::Exp, &mut y, &x, Write::Set);
        for (x, y) in x.iter().zip(y) {
            assert!(y > 0.0 && !y.is_normal(), "e^{x} at {level} is {y:e}");
        }
    });
}
