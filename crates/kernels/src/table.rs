//! The table of kernels: one function pointer per kernel, one table per level and element type.
//!
//! A kernel in a table works on one block of the destination and checks nothing: the public functions check the whole call and
//! cut the blocks. `first…` arguments say where the block begins within the whole.
#![expect(clippy::too_many_arguments, reason = "kernels take the operands of their formulas")]

use std::ops::Range;

use crate::block::Block;
use crate::decode::CachedAttention;
use crate::dropout::Drop;
use crate::elementwise::{Binary, Broadcast};
use crate::fusion::{Apply, Finish};
use crate::level::{Level, level};
use crate::matmul::MatMul;
use crate::optim::{AdamStep, SgdStep};
use crate::packed::Packed;
use crate::random::RandomKey;
use crate::real::Real;
use crate::rotary::RotaryPairing;
use crate::scalar;
use crate::scratch::{FREE_F32, FREE_F64, Free};
use crate::simd;
use crate::spans::{Span, Spans};
use crate::tiles::TileProduct;
use crate::unary::Unary;
use crate::write::Write;

/// The kernels for `T` at the level in force on this thread.
#[inline]
pub(crate) fn table<T: Real>() -> &'static Table<T> {
    T::table(level())
}

/// Compiles the vectorised body of every kernel for one level and puts the results into a table.
macro_rules! compile {
    ($table:ident, $isa:ident, $features:literal, $(fn $name:ident($($arg:ident: $type:ty),*) $(-> $result:ty)?;)*) => {
        #[cfg(target_arch = "x86_64")]
        static $table: Table<f32> = {
            /// What the element type is called in the list of kernels.
            type T = f32;
            $(
                fn $name($($arg: $type),*) $(-> $result)? {
                    #[target_feature(enable = $features)]
                    fn compiled($($arg: $type),*) $(-> $result)? {
                        simd::$name::<simd::$isa>($($arg),*)
                    }
                    // SAFETY: the table is only handed out for a level in force, and a level comes into force only after
                    // `Level::is_available` has found these features on this CPU.
                    unsafe { compiled($($arg),*) }
                }
            )*
            Table { $($name,)* }
        };
    };
}

/// Declares the kernels of a table and makes the table of each level.
macro_rules! levels {
    ($(fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $result:ty)?;)*) => {
        /// One kernel per field; see the public function of the same name.
        pub struct Table<T: Real> {
            $(pub(crate) $name: fn($($type),*) $(-> $result)?,)*
        }

        impl<T: Real> Table<T> {
            /// The readable specification.
            const SCALAR: Table<T> = Table { $($name: scalar::$name::<T>,)* };
        }

        /// The vectorised bodies with no feature beyond the baseline of the target.
        static PORTABLE: Table<f32> = Table { $($name: simd::$name::<simd::Baseline>,)* };

        compile!(AVX2, Fused256, "avx2,fma", $(fn $name($($arg: $type),*) $(-> $result)?;)*);
        compile!(AVX512, Fused512, "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma", $(fn $name($($arg: $type),*) $(-> $result)?;)*);
    };
}

levels! {
    fn binary(op: Binary, reversed: bool, out: &mut [T], a: &[T], b: &[T], layout: Broadcast, first: usize, write: Write);
    fn scale(out: &mut [T], x: &[T], alpha: T, write: Write);
    fn affine(out: &mut [T], x: &[T], alpha: T, beta: T, write: Write);
    fn accumulate(out: &mut [T], x: &[T]);
    fn unary(op: Unary, out: &mut [T], x: &[T], write: Write);
    fn unary_backward(op: Unary, dx: &mut [T], dy: &[T], saved: &[T], write: Write);
    fn swiglu(out: &mut [T], gate: &[T], up: &[T]);
    fn swiglu_backward(dgate: &mut [T], dup: &mut [T], dy: &[T], gate: &[T], up: &[T]);
    fn sum(x: &[T]) -> f64;
    fn dot(a: &[T], b: &[T]) -> f64;
    fn all_finite(x: &[T]) -> bool;
    fn row_sum(out: &mut [T], x: &[T], cols: usize, write: Write);
    fn row_argmax(out: &mut [u32], x: &[T], cols: usize);
    fn reduce(out: &mut [T], first: usize, g: &[T], a: Option<&[T]>, layout: Broadcast, write: Write);
    fn panel_width(args: &MatMul<'_, T>) -> usize;
    fn pack(args: &MatMul<'_, T>, first: usize, inner: Range<usize>, panels: &mut [T]);
    fn matmul(args: &MatMul<'_, T>, packed: Option<Packed<'_, T>>, c: &mut Block<'_, T>, write: Write, prologue: Option<Apply<T>>, finish: Option<&mut Finish<'_, T>>);
    fn softmax(out: &mut [T], x: &[T], cols: usize, first_row: usize, spans: Option<Spans<'_>>);
    fn softmax_backward(dx: &mut [T], dy: &[T], y: &[T], cols: usize, first_row: usize, spans: Option<Spans<'_>>, write: Write);
    fn normalize(out: &mut [T], sums: &mut [T], w: &[T], cols: usize, first_row: usize, spans: Option<Spans<'_>>, eps: T);
    fn normalize_backward(dw: &mut [T], dy: &[T], y: &[T], sums: &[T], cols: usize, first_row: usize, spans: Option<Spans<'_>>, write: Write);
    fn tile_product(args: &TileProduct<'_, T>, c: &mut [T], c_step: usize, write: Write);
    fn pack_panels(out: &mut [T], x: &[T], rows: usize, width: usize);
    fn pack_columns(out: &mut [T], x: &[T], rows: usize, width: usize);
    fn online_softmax(tile: &mut [T], cols: usize, spans: &[Span], max: &mut [T], sum: &mut [T], factor: &mut [T]);
    fn online_squash(tile: &mut [T], cols: usize, spans: &[Span], sum: &mut [T]);
    fn softmax_tile_backward(scores: &mut [T], dweights: &mut [T], cols: usize, spans: &[Span], lse: &[T], mean: &[T]);
    fn squash_tile_backward(scores: &mut [T], dweights: &mut [T], cols: usize, spans: &[Span], sums: &[T], mean: &[T]);
    fn attend_cached(out: &mut [T], first_row: usize, queries: usize, args: &CachedAttention<'_, T>);
    fn layer_norm(out: &mut [T], mean: &mut [T], rstd: &mut [T], x: &[T], gamma: Option<&[T]>, beta: Option<&[T]>, cols: usize, eps: T);
    fn layer_norm_backward_input(dx: &mut [T], dy: &[T], x: &[T], mean: &[T], rstd: &[T], gamma: Option<&[T]>, cols: usize, write: Write);
    fn rms_norm(out: &mut [T], rstd: &mut [T], x: &[T], gamma: Option<&[T]>, cols: usize, eps: T);
    fn rms_norm_backward_input(dx: &mut [T], dy: &[T], x: &[T], rstd: &[T], gamma: Option<&[T]>, cols: usize, write: Write);
    fn norm_backward(dx: &mut [T], dgamma: &mut [T], dbeta: &mut [T], dy: &[T], x: &[T], mean: Option<&[T]>, rstd: &[T], gamma: &[T], cols: usize, write: Write);
    fn norm_backward_gamma(dgamma: &mut [T], first: usize, dy: &[T], x: &[T], mean: Option<&[T]>, rstd: &[T], cols: usize, write: Write);
    fn cross_entropy(loss: &mut [T], lse: &mut [T], logits: &[T], targets: &[u32], classes: usize, smoothing: T);
    fn cross_entropy_backward(dlogits: &mut [T], row_scale: &[T], logits: &[T], lse: &[T], targets: &[u32], classes: usize, smoothing: T, write: Write);
    fn cross_entropy_in_place(loss: &mut [T], logits: &mut [T], row_scale: &[T], targets: &[u32], classes: usize, smoothing: T);
    fn rotary(out: &mut [T], x: &[T], cos: &[T], sin: &[T], first_row: usize, positions: usize, dim: usize, pairing: RotaryPairing, inverse: bool, write: Write);
    fn dropout(out: &mut [T], x: &[T], first: usize, drop: &Drop, write: Write);
    fn fill_normal(out: &mut [T], first: u64, key: RandomKey, mean: T, std: T);
    fn adam_step(p: &mut [T], g: &[T], m: &mut [T], v: &mut [T], step: &AdamStep);
    fn sgd_step(p: &mut [T], g: &[T], velocity: Option<&mut [T]>, step: &SgdStep);
    fn ema_update(average: &mut [T], p: &[T], decay: f64);
    fn multiply_add_probe(x: &mut [T], a: T, b: T, rounds: usize);
}

impl crate::real::sealed::Sealed for f32 {
    fn free() -> &'static Free<f32> {
        &FREE_F32
    }

    fn table(level: Level) -> &'static Table<f32> {
        static SCALAR: Table<f32> = Table::SCALAR;
        match level {
            Level::Scalar => &SCALAR,
            Level::Portable => &PORTABLE,
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => &AVX2,
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => &AVX512,
            // No other architecture has these levels, so they are never in force there.
            #[cfg(not(target_arch = "x86_64"))]
            Level::Avx2 | Level::Avx512 => &PORTABLE,
        }
    }
}

impl crate::real::sealed::Sealed for f64 {
    fn free() -> &'static Free<f64> {
        &FREE_F64
    }

    fn table(_: Level) -> &'static Table<f64> {
        static SCALAR: Table<f64> = Table::SCALAR;
        &SCALAR
    }
}
