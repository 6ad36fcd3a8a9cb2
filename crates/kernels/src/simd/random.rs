//! Body of the normal numbers: the method of Box and Muller in `f64`, eight or fewer numbers a register.
//!
//! In `f64`, because a radius from a 24-bit number would have gaps in its tail, and because a result near zero keeps all digits of the twin.
//! Nothing is fused, so every level gives the same bits. Polynomials are the series themselves, cut where the next term is below 3·10⁻¹⁵.

use super::Isa;
use crate::random::RandomKey;

/// Numbers that are made at a time.
const PIECE: usize = 64;

#[inline(always)]
pub(crate) fn fill_normal<I: Isa>(out: &mut [f32], first: u64, key: RandomKey, mean: f32, std: f32) {
    let (mean, std) = (f64::from(mean), f64::from(std));
    let mut first = first;
    for out in out.chunks_mut(PIECE) {
        let mut words = [[0u32; PIECE]; 4];
        for i in 0..PIECE {
            let block = key.normal_words(first + i as u64);
            for (words, word) in words.iter_mut().zip(block) {
                words[i] = word;
            }
        }
        let mut values = [0.0; PIECE];
        for (i, value) in values.iter_mut().enumerate() {
            // 1 − u is exact, and in (0, 1], where the logarithm is finite.
            let radius = (-2.0 * ln(1.0 - unit(words[0][i], words[1][i]))).sqrt();
            let normal = radius * cos_of_turn(unit(words[2][i], words[3][i]));
            *value = (mean + std * normal) as f32;
        }
        out.copy_from_slice(&values[..out.len()]);
        first += PIECE as u64;
    }
}

/// 2⁵²: the bits of 2⁵² + n end in those of a whole number n below it, a conversion that every instruction set has.
const TWO_52: f64 = 4_503_599_627_370_496.0;

/// A whole number below 2⁵² as an `f64`.
#[inline(always)]
fn whole(n: u64) -> f64 {
    f64::from_bits(TWO_52.to_bits() | n) - TWO_52
}

/// The top 53 of 64 bits as a number in [0, 1); exact.
#[inline(always)]
fn unit(high: u32, low: u32) -> f64 {
    const UNIT: f64 = 1.0 / (1u64 << 53) as f64;
    (whole(u64::from(high)) * 2_097_152.0 + whole(u64::from(low >> 11))) * UNIT
}

/// c₀ + c₁x + c₂x² + …
#[inline(always)]
fn polynomial<const N: usize>(x: f64, coefficients: [f64; N]) -> f64 {
    let mut value = coefficients[N - 1];
    for i in (0..N - 1).rev() {
        value = value * x + coefficients[i];
    }
    value
}

/// ln x = e·ln 2 + ln(1 + f) with x = 2ᵉ(1 + f), 1 + f in [√½, √2), for normal x.
#[inline(always)]
fn ln(x: f64) -> f64 {
    /// The bits of √½: subtracting them makes the exponent field step where the mantissa passes √2.
    const SQRT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
    /// Added to the exponent, so that it is no negative number.
    const BIAS: u64 = 1023;
    let bits = x.to_bits().wrapping_sub(SQRT_HALF).wrapping_add(BIAS << 52);
    let e = whole(bits >> 52) - BIAS as f64;
    let f = f64::from_bits((bits & ((1 << 52) - 1)).wrapping_add(SQRT_HALF)) - 1.0;
    // ln(1 + f) = 2 artanh(s) = 2s · (1 + s²/3 + s⁴/5 + …), |s| < 0.172.
    let s = f / (2.0 + f);
    let z = s * s;
    let tail = polynomial(
        z,
        [1.0 / 3.0, 1.0 / 5.0, 1.0 / 7.0, 1.0 / 9.0, 1.0 / 11.0, 1.0 / 13.0, 1.0 / 15.0, 1.0 / 17.0, 1.0 / 19.0],
    );
    e * std::f64::consts::LN_2 + 2.0 * (s + s * (z * tail))
}

/// cos 2πw for w in [0, 1]: 4w = k + r with |r| ≤ ½, both exact, then ±cos or ±sin of r·π/2.
#[inline(always)]
fn cos_of_turn(w: f64) -> f64 {
    /// Adding this rounds to a whole number, which is left in the low bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let quarters = 4.0 * w;
    let rounded = quarters + ROUND;
    let x = (quarters - (rounded - ROUND)) * std::f64::consts::FRAC_PI_2;
    let k = rounded.to_bits();
    let z = x * x;
    let sine = x + x * (z * polynomial(z, SINE));
    let cosine = 1.0 + z * polynomial(z, COSINE);
    // Quadrants 0 to 3: cos, −sin, −cos, sin.
    let magnitude = if k & 1 == 0 { cosine } else { sine };
    f64::from_bits(magnitude.to_bits() ^ ((k.wrapping_add(1) & 2) << 62))
}

/// (sin √z / √z − 1) / z
const SINE: [f64; 7] = [
    -1.0 / 6.0,
    1.0 / 120.0,
    -1.0 / 5_040.0,
    1.0 / 362_880.0,
    -1.0 / 39_916_800.0,
    1.0 / 6_227_020_800.0,
    -1.0 / 1_307_674_368_000.0,
];

/// (cos √z − 1) / z
const COSINE: [f64; 8] = [
    -1.0 / 2.0,
    1.0 / 24.0,
    -1.0 / 720.0,
    1.0 / 40_320.0,
    -1.0 / 3_628_800.0,
    1.0 / 479_001_600.0,
    -1.0 / 87_178_291_200.0,
    1.0 / 20_922_789_888_000.0,
];
