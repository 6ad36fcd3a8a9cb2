//! The vectorised bodies: what `f32` runs at every level but `Scalar`.
//!
//! A body is written once, in plain loops that the compiler can vectorise, and compiled once per level (see `table`). Everything here
//! is `#[inline(always)]`, so that it becomes part of the function that carries the level's CPU features. Sums run over a fixed
//! number of lanes, whatever the width of the registers, so that a body adds in the same order at every level.

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
pub(crate) use matmul::matmul;
pub(crate) use norm::{layer_norm, layer_norm_backward_input, norm_backward_gamma, rms_norm, rms_norm_backward_input};
pub(crate) use optim::{adam_step, ema_update, sgd_step};
pub(crate) use reduce::{all_finite, dot, max, reduce, row_argmax, row_max, row_sum, sum};
pub(crate) use rotary::rotary;
pub(crate) use unary::{unary, unary_backward};
pub(crate) use weigh::{normalize, normalize_backward, softmax, softmax_backward};

/// What a body has to know of the instruction set it is compiled for.
pub(crate) trait Isa {
    /// Whether matrix products go to packed panels with hand-tuned tiles.
    const PACKED: bool;

    /// `a · b + c`, rounded once where the CPU can.
    fn mul_add(a: f32, b: f32, c: f32) -> f32;
}

/// The baseline of the target.
pub(crate) struct Baseline;

/// CPUs with fused multiply-add.
#[cfg(target_arch = "x86_64")]
pub(crate) struct Fused;

impl Isa for Baseline {
    const PACKED: bool = false;

    #[inline(always)]
    fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        a * b + c
    }
}

#[cfg(target_arch = "x86_64")]
impl Isa for Fused {
    const PACKED: bool = true;

    #[inline(always)]
    fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }
}

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
