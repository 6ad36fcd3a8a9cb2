//! AVX-512: 32 registers of 16.
//!
//! SAFETY of all blocks that name no other reason: the instructions are those of the level, and the code runs at this level only
//! (see [`Isa`]); memory is touched as the caller's promise allows.

use std::arch::x86_64::*;

use super::{Fused256, Isa, choose_tile};
use crate::simd::matmul::{Held, Tile};
use crate::weights::Bf16;

/// 32 registers of 16, fused multiply-add.
pub(crate) struct Fused512;

const LANES: usize = 16;

/// A bit for each of the first `count` lanes.
#[inline(always)]
fn first(count: usize) -> __mmask16 {
    debug_assert!(count <= LANES);
    ((1u32 << count) - 1) as __mmask16
}

/// 16 numbers held in bf16 as `f32`, whose upper halves they are.
#[inline(always)]
fn widen(halves: __m256i) -> __m512 {
    // SAFETY: see the head of this file.
    unsafe { _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(halves))) }
}

/// The lower and the upper lanes.
#[inline(always)]
fn halves(x: __m512) -> (__m256, __m256) {
    // SAFETY: see the head of this file; the level has AVX-512DQ too.
    unsafe { (_mm512_castps512_ps256(x), _mm512_extractf32x8_ps::<1>(x)) }
}

/// A tile as a function of its own, so that the caller, which calls many sizes, stays small.
///
/// # Safety
/// As [`Tile::run`].
#[target_feature(enable = "avx512f,avx2,fma")]
unsafe fn run<const ROWS: usize, const REGISTERS: usize, const ALONG: bool>(tile: &Tile<'_>) {
    // SAFETY: the caller's promise is the same.
    unsafe { tile.run::<Fused512, ROWS, REGISTERS, ALONG>() }
}

impl Isa for Fused512 {
    type Vector = __m512;

    const LANES: usize = LANES;
    // 28 sums, two registers of B and one element of A.
    const ROWS: usize = 14;
    const REGISTERS: usize = 32;
    const FUSES: bool = true;

    #[inline(always)]
    fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }

    #[inline(always)]
    fn exact_mul_add(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }

    #[inline(always)]
    fn splat(x: f32) -> __m512 {
        // SAFETY: see the head of this file.
        unsafe { _mm512_set1_ps(x) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> __m512 {
        // SAFETY: see the head of this file.
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> __m512 {
        // SAFETY: see the head of this file; lanes that are masked out are not touched.
        unsafe { _mm512_maskz_loadu_ps(first(count), from) }
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const Bf16) -> __m512 {
        // SAFETY: see the head of this file; the level has AVX-512BW and VL too.
        unsafe { widen(_mm256_loadu_si256(from.cast())) }
    }

    #[inline(always)]
    unsafe fn load_bf16_first(from: *const Bf16, count: usize) -> __m512 {
        // SAFETY: see the head of this file; lanes that are masked out are not touched.
        unsafe { widen(_mm256_maskz_loadu_epi16(first(count), from.cast())) }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, x: __m512) {
        // SAFETY: see the head of this file.
        unsafe { _mm512_storeu_ps(to, x) }
    }

    #[inline(always)]
    unsafe fn store_first(to: *mut f32, x: __m512, count: usize) {
        // SAFETY: see the head of this file; lanes that are masked out are not touched.
        unsafe { _mm512_mask_storeu_ps(to, first(count), x) }
    }

    #[inline(always)]
    fn add(a: __m512, b: __m512) -> __m512 {
        // SAFETY: see the head of this file.
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    fn mul(a: __m512, b: __m512) -> __m512 {
        // SAFETY: see the head of this file.
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    fn fused(a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: see the head of this file.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn greater(a: __m512, b: __m512) -> __m512 {
        // SAFETY: see the head of this file. The second operand is what is left where the comparison fails.
        unsafe { _mm512_max_ps(b, a) }
    }

    #[inline(always)]
    fn total(x: __m512) -> f32 {
        let (low, high) = halves(x);
        Fused256::total(Fused256::add(low, high))
    }

    #[inline(always)]
    fn greatest(x: __m512) -> f32 {
        let (low, high) = halves(x);
        Fused256::greatest(Fused256::greater(low, high))
    }

    #[inline(always)]
    fn prefetch(address: *const f32) {
        // SAFETY: a prefetch never faults.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) }
    }

    #[inline(always)]
    fn prefetch_far(address: *const f32) {
        // SAFETY: a prefetch never faults.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(address.cast()) }
    }

    #[inline(always)]
    unsafe fn transpose<B: Held>(
        source: *const B,
        step: usize,
        rows: usize,
        cols: usize,
        out: *mut f32,
        stride: usize,
    ) {
        // SAFETY: see the head of this file; rows and columns beyond the given ones are not touched.
        unsafe {
            let mut x = [_mm512_setzero_ps(); LANES];
            for (r, x) in x.iter_mut().enumerate() {
                if r < rows {
                    *x = B::load_first::<Self>(source.add(r * step), cols);
                }
            }
            // Pairs of rows, then pairs of pairs: now register 4q + p holds column 4s + p of rows 4q..4q + 4 in its quarter s.
            let mut y = x;
            for r in 0..8 {
                y[2 * r] = _mm512_unpacklo_ps(x[2 * r], x[2 * r + 1]);
                y[2 * r + 1] = _mm512_unpackhi_ps(x[2 * r], x[2 * r + 1]);
            }
            for q in [0, 4, 8, 12] {
                x[q] = _mm512_shuffle_ps::<0x44>(y[q], y[q + 2]);
                x[q + 1] = _mm512_shuffle_ps::<0xee>(y[q], y[q + 2]);
                x[q + 2] = _mm512_shuffle_ps::<0x44>(y[q + 1], y[q + 3]);
                x[q + 3] = _mm512_shuffle_ps::<0xee>(y[q + 1], y[q + 3]);
            }
            // Quarters of registers, as a transposition of 4 x 4 quarters.
            for p in 0..4 {
                let low = _mm512_shuffle_f32x4::<0x88>(x[p], x[p + 4]);
                let high = _mm512_shuffle_f32x4::<0xdd>(x[p], x[p + 4]);
                let low2 = _mm512_shuffle_f32x4::<0x88>(x[p + 8], x[p + 12]);
                let high2 = _mm512_shuffle_f32x4::<0xdd>(x[p + 8], x[p + 12]);
                y[p] = _mm512_shuffle_f32x4::<0x88>(low, low2);
                y[p + 8] = _mm512_shuffle_f32x4::<0xdd>(low, low2);
                y[p + 4] = _mm512_shuffle_f32x4::<0x88>(high, high2);
                y[p + 12] = _mm512_shuffle_f32x4::<0xdd>(high, high2);
            }
            for (l, y) in y.into_iter().enumerate() {
                if l < cols {
                    _mm512_storeu_ps(out.add(l * stride), y);
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn tile(tile: &Tile, rows: usize, registers: usize) {
        choose_tile!(run, tile, rows, registers, 1 2 3 4 5 6 7 8 9 10 11 12 13 14);
    }
}
