//! AVX2 with fused multiply-add: 16 registers of 8.
//!
//! SAFETY of all blocks that name no other reason: the instructions are those of the level, and the code runs at this level only
//! (see [`Isa`]); memory is touched as the caller's promise allows.

use std::arch::x86_64::*;

use super::{Isa, choose_tile};
use crate::simd::matmul::{Held, Tile};
use crate::weights::Bf16;

/// 16 registers of 8, fused multiply-add.
pub(crate) struct Fused256;

const LANES: usize = 8;

/// All bits set in the first `count` lanes.
#[inline(always)]
fn first(count: usize) -> __m256i {
    const BITS: [i32; 2 * LANES] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
    debug_assert!(count <= LANES);
    // SAFETY: the eight lanes from `LANES - count` on lie in the array.
    unsafe { _mm256_loadu_si256(BITS.as_ptr().add(LANES - count).cast()) }
}

/// A tile as a function of its own, so that the caller, which calls many sizes, stays small.
///
/// # Safety
/// As [`Tile::run`].
#[target_feature(enable = "avx2,fma")]
unsafe fn run<const ROWS: usize, const REGISTERS: usize, const ALONG: bool>(tile: &Tile<'_>) {
    // SAFETY: the caller's promise is the same.
    unsafe { tile.run::<Fused256, ROWS, REGISTERS, ALONG>() }
}

impl Isa for Fused256 {
    type Vector = __m256;

    const LANES: usize = LANES;
    const ROWS: usize = 6;
    const REGISTERS: usize = 16;
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
    fn splat(x: f32) -> __m256 {
        // SAFETY: see the head of this file.
        unsafe { _mm256_set1_ps(x) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> __m256 {
        // SAFETY: see the head of this file.
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> __m256 {
        // SAFETY: see the head of this file; lanes that are masked out are not touched.
        unsafe { _mm256_maskload_ps(from, first(count)) }
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const Bf16) -> __m256 {
        // SAFETY: see the head of this file.
        unsafe {
            let halves = _mm_loadu_si128(from.cast());
            _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(halves)))
        }
    }

    #[inline(always)]
    unsafe fn load_bf16_first(from: *const Bf16, count: usize) -> __m256 {
        if count == LANES {
            // SAFETY: the caller vouches for the first `count` lanes, which are all.
            return unsafe { Self::load_bf16(from) };
        }
        // There is no masked load of 16 bits.
        let mut lanes = [Bf16::default(); LANES];
        for (l, lane) in lanes.iter_mut().enumerate().take(count) {
            // SAFETY: the caller vouches for the first `count` lanes.
            *lane = unsafe { from.add(l).read() };
        }
        // SAFETY: an array of all lanes.
        unsafe { Self::load_bf16(lanes.as_ptr()) }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, x: __m256) {
        // SAFETY: see the head of this file.
        unsafe { _mm256_storeu_ps(to, x) }
    }

    #[inline(always)]
    unsafe fn store_first(to: *mut f32, x: __m256, count: usize) {
        // SAFETY: see the head of this file; lanes that are masked out are not touched.
        unsafe { _mm256_maskstore_ps(to, first(count), x) }
    }

    #[inline(always)]
    fn add(a: __m256, b: __m256) -> __m256 {
        // SAFETY: see the head of this file.
        unsafe { _mm256_add_ps(a, b) }
    }

    #[inline(always)]
    fn mul(a: __m256, b: __m256) -> __m256 {
        // SAFETY: see the head of this file.
        unsafe { _mm256_mul_ps(a, b) }
    }

    #[inline(always)]
    fn fused(a: __m256, b: __m256, c: __m256) -> __m256 {
        // SAFETY: see the head of this file.
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn greater(a: __m256, b: __m256) -> __m256 {
        // SAFETY: see the head of this file. The second operand is what is left where the comparison fails.
        unsafe { _mm256_max_ps(b, a) }
    }

    #[inline(always)]
    fn total(x: __m256) -> f32 {
        // SAFETY: see the head of this file.
        unsafe {
            let four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }

    #[inline(always)]
    fn greatest(x: __m256) -> f32 {
        // SAFETY: see the head of this file.
        unsafe {
            let four = _mm_max_ps(_mm256_extractf128_ps::<1>(x), _mm256_castps256_ps128(x));
            let two = _mm_max_ps(_mm_movehl_ps(four, four), four);
            _mm_cvtss_f32(_mm_max_ss(_mm_shuffle_ps::<1>(two, two), two))
        }
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
            let mut x = [_mm256_setzero_ps(); LANES];
            for (r, x) in x.iter_mut().enumerate() {
                if r < rows {
                    *x = B::load_first::<Self>(source.add(r * step), cols);
                }
            }
            // Pairs of rows, then pairs of pairs, then halves of registers.
            let mut y = x;
            for r in 0..4 {
                y[2 * r] = _mm256_unpacklo_ps(x[2 * r], x[2 * r + 1]);
                y[2 * r + 1] = _mm256_unpackhi_ps(x[2 * r], x[2 * r + 1]);
            }
            for half in [0, 4] {
                x[half] = _mm256_shuffle_ps::<0x44>(y[half], y[half + 2]);
                x[half + 1] = _mm256_shuffle_ps::<0xee>(y[half], y[half + 2]);
                x[half + 2] = _mm256_shuffle_ps::<0x44>(y[half + 1], y[half + 3]);
                x[half + 3] = _mm256_shuffle_ps::<0xee>(y[half + 1], y[half + 3]);
            }
            for l in 0..4 {
                y[l] = _mm256_permute2f128_ps::<0x20>(x[l], x[l + 4]);
                y[l + 4] = _mm256_permute2f128_ps::<0x31>(x[l], x[l + 4]);
            }
            for (l, y) in y.into_iter().enumerate() {
                if l < cols {
                    _mm256_storeu_ps(out.add(l * stride), y);
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn tile(tile: &Tile, rows: usize, registers: usize) {
        choose_tile!(run, tile, rows, registers, 1 2 3 4 5 6);
    }
}
