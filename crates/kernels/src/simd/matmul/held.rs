//! How a body reads the right operand of a product: [`Held`], whatever it is held in.

use crate::simd::Isa;
use crate::weights::Bf16;

/// A number that weights are held in, loaded as `f32`. A body that is generic over it does the same sums for all of them.
pub(crate) trait Held: Copy {
    /// Whether rows that are read a few at a time are fetched before their turn. Rows of bf16 are so short that the CPU does not foresee the next
    /// ones: fetching them made a product of one row with 28 million bytes of weights 1.3 (rows of 1536) to 2.3 times (384) as fast. With `f32` it is
    /// no gain, and a third slower with long rows.
    const FETCHED: bool;

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
    const FETCHED: bool = false;

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
    const FETCHED: bool = true;

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
