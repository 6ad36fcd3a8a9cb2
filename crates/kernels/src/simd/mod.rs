//! The vectorised bodies: what `f32` runs at every level but `Scalar`.
//!
//! A body is written once, in plain loops that the compiler can vectorise, and compiled once per level (see `table`). Everything here
//! is `#[inline(always)]`, so that it becomes part of the function that carries the level's CPU features. Sums run over a fixed
//! number of lanes, whatever the width of the registers, so that a body adds in the same order at every level; but for products of a few rows
//! (`matmul::few_rows`), whose sums are as wide as a register.

mod decode;
mod elementwise;
mod isa;
mod lanes;
mod loss;
pub(crate) mod math;
mod matmul;
mod norm;
mod optim;
mod probe;
mod random;
mod reduce;
mod rotary;
mod swiglu;
mod tiles;
mod unary;
mod weigh;

pub(crate) use decode::attend_cached;
pub(crate) use elementwise::{accumulate, affine, binary, dropout, scale};
pub(crate) use isa::{Baseline, Isa};
#[cfg(target_arch = "x86_64")]
pub(crate) use isa::{Fused256, Fused512};
pub(crate) use loss::{cross_entropy, cross_entropy_backward, cross_entropy_in_place};
pub(crate) use matmul::{inner, matmul, most_rows, pack, panel_width, slices};
pub(crate) use norm::{
    layer_norm, layer_norm_backward_input, norm_backward, norm_backward_gamma, rms_norm, rms_norm_backward_input,
};
pub(crate) use optim::{adam_step, ema_update, sgd_step};
pub(crate) use probe::multiply_add_probe;
pub(crate) use random::fill_normal;
pub(crate) use reduce::{all_finite, dot, reduce, row_argmax, row_sum, sum};
pub(crate) use rotary::rotary;
pub(crate) use swiglu::{swiglu, swiglu_backward};
pub(crate) use tiles::{
    online_softmax, online_squash, pack_columns, pack_panels, softmax_tile_backward, squash_tile_backward, tile_product,
};
pub(crate) use unary::{unary, unary_backward};
pub(crate) use weigh::{normalize, normalize_backward, softmax, softmax_backward};

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
