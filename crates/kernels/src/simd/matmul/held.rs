//! How a body reads the right operand of a product: [`Held`], whatever it is held in.

use crate::simd::Isa;
use crate::weights::Bf16;

/// A number that weights are held in, loaded as `f32`. A body that is generic over it does the same sums for all of them.
pub(crate) trait Held: Copy {
    /// The lanes at an address of any alignment.
    ///
    /// # Safety
    /// All lanes must be readable.
    unsafe fn load<I: Isa>(from: *const Self) -> I::Vector;

    /// The first `count` lanes, and zeros in the others.
    ///
    /// # Safety
    /// The first `count` lanes must be readable.
    unsafe fn load_first<I: Isa>(from: *const Self, count: usize) -> I::Vector;
}

impl Held for f32 {
    #[inline(always)]
    unsafe fn load<I: Isa>(from: *const f32) -> I::Vector {
        // SAFETY: the caller's promise is the same.
        unsafe { I::load(from) }
    }

    #[inline(always)]
    unsafe fn load_first<I: Isa>(from: *const f32, count: usize) -> I::Vector {
        // SAFETY: the caller's promise is the same.
        unsafe { I::load_first(from, count) }
    }
}

impl Held for Bf16 {
    #[inline(always)]
    unsafe fn load<I: Isa>(from: *const Bf16) -> I::Vector {
        // SAFETY: the caller's promise is the same.
        unsafe { I::load_bf16(from) }
    }

    #[inline(always)]
    unsafe fn load_first<I: Isa>(from: *const Bf16, count: usize) -> I::Vector {
        // SAFETY: the caller's promise is the same.
        unsafe { I::load_bf16_first(from, count) }
    }
}
