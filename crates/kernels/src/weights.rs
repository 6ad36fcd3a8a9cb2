//! Weights as they are held: in the element type, or rounded to bf16.

use std::fmt;
use std::ops::Range;

use crate::check;
use crate::real::Real;
use crate::threads::{BLOCK, blocks, part};

/// A number in the upper half of an `f32`: a sign, 8 bits of exponent and 7 of fraction.
///
/// Every value is an `f32`, and the range is that of `f32`, denormals included. Between two powers of two there are 128 numbers, so rounding to
/// the nearest changes a number by at most 2⁻⁸ of itself, unless it is denormal.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Bf16(u16);

impl Bf16 {
    /// The number with these bits.
    #[inline]
    #[must_use]
    pub const fn from_bits(bits: u16) -> Self {
        Bf16(bits)
    }

    /// The bits: the upper half of those of the same `f32`.
    #[inline]
    #[must_use]
    pub const fn to_bits(self) -> u16 {
        self.0
    }

    /// The nearest number, of two equally near ones that with an even last bit. Beyond the largest one by half a step it is infinity;
    /// NaN stays NaN, with its sign and the upper bits of its payload, and becomes quiet.
    #[inline]
    #[must_use]
    pub const fn from_f32(x: f32) -> Self {
        let bits = x.to_bits();
        let upper = bits >> 16;
        if x.is_nan() {
            // The payload may lie in the lower half alone; without a bit of it left, NaN would be infinity.
            return Bf16((upper | 0x40) as u16);
        }
        // Half a step, less one unit if the last bit that stays is even: a tie then stays below the next number.
        Bf16(((bits + 0x7fff + (upper & 1)) >> 16) as u16)
    }

    /// As [`Bf16::from_f32`], rounded once.
    #[inline]
    #[must_use]
    pub fn from_f64(x: f64) -> Self {
        let near = x as f32;
        let mut bits = near.to_bits();
        // To odd: an `f32` that is not exact has a last bit of 1, so that it can be no tie of the second rounding.
        if f64::from(near) != x && !x.is_nan() {
            if f64::from(near).abs() > x.abs() {
                bits -= 1;
            }
            bits |= 1;
        }
        Bf16::from_f32(f32::from_bits(bits))
    }

    /// The same number; exact.
    #[inline(always)]
    #[must_use]
    pub const fn to_f32(self) -> f32 {
        f32::from_bits((self.0 as u32) << 16)
    }
}

impl fmt::Debug for Bf16 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_f32().fmt(f)
    }
}

/// How weights are held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Precision {
    /// In the element type: as they were trained.
    #[default]
    F32,
    /// Rounded to [`Bf16`], half of the bytes: for inference. Products and sums stay in the element type.
    Bf16,
}

/// The right operand of a product as it is held. Products and sums do not depend on it: a product with weights in bf16 has the bits of
/// the product with the same numbers in the element type.
#[derive(Clone, Copy, Debug)]
pub enum Weights<'a, T> {
    /// In the element type.
    Full(&'a [T]),
    /// In bf16, converted where they are read: to registers if they are read in place, else when they are packed.
    Bf16(&'a [Bf16]),
}

impl<'a, T: Real> Weights<'a, T> {
    /// The number of weights.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Weights::Full(weights) => weights.len(),
            Weights::Bf16(weights) => weights.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How they are held.
    #[must_use]
    pub fn precision(&self) -> Precision {
        match self {
            Weights::Full(_) => Precision::F32,
            Weights::Bf16(_) => Precision::Bf16,
        }
    }

    /// The weight of that index.
    ///
    /// # Panics
    /// If there are not so many.
    #[must_use]
    #[track_caller]
    pub fn get(&self, index: usize) -> T {
        match self {
            Weights::Full(weights) => weights[index],
            Weights::Bf16(weights) => T::from_f64(f64::from(weights[index].to_f32())),
        }
    }

    /// Some of them.
    ///
    /// # Panics
    /// If the range passes the end.
    #[must_use]
    #[track_caller]
    pub fn slice(&self, range: Range<usize>) -> Weights<'a, T> {
        match self {
            Weights::Full(weights) => Weights::Full(&weights[range]),
            Weights::Bf16(weights) => Weights::Bf16(&weights[range]),
        }
    }
}

/// Rounds `x` to bf16: see [`Bf16::from_f64`]. Integer arithmetic, so the same at every level. Cost: one pass.
///
/// # Panics
/// When the lengths differ.
#[track_caller]
pub fn round_to_bf16<T: Real>(out: &mut [Bf16], x: &[T]) {
    check::length("round_to_bf16", "x", x.len(), out.len());
    blocks(out.len(), out, BLOCK, |i, out| {
        out.iter_mut().zip(part(x, i, BLOCK)).for_each(|(out, x)| *out = Bf16::from_f64(x.to_f64()));
    });
}
