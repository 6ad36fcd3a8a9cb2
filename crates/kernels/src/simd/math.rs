//! Functions of one `f32` as straight lines of arithmetic, so that loops over them vectorise.
//!
//! The greatest errors measured, in units in the last place of the result, the last place of the smallest normal number counting as that
//! of every denormal one. Fused levels are `Avx2` and `Avx512`, which agree to the last bit.
//!
//! | function | fused | portable | bit patterns |
//! |---|---|---|---|
//! | exp | 1.09 | 1.05 | all 2³² |
//! | ln | 0.84 | 0.84 | all 2³² |
//! | tanh | 1.34 | 1.34 | all 2³² |
//! | erf | 1.13 | 1.34 | all 2³² |
//! | sigmoid | 2.40 | 2.40 | all 2³² |
//! | sin, cos | 1.68 | 1.68 | every 61st |
//! | softplus | 3.61 | 3.61 | every 61st |
//! | x² / (1 + x²) | 2.31 | 2.31 | every 61st |
//! | x + 1 above 0, eˣ elsewhere | 1.05 | 1.01 | every 61st |
//! | x · σ(x) | 3.40 | 3.40 | all 2³² |
//! | x · Φ(x) | 3.96 | 4.84 | all 2³² |
//! | x · σ(2u), GELU with tanh | 3.05 | 3.07 | every 17th |
//!
//! Bounds of 2 (exp, and the function made of it), 5 (x · Φ(x) at the portable level) and 4 (the others) are tested. `cargo run --release
//! -p anther-kernels --example ulp` measures.
//!
//! The polynomials interpolate at Chebyshev nodes; each one says what it approximates and how well before rounding.

use super::Isa;

/// c₀ + c₁x + c₂x² + …
#[inline(always)]
fn polynomial<I: Isa, const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    let mut value = coefficients[N - 1];
    for i in (0..N - 1).rev() {
        value = I::mul_add(value, x, coefficients[i]);
    }
    value
}

/// ln 2 in two parts; the first one has 9 bits, so that its product with a whole number of 15 bits is exact.
const LN_2_HIGH: f32 = 355.0 / 512.0;
const LN_2_LOW: f32 = -2.121_944_4e-4;

/// 2ⁿ for n in −126..=127
#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) as u32) << 23)
}

/// Adding this rounds to a whole number, which is left in the low bits.
const ROUND: f32 = 12_582_912.0;

/// 2ⁿ as two factors, from what adding [`ROUND`] to a number near n gave: 2ⁿ itself may be neither finite nor normal when a result is.
#[inline(always)]
fn scales(rounded: f32) -> (f32, f32) {
    let n = (rounded.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
    let half = n >> 1;
    (power_of_two(half), power_of_two(n.wrapping_sub(half)))
}

/// eʳ − 1 for |r| ≤ ln 2 / 2
#[inline(always)]
fn exp_m1_near<I: Isa>(r: f32) -> f32 {
    // (eʳ − 1 − r) / r², to 7e-8
    let q = polynomial::<I, 5>(r, [0.5, 1.666_657_6e-1, 4.166_655_2e-2, 8.363_233e-3, 1.392_625e-3]);
    I::mul_add(r * r, q, r)
}

/// n and r of x = n·ln 2 + r, |r| ≤ ln 2 / 2; n as [`scales`] takes it.
#[inline(always)]
fn reduce<I: Isa>(x: f32) -> (f32, f32) {
    let rounded = I::mul_add(x, std::f32::consts::LOG2_E, ROUND);
    let n = rounded - ROUND;
    (rounded, I::mul_add(n, -LN_2_LOW, I::mul_add(n, -LN_2_HIGH, x)))
}

/// eˣ = 2ⁿ · eʳ. Gradual underflow, infinity on overflow, NaN for NaN.
#[inline(always)]
pub(crate) fn exp<I: Isa>(x: f32) -> f32 {
    // Beyond these the result is 0 or infinity anyway. Comparisons in this direction let NaN pass.
    let x = if x > 89.0 { 89.0 } else { x };
    let x = if x < -104.0 { -104.0 } else { x };
    let (rounded, r) = reduce::<I>(x);
    let (first, second) = scales(rounded);
    (exp_m1_near::<I>(r) + 1.0) * first * second
}

/// [`exp`] of what is at most 88, and 0 below −87, for weights: nothing denormal, so one power of two is enough.
#[inline(always)]
pub(crate) fn exp_below<I: Isa>(x: f32) -> f32 {
    let tiny = x < -87.0;
    let (rounded, r) = reduce::<I>(if tiny { -87.0 } else { x });
    let n = (rounded.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
    let value = (exp_m1_near::<I>(r) + 1.0) * power_of_two(n);
    if tiny { 0.0 } else { value }
}

/// x² / (1 + x²), also where x² overflows.
#[inline(always)]
pub(crate) fn squash(x: f32) -> f32 {
    // The result rounds to 1 long before the square overflows.
    let square = if x.abs() > 1e9 { 1e18 } else { x * x };
    square / (1.0 + square)
}

/// ln x = e·ln 2 + ln(1 + f) with x = 2ᵉ(1 + f), 1 + f in [√½, √2). −∞ at 0, NaN below it.
#[inline(always)]
pub(crate) fn ln<I: Isa>(x: f32) -> f32 {
    let denormal = x < f32::MIN_POSITIVE;
    let scaled = if denormal { x * 8_388_608.0 } else { x };
    // The bits of √½: subtracting them makes the exponent field step where the mantissa passes √2.
    const SQRT_HALF: u32 = 0x3f35_04f3;
    let bits = scaled.to_bits().wrapping_sub(SQRT_HALF);
    let e = ((bits as i32) >> 23) as f32 - if denormal { 23.0 } else { 0.0 };
    let f = f32::from_bits((bits & 0x007f_ffff).wrapping_add(SQRT_HALF)) - 1.0;
    // ln(1 + f) = 2 artanh(s) = 2s + s·r, and 2s = f − f²/2 + s·f²/2.
    let s = f / (2.0 + f);
    let z = s * s;
    // (2 artanh(√z)/√z − 2) / z, to 3e-8
    let r = z * polynomial::<I, 4>(z, [6.666_667e-1, 4.000_012_6e-1, 2.855_039_8e-1, 2.334_194_3e-1]);
    let half_square = 0.5 * f * f;
    let correction = I::mul_add(s, half_square + r, e * LN_2_LOW);
    let value = I::mul_add(e, LN_2_HIGH, f - (half_square - correction));
    if x > 0.0 && x < f32::INFINITY {
        value
    } else if x == 0.0 {
        f32::NEG_INFINITY
    } else if x > 0.0 {
        x
    } else {
        f32::NAN
    }
}

/// ln(1 + x) = 2 artanh(s) with s = x / (2 + x), for x in [0, 1].
#[inline(always)]
fn ln_1p<I: Isa>(x: f32) -> f32 {
    let s = x / (2.0 + x);
    let z = s * s;
    // (2 artanh(√z)/√z − 2) / z for z ≤ 1/9; 2 + z times it to 2e-8
    let r = polynomial::<I, 4>(z, [6.666_664e-1, 4.000_756e-1, 2.823_662e-1, 2.685_15e-1]);
    s * I::mul_add(z, r, 2.0)
}

/// tanh x: an odd polynomial near 0, 1 − 2/(e²ˣ + 1) elsewhere.
#[inline(always)]
pub(crate) fn tanh<I: Isa>(x: f32) -> f32 {
    let z = x * x;
    // (tanh(√z)/√z − 1) / z for √z ≤ 0.64, to 2e-8
    let q = polynomial::<I, 6>(
        z,
        [-3.333_333_4e-1, 1.333_329_7e-1, -5.395_759_6e-2, 2.175_57e-2, -8.301_696e-3, 2.246_003_6e-3],
    );
    let near = I::mul_add(x * z, q, x);
    let far = 1.0 - 2.0 / (exp::<I>(2.0 * x.abs()) + 1.0);
    if x.abs() < 0.625 { near } else { far.copysign(x) }
}

/// 1 / (1 + e⁻ˣ), with the exponential of a negative number only, so that tiny results do not round to 0.
#[inline(always)]
pub(crate) fn sigmoid<I: Isa>(x: f32) -> f32 {
    let z = exp::<I>(-x.abs());
    (if x < 0.0 { z } else { 1.0 }) / (1.0 + z)
}

/// x · σ(x) = max(x, 0) − |x| · σ(−|x|), whose second part is the product of x and a small exponential and never denormal before the last
/// multiplication. 0 at −∞.
#[inline(always)]
pub(crate) fn silu<I: Isa>(x: f32) -> f32 {
    // From here on the second part is 0 in `f32`. The comparison lets NaN pass.
    let a = if x.abs() > 112.0 { 112.0 } else { x.abs() };
    let (rounded, r) = reduce::<I>(-a);
    let (first, scale) = scales(rounded);
    let power = (exp_m1_near::<I>(r) + 1.0) * first;
    let part = (a * power) * scale / I::mul_add(power, scale, 1.0);
    (if x > 0.0 { x } else { 0.0 }) - part
}

/// x · σ(2u) with 2u = 2√(2/π) · (x + 0.044715 x³), in the form of [`silu`]. 0 at −∞.
///
/// e^(−2u) = 2^(−y), see [`tanh_exponent`].
#[inline(always)]
pub(crate) fn gelu_tanh<I: Isa>(x: f32) -> f32 {
    // From here on the second part is 0 in `f32`. The comparison lets NaN pass.
    let a = if x.abs() > 11.0 { 11.0 } else { x.abs() };
    let (rounded, r) = tanh_exponent::<I>(a);
    // (2ʳ − 1) / r for |r| ≤ ½; 2ʳ to 2e-8
    let q = polynomial::<I, 6>(
        r,
        [6.931_472e-1, 2.402_264_8e-1, 5.550_331_6e-2, 9.618_441e-3, 1.339_926_3e-3, 1.535_304_9e-4],
    );
    let (first, scale) = scales(rounded);
    let power = I::mul_add(r, q, 1.0) * first;
    let part = (a * power) * scale / I::mul_add(power, scale, 1.0);
    (if x > 0.0 { x } else { 0.0 }) - part
}

/// −y = n + r with y = a·w and w = k₁ + k₃a², for a in 0..=11: n as [`scales`] takes it, and |r| ≤ ½.
///
/// A result has as many units of error as y has of absolute error, and y reaches 150, so what rounding takes from a² and from w is kept, and added
/// to what is left of y when its whole part is off. Where the CPU cannot fuse, recovering it three times costs more than y in `f64` once.
#[inline(always)]
fn tanh_exponent<I: Isa>(a: f32) -> (f32, f32) {
    /// 2√(2/π) · log₂ e in two parts; the first one is a multiple of 2⁻²⁰, so that subtracting it from w is exact.
    const K1: f32 = 2.302_208;
    const K1_LOW: f32 = 2.513_669_7e-7;
    /// 0.044715 times as much, in two parts.
    const K3: f32 = 0.102_943_24;
    const K3_LOW: f32 = -2.016_198_5e-9;
    let square = a * a;
    let w = I::mul_add(K3, square, K1);
    let rounded = I::mul_add(-a, w, ROUND);
    if !I::FUSES {
        const WIDE_K1: f64 = K1 as f64 + K1_LOW as f64;
        const WIDE_K3: f64 = K3 as f64 + K3_LOW as f64;
        let wide = f64::from(a);
        let y = wide * (WIDE_K3 * (wide * wide) + WIDE_K1);
        return (rounded, (f64::from(ROUND - rounded) - y) as f32);
    }
    let square_low = I::exact_mul_add(a, a, -square);
    let w_low = I::exact_mul_add(K3, square, K1 - w) + K1_LOW;
    let w_low = I::mul_add(K3, square_low, I::mul_add(K3_LOW, square, w_low));
    (rounded, I::mul_add(-a, w_low, I::exact_mul_add(-a, w, ROUND - rounded)))
}

/// σ(x) = 1 / (1 + e⁻ˣ) and its derivative σ·(1 − σ), in which nothing cancels.
#[inline(always)]
pub(crate) fn sigmoid_and_slope<I: Isa>(x: f32) -> (f32, f32) {
    let z = exp::<I>(-x.abs());
    let share = 1.0 / (1.0 + z);
    let rest = z * share;
    (if x < 0.0 { rest } else { share }, rest * share)
}

/// The error function: an odd polynomial up to 1, 1 − e^(−g(x)) with g = −ln erfc beyond.
#[inline(always)]
pub(crate) fn erf<I: Isa>(x: f32) -> f32 {
    let z = x * x;
    // erf(√z)/√z − 1 for z ≤ 1, to 6e-9
    let q = polynomial::<I, 7>(
        z,
        [1.283_791_7e-1, -3.761_262_6e-1, 1.128_359_4e-1, -2.685_421_1e-2, 5.189_087e-3, -8.016_864e-4, 7.875_875e-5],
    );
    let near = I::mul_add(x, q, x);
    // From 4 on the result is 1 in `f32`. The comparison lets NaN pass.
    let t = if x.abs() > 4.0 { 4.0 } else { x.abs() };
    // −ln erfc(t) for t in 1..=4, to 1.3e-7, which is multiplied by erfc(1) = 0.16 or less
    let g = polynomial::<I, 9>(
        t,
        [
            -3.201_380_6e-4,
            1.130_233_4,
            6.318_260_4e-1,
            1.100_800_9e-1,
            -2.642_113_5e-2,
            4.759_596e-3,
            -5.968_056_5e-4,
            4.605_804e-5,
            -1.637_151_4e-6,
        ],
    );
    let far = 1.0 - exp::<I>(-g);
    if x.abs() < 1.0 { near } else { far.copysign(x) }
}

/// Where the tail of the normal distribution ends: from here on Φ(−x), φ(x) and x·Φ(−x) are 0 in `f32`.
const NORMAL_END: f32 = 14.5;

/// The scale of the variable of [`mills`].
const MILLS: f32 = 0.32;

/// e^(a²/2) · Φ(−a) / t with t = 1/(1 + 0.32a), for a in 0..=14.5, to 3e-8
#[inline(always)]
fn mills<I: Isa>(t: f32) -> f32 {
    polynomial::<I, 10>(
        t,
        [
            1.276_508_1e-1,
            1.278_982_3e-1,
            1.124_082_4e-1,
            9.926_371e-2,
            2.254_759e-2,
            6.315_052_5e-2,
            -2.769_211e-2,
            -7.298_367e-2,
            6.252_678_5e-2,
            -1.477_012_5e-2,
        ],
    )
}

/// e^(−a²/2) for a in 0..=14.5, with what a² loses to rounding: a number g and two powers of two, whose product times 1 + g it is.
#[inline(always)]
fn bell<I: Isa>(a: f32) -> (f32, f32, f32) {
    let square = a * a;
    let (rounded, r) = reduce::<I>(-0.5 * square);
    let (first, second) = scales(rounded);
    (exp_m1_near::<I>(I::mul_add(-0.5, I::exact_mul_add(a, a, -square), r)), first, second)
}

/// The normal distribution: Φ(x) = erfc(−x/√2) / 2 and its density φ(x) = e^(−x²/2) / √(2π), from one exponential.
///
/// Φ(−a) = e^(−a²/2) · t · mills(t) for a ≥ 0, so the small tail is not what is left of 1 − 1.
#[inline(always)]
pub(crate) fn normal<I: Isa>(x: f32) -> (f32, f32) {
    // The comparison lets NaN pass.
    let a = if x.abs() > NORMAL_END { NORMAL_END } else { x.abs() };
    let (g, first, second) = bell::<I>(a);
    let power = (g + 1.0) * first * second;
    let t = 1.0 / I::mul_add(MILLS, a, 1.0);
    let tail = power * (t * mills::<I>(t));
    (if x > 0.0 { 1.0 - tail } else { tail }, 0.398_942_3 * power)
}

/// x · Φ(x) = max(x, 0) − |x| · Φ(−|x|). 0 at −∞.
///
/// With a = |x| the second part is e^(−a²/2) · v · mills(1 − 0.32v), v = a / (1 + 0.32a): a relative error of v counts once at 0 and less beyond,
/// where that of t in [`normal`] counts up to two and a half times. v = a − 0.32a · v, so that near 0 it has next to none.
#[inline(always)]
pub(crate) fn gelu<I: Isa>(x: f32) -> f32 {
    // The comparison lets NaN pass.
    let a = if x.abs() > NORMAL_END { NORMAL_END } else { x.abs() };
    let (g, first, second) = bell::<I>(a);
    let scaled = MILLS * a;
    let v = I::mul_add(-scaled, a / (1.0 + scaled), a);
    let ratio = v * mills::<I>(I::mul_add(-MILLS, v, 1.0));
    // Times 1 + g with one rounding, then by powers of two, the second of which alone may make it denormal.
    let part = I::mul_add(ratio, g, ratio) * first * second;
    (if x > 0.0 { x } else { 0.0 }) - part
}

/// Up to here [`sin`] and [`cos`] are accurate: the multiple of π/2 that is taken off has 20 bits.
pub(crate) const TURN_LIMIT: f32 = 1e6;

/// sin x for |x| ≤ [`TURN_LIMIT`].
#[inline(always)]
pub(crate) fn sin<I: Isa>(x: f32) -> f32 {
    turn::<I>(x, 0)
}

/// cos x = sin(x + π/2) for |x| ≤ [`TURN_LIMIT`].
#[inline(always)]
pub(crate) fn cos<I: Isa>(x: f32) -> f32 {
    turn::<I>(x, 1)
}

/// sin(x + quarters · π/2): x = k·π/2 + r with |r| ≤ π/4, then ±sin r or ±cos r.
#[inline(always)]
fn turn<I: Isa>(x: f32, quarters: i32) -> f32 {
    /// Adding this to an `f64` rounds to a whole number, which is left in the low bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    /// π/2 in two parts; the first one has 33 bits, so that its product with a whole number of 20 bits is exact.
    const HALF_PI_HIGH: f64 = 1.570_796_326_734_125_6;
    const HALF_PI_LOW: f64 = 6.077_100_506_506_192e-11;
    // In `f64`, because r may be as small as 2⁻³¹ for an x of thousands.
    let x = f64::from(x);
    let rounded = x * std::f64::consts::FRAC_2_PI + ROUND;
    let k = rounded - ROUND;
    let r = ((x - k * HALF_PI_HIGH) - k * HALF_PI_LOW) as f32;
    let quadrant = (rounded.to_bits() as i32).wrapping_add(quarters);
    let z = r * r;
    // (sin(√z)/√z − 1) / z for √z ≤ π/4; 1 + z times it to 2e-8
    let s = polynomial::<I, 3>(z, [-1.666_666_4e-1, 8.332_748e-3, -1.958_787e-4]);
    let sine = I::mul_add(r * z, s, r);
    // (cos(√z) − 1 + z/2) / z² for √z ≤ π/4; 1 − z/2 + z² times it to 1e-9
    let c = polynomial::<I, 3>(z, [4.166_664e-2, -1.388_830_2e-3, 2.454_792_2e-5]);
    let cosine = I::mul_add(z * z, c, I::mul_add(-0.5, z, 1.0));
    let magnitude = if quadrant & 1 == 0 { sine } else { cosine };
    f32::from_bits(magnitude.to_bits() ^ ((quadrant as u32 & 2) << 30))
}

/// ln(1 + eˣ) = max(x, 0) + ln(1 + e^−|x|)
#[inline(always)]
pub(crate) fn softplus<I: Isa>(x: f32) -> f32 {
    (if x > 0.0 { x } else { 0.0 }) + ln_1p::<I>(exp::<I>(-x.abs()))
}
