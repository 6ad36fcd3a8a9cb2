//! The baseline of the target, in plain loops over four numbers, which the compiler puts into registers.

use super::{Isa, choose_tile};
use crate::simd::matmul::{Held, Tile};
use crate::weights::Bf16;

/// The baseline of the target, taken to have 16 registers of 4.
pub(crate) struct Baseline;

const LANES: usize = 4;

#[inline(always)]
fn greater(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

/// A tile as a function of its own, so that the caller, which calls many sizes, stays small.
///
/// # Safety
/// As [`Tile::run`].
#[inline(never)]
unsafe fn run<const ROWS: usize, const REGISTERS: usize, const ALONG: bool>(tile: &Tile<'_>) {
    // SAFETY: the caller's promise is the same.
    unsafe { tile.run::<Baseline, ROWS, REGISTERS, ALONG>() }
}

impl Isa for Baseline {
    type Vector = [f32; LANES];

    const LANES: usize = LANES;
    const ROWS: usize = 4;
    const REGISTERS: usize = 16;
    const FUSES: bool = false;

    #[inline(always)]
    fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        a * b + c
    }

    #[inline(always)]
    fn exact_mul_add(a: f32, b: f32, c: f32) -> f32 {
        (f64::from(a) * f64::from(b) + f64::from(c)) as f32
    }

    #[inline(always)]
    fn splat(x: f32) -> Self::Vector {
        [x; LANES]
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::Vector {
        // SAFETY: the caller vouches for all lanes; an array of `f32` may lie at any address that one may.
        unsafe { from.cast::<[f32; LANES]>().read() }
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> Self::Vector {
        // SAFETY: the caller vouches for the first `count` lanes.
        std::array::from_fn(|l| if l < count { unsafe { from.add(l).read() } } else { 0.0 })
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const Bf16) -> Self::Vector {
        // SAFETY: as in `load`.
        unsafe { from.cast::<[Bf16; LANES]>().read() }.map(Bf16::to_f32)
    }

    #[inline(always)]
    unsafe fn load_bf16_first(from: *const Bf16, count: usize) -> Self::Vector {
        // SAFETY: the caller vouches for the first `count` lanes.
        std::array::from_fn(|l| if l < count { unsafe { from.add(l).read() }.to_f32() } else { 0.0 })
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, x: Self::Vector) {
        // SAFETY: as in `load`.
        unsafe { to.cast::<[f32; LANES]>().write(x) }
    }

    #[inline(always)]
    unsafe fn store_first(to: *mut f32, x: Self::Vector, count: usize) {
        for (l, &x) in x.iter().enumerate().take(count) {
            // SAFETY: the caller vouches for the first `count` lanes.
            unsafe { to.add(l).write(x) }
        }
    }

    #[inline(always)]
    fn add(a: Self::Vector, b: Self::Vector) -> Self::Vector {
        std::array::from_fn(|l| a[l] + b[l])
    }

    #[inline(always)]
    fn mul(a: Self::Vector, b: Self::Vector) -> Self::Vector {
        std::array::from_fn(|l| a[l] * b[l])
    }

    #[inline(always)]
    fn fused(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector {
        std::array::from_fn(|l| a[l] * b[l] + c[l])
    }

    #[inline(always)]
    fn greater(a: Self::Vector, b: Self::Vector) -> Self::Vector {
        std::array::from_fn(|l| greater(a[l], b[l]))
    }

    #[inline(always)]
    fn total([a, b, c, d]: Self::Vector) -> f32 {
        (a + c) + (b + d)
    }

    #[inline(always)]
    fn greatest([a, b, c, d]: Self::Vector) -> f32 {
        greater(greater(a, c), greater(b, d))
    }

    #[inline(always)]
    fn prefetch(_address: *const f32) {}

    #[inline(always)]
    fn prefetch_far(_address: *const f32) {}

    #[inline(always)]
    unsafe fn transpose<B: Held>(
        source: *const B,
        step: usize,
        rows: usize,
        cols: usize,
        out: *mut f32,
        stride: usize,
    ) {
        let mut x = [[0.0; LANES]; LANES];
        for (r, x) in x.iter_mut().enumerate().take(rows) {
            // SAFETY: the caller vouches for this row.
            *x = unsafe { B::load_first::<Self>(source.add(r * step), cols) };
        }
        // Column after column, since a register may pass the end of its place into that of the next one.
        for l in 0..cols {
            // SAFETY: the caller vouches for this place.
            unsafe { Self::store(out.add(l * stride), x.map(|row| row[l])) }
        }
    }

    #[inline(always)]
    unsafe fn tile(tile: &Tile, rows: usize, registers: usize) {
        choose_tile!(run, tile, rows, registers, 1 2 3 4);
    }
}
