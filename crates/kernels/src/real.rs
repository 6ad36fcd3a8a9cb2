//! The two element types.

use std::fmt::{Debug, Display, LowerExp};
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use crate::level::Level;
use crate::scalar;
use crate::scratch::Free;
use crate::table::Table;

pub mod sealed {
    //! Keeps `Real` and `Plain` to the types of this crate.
    use super::{Free, Level, Table};

    pub trait Stored {}

    pub trait Sealed: Sized {
        /// The kernels to run for this type at `level`.
        fn table(level: Level) -> &'static Table<Self>
        where
            Self: super::Real;
        /// The free scratch buffers of this thread.
        fn free() -> &'static Free<Self>
        where
            Self: super::Real;
    }
}

/// What memory holds: the element types and [`Bf16`](crate::Bf16). All bits zero is the number zero.
pub trait Plain: sealed::Stored + Copy + Debug + Send + Sync + 'static {}

impl sealed::Stored for f32 {}
impl sealed::Stored for f64 {}
impl sealed::Stored for crate::Bf16 {}
impl<T: sealed::Stored + Copy + Debug + Send + Sync + 'static> Plain for T {}

/// An element type: `f32`, which runs the kernels of the level in force, or `f64`, which always runs the scalar twins and is the
/// truth that `f32` is compared with.
pub trait Real:
    sealed::Sealed
    + Plain
    + Default
    + PartialOrd
    + Display
    + LowerExp
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + DivAssign
    + Sum
{
    /// The name of the type in Rust: `f32` or `f64`.
    const NAME: &'static str;
    /// Zero.
    const ZERO: Self;
    /// One.
    const ONE: Self;
    /// A quiet NaN.
    const NAN: Self;
    /// Positive infinity.
    const INFINITY: Self;
    /// Negative infinity.
    const NEG_INFINITY: Self;

    /// The nearest number of this type.
    fn from_f64(value: f64) -> Self;
    /// The same number as an `f64`; exact.
    fn to_f64(self) -> f64;
    /// Neither infinite nor NaN.
    fn is_finite(self) -> bool;
    /// Not a number.
    fn is_nan(self) -> bool;
    /// The absolute value.
    #[must_use]
    fn abs(self) -> Self;
    /// The square root, correctly rounded.
    #[must_use]
    fn sqrt(self) -> Self;
    /// e to this power.
    #[must_use]
    fn exp(self) -> Self;
    /// The natural logarithm.
    #[must_use]
    fn ln(self) -> Self;
    /// The natural logarithm of one plus this number, exact near zero.
    #[must_use]
    fn ln_1p(self) -> Self;
    /// The sine of an angle in radians.
    #[must_use]
    fn sin(self) -> Self;
    /// The cosine of an angle in radians.
    #[must_use]
    fn cos(self) -> Self;
    /// The hyperbolic tangent.
    #[must_use]
    fn tanh(self) -> Self;
    /// The error function, 2/√π · ∫₀ˣ e^(−t²) dt.
    #[must_use]
    fn erf(self) -> Self;
    /// `self · a + b`, rounded once.
    #[must_use]
    fn mul_add(self, a: Self, b: Self) -> Self;
    /// This number to a whole power.
    #[must_use]
    fn powi(self, exponent: i32) -> Self;
    /// This number to a power.
    #[must_use]
    fn powf(self, exponent: Self) -> Self;
    /// The greater of two numbers; the other one when one is NaN.
    #[must_use]
    fn max(self, other: Self) -> Self;
    /// The lesser of two numbers; the other one when one is NaN.
    #[must_use]
    fn min(self, other: Self) -> Self;
    /// The bits of the number, in the low half for `f32`. For bitwise comparisons.
    fn to_bits_u64(self) -> u64;
}

macro_rules! real {
    ($type:ident, $erf:expr) => {
        impl Real for $type {
            const NAME: &'static str = stringify!($type);
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const NAN: Self = $type::NAN;
            const INFINITY: Self = $type::INFINITY;
            const NEG_INFINITY: Self = $type::NEG_INFINITY;

            #[inline(always)]
            fn from_f64(value: f64) -> Self {
                value as $type
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn is_finite(self) -> bool {
                $type::is_finite(self)
            }
            #[inline(always)]
            fn is_nan(self) -> bool {
                $type::is_nan(self)
            }
            #[inline(always)]
            fn abs(self) -> Self {
                $type::abs(self)
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                $type::sqrt(self)
            }
            #[inline(always)]
            fn exp(self) -> Self {
                $type::exp(self)
            }
            #[inline(always)]
            fn ln(self) -> Self {
                $type::ln(self)
            }
            #[inline(always)]
            fn ln_1p(self) -> Self {
                $type::ln_1p(self)
            }
            #[inline(always)]
            fn sin(self) -> Self {
                $type::sin(self)
            }
            #[inline(always)]
            fn cos(self) -> Self {
                $type::cos(self)
            }
            #[inline(always)]
            fn tanh(self) -> Self {
                $type::tanh(self)
            }
            #[inline(always)]
            fn erf(self) -> Self {
                ($erf)(self)
            }
            #[inline(always)]
            fn mul_add(self, a: Self, b: Self) -> Self {
                $type::mul_add(self, a, b)
            }
            #[inline(always)]
            fn powi(self, exponent: i32) -> Self {
                $type::powi(self, exponent)
            }
            #[inline(always)]
            fn powf(self, exponent: Self) -> Self {
                $type::powf(self, exponent)
            }
            #[inline(always)]
            fn max(self, other: Self) -> Self {
                $type::max(self, other)
            }
            #[inline(always)]
            fn min(self, other: Self) -> Self {
                $type::min(self, other)
            }
            #[inline(always)]
            fn to_bits_u64(self) -> u64 {
                u64::from(self.to_bits())
            }
        }
    };
}

real!(f32, |x: f32| scalar::erf::erf(f64::from(x)) as f32);
real!(f64, scalar::erf::erf);
