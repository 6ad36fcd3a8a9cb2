//! The vectorised bodies: what `f32` runs at every level but `Scalar`.
//!
//! A body is written once, in plain loops that the compiler can vectorise, and compiled once per level (see `table`). Everything here
//! is `#[inline(always)]`, so that it becomes part of the function that carries the level's CPU features. Sums run over a fixed
//! number of lanes, whatever the width of the registers, so that a body adds in the same order at every level.

use crate::matmul::MatMul;
use crate::write::Write;

mod elementwise;
mod lanes;
mod loss;
pub(crate) mod math;
mod matmul;
mod norm;
mod optim;
mod reduce;
mod rotary;
mod unary;
mod weigh;

pub(crate) use elementwise::{accumulate, affine, binary, dropout, scale};
pub(crate) use loss::{cross_entropy, cross_entropy_backward};
pub(crate) use matmul::{matmul, pack, panel_len};
pub(crate) use norm::{layer_norm, layer_norm_backward_input, norm_backward_gamma, rms_norm, rms_norm_backward_input};
pub(crate) use optim::{adam_step, ema_update, sgd_step};
pub(crate) use reduce::{all_finite, dot, max, reduce, row_argmax, row_max, row_sum, sum};
pub(crate) use rotary::rotary;
pub(crate) use unary::{unary, unary_backward};
pub(crate) use weigh::{normalize, normalize_backward, softmax, softmax_backward};

/// What a body has to know of the instruction set it is compiled for.
pub(crate) trait Isa: Sized {
    /// Columns of the tile of C that a matrix product keeps in registers.
    const TILE_COLS: usize;

    /// `a · b + c`, rounded once where the CPU can.
    fn mul_add(a: f32, b: f32, c: f32) -> f32;

    /// A block of rows of a matrix product, tile by tile, from all packed panels of op(B).
    fn tiles(args: &MatMul<'_, f32>, first_row: usize, packed: &[f32], c: &mut [f32], write: Write);
}

macro_rules! isa {
    ($(#[$doc:meta])* $name:ident, |$a:ident, $b:ident, $c:ident| $mul_add:expr, $rows:literal x $cols:literal) => {
        $(#[$doc])*
        pub(crate) struct $name;

        $(#[$doc])*
        impl Isa for $name {
            const TILE_COLS: usize = $cols;

            #[inline(always)]
            fn mul_add($a: f32, $b: f32, $c: f32) -> f32 {
                $mul_add
            }

            #[inline(always)]
            fn tiles(args: &MatMul<'_, f32>, first_row: usize, packed: &[f32], c: &mut [f32], write: Write) {
                matmul::tiles::<Self, $rows, $cols>(args, first_row, packed, c, write);
            }
        }
    };
}

// A tile takes all registers but those for a row of B and an element of A. The compiler keeps a tile of these sizes in registers; of
// 8 x 32, 14 x 32 and 8 x 48 it did not, at 30 times the time. Time the benchmark before changing one.
isa!(
    /// The baseline of the target, taken to have 16 registers of 4.
    Baseline, |a, b, c| a * b + c, 4 x 8
);
isa!(
    /// 16 registers of 8, fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    Fused256, |a, b, c| a.mul_add(b, c), 6 x 16
);
isa!(
    /// 32 registers of 16, fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    Fused512, |a, b, c| a.mul_add(b, c), 12 x 32
);

/// Writes `value` for each element of `out` beside the items of `source`. The test of `write` stays outside of the loop.
macro_rules! map {
    ($write:expr, $out:expr, $source:expr, |$item:pat_param| $value:expr) => {
        match $write {
            crate::write::Write::Set => {
                for (out, $item) in $out.iter_mut().zip($source) {
                    *out = $value;
                }
            }
            crate::write::Write::Add => {
                for (out, $item) in $out.iter_mut().zip($source) {
                    *out += $value;
                }
            }
        }
    };
}
pub(crate) use map;
