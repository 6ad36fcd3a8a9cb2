//! Arithmetic on several numbers at once, for safe code that [`vectorize`](crate::vectorize) compiles.

use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

use crate::real::Real;
use crate::tiles::PANEL;

/// [`PANEL`] numbers, one for each key of a packed panel. All operations are lane by lane and on values, which compilers turn into vector
/// instructions; none is contracted, so all levels give the same bits.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(transparent)]
pub struct Lanes<T>(pub [T; PANEL]);

impl<T: Real> Lanes<T> {
    /// The same number in all lanes.
    #[inline(always)]
    pub fn splat(x: T) -> Self {
        Lanes([x; PANEL])
    }

    /// Zeros.
    #[inline(always)]
    pub fn zero() -> Self {
        Lanes::splat(T::ZERO)
    }

    /// `f` of each lane.
    #[inline(always)]
    #[must_use]
    pub fn map(self, f: impl Fn(T) -> T) -> Self {
        let mut out = [T::ZERO; PANEL];
        for (out, x) in out.iter_mut().zip(self.0) {
            *out = f(x);
        }
        Lanes(out)
    }

    /// `f` of the lanes of both.
    #[inline(always)]
    #[must_use]
    pub fn zip(self, other: Self, f: impl Fn(T, T) -> T) -> Self {
        let mut out = [T::ZERO; PANEL];
        for (out, (x, y)) in out.iter_mut().zip(self.0.into_iter().zip(other.0)) {
            *out = f(x, y);
        }
        Lanes(out)
    }

    /// `self · a + b`, rounded once.
    #[inline(always)]
    #[must_use]
    pub fn mul_add(self, a: Self, b: Self) -> Self {
        let mut out = b.0;
        for (out, (x, a)) in out.iter_mut().zip(self.0.into_iter().zip(a.0)) {
            *out = x.mul_add(a, *out);
        }
        Lanes(out)
    }

    /// The absolute value.
    #[inline(always)]
    #[must_use]
    pub fn abs(self) -> Self {
        self.map(T::abs)
    }

    /// max(x, 0), 0 for NaN.
    #[inline(always)]
    #[must_use]
    pub fn relu(self) -> Self {
        self.map(|x| if x > T::ZERO { x } else { T::ZERO })
    }

    /// 1, −1, or 0 for 0 and NaN.
    #[inline(always)]
    #[must_use]
    pub fn sign(self) -> Self {
        let (one, zero) = (T::ONE, T::ZERO);
        self.map(|x| if x > zero { one } else { zero } - if x < zero { one } else { zero })
    }

    /// `other` where this is above 0, 0 elsewhere.
    #[inline(always)]
    #[must_use]
    pub fn where_positive(self, other: Self) -> Self {
        self.zip(other, |x, y| if x > T::ZERO { y } else { T::ZERO })
    }

    /// The sum of the lanes, in their order.
    #[inline(always)]
    pub fn total(self) -> T {
        self.0.into_iter().sum()
    }

    /// Numbers that lie one after the other, as lanes; what is left over at the end is left out.
    #[inline(always)]
    pub fn of(numbers: &[T]) -> &[Self] {
        let (chunks, _) = numbers.as_chunks::<PANEL>();
        // SAFETY: `Lanes` is transparent over an array.
        unsafe { std::slice::from_raw_parts(chunks.as_ptr().cast(), chunks.len()) }
    }

    /// As [`Lanes::of`].
    #[inline(always)]
    pub fn of_mut(numbers: &mut [T]) -> &mut [Self] {
        let (chunks, _) = numbers.as_chunks_mut::<PANEL>();
        // SAFETY: `Lanes` is transparent over an array.
        unsafe { std::slice::from_raw_parts_mut(chunks.as_mut_ptr().cast(), chunks.len()) }
    }

    /// The numbers of lanes, one after the other.
    #[inline(always)]
    pub fn numbers(lanes: &[Self]) -> &[T] {
        // SAFETY: `Lanes` is transparent over an array, and arrays lie without gaps.
        unsafe { std::slice::from_raw_parts(lanes.as_ptr().cast(), lanes.len() * PANEL) }
    }

    /// As [`Lanes::numbers`].
    #[inline(always)]
    pub fn numbers_mut(lanes: &mut [Self]) -> &mut [T] {
        // SAFETY: `Lanes` is transparent over an array, and arrays lie without gaps.
        unsafe { std::slice::from_raw_parts_mut(lanes.as_mut_ptr().cast(), lanes.len() * PANEL) }
    }
}

macro_rules! operator {
    ($trait:ident, $method:ident) => {
        impl<T: Real> $trait for Lanes<T> {
            type Output = Self;

            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                self.zip(other, T::$method)
            }
        }
    };
}

operator!(Add, add);
operator!(Sub, sub);
operator!(Mul, mul);
operator!(Div, div);

impl<T: Real> Neg for Lanes<T> {
    type Output = Self;

    #[inline(always)]
    fn neg(self) -> Self {
        self.map(T::neg)
    }
}

impl<T: Real> AddAssign for Lanes<T> {
    #[inline(always)]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_lane_by_lane() {
        let x = Lanes(std::array::from_fn(|c| c as f64 - 3.0));
        let y = Lanes::splat(2.0);
        assert_eq!((x * y + y - x).0[5], 4.0);
        assert_eq!((-x / y).0[5], -1.0);
        assert_eq!(x.mul_add(y, y).0[0], -4.0);
        assert_eq!((x.abs().0[1], x.relu().0[1], x.relu().0[4]), (2.0, 0.0, 1.0));
        assert_eq!(x.sign().0[2..5], [-1.0, 0.0, 1.0]);
        assert_eq!(x.where_positive(y).0[2..5], [0.0, 0.0, 2.0]);
        assert_eq!(x.total(), (0..PANEL).map(|c| c as f64 - 3.0).sum());
        let mut sum = x;
        sum += y;
        assert_eq!(sum, x + y);
    }

    #[test]
    fn slices_become_lanes_and_numbers_again() {
        let mut numbers: Vec<f32> = (0..2 * PANEL + 3).map(|i| i as f32).collect();
        assert_eq!(Lanes::of(&numbers).len(), 2);
        assert_eq!(Lanes::of(&numbers)[1].0[4], (PANEL + 4) as f32);
        Lanes::of_mut(&mut numbers)[1].0[0] = -1.0;
        assert_eq!(numbers[PANEL], -1.0);
        let mut lanes = [Lanes::splat(1.0f32), Lanes::splat(2.0)];
        Lanes::numbers_mut(&mut lanes)[PANEL] = 5.0;
        assert_eq!(Lanes::numbers(&lanes)[PANEL - 1..PANEL + 2], [1.0, 5.0, 2.0]);
    }
}
