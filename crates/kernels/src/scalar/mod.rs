//! The scalar twins: the readable specification of every kernel, and all that `f64` ever runs.
//!
//! Loops follow the formulas; sums and means are accumulated in `f64` in index order. The signatures are those of
//! [`Table`](crate::table::Table), so a twin works on one block and checks nothing.

mod decode;
mod elementwise;
pub(crate) mod erf;
mod loss;
mod matmul;
mod norm;
mod optim;
mod positions;
mod probe;
mod random;
mod reduce;
mod swiglu;
mod tiles;
mod unary;
mod weigh;

pub(crate) use decode::attend_cached;
pub(crate) use elementwise::{accumulate, affine, binary, dropout, scale};
pub(crate) use loss::{cross_entropy, cross_entropy_backward, cross_entropy_in_place};
pub(crate) use matmul::{matmul, pack, panel_width};
pub(crate) use norm::{
    layer_norm, layer_norm_backward_input, norm_backward, norm_backward_gamma, rms_norm, rms_norm_backward_input,
};
pub(crate) use optim::{adam_step, ema_update, sgd_step};
pub(crate) use positions::rotary;
pub(crate) use probe::multiply_add_probe;
pub(crate) use random::fill_normal;
pub(crate) use reduce::{all_finite, dot, max, reduce, row_argmax, row_sum, sum};
pub(crate) use swiglu::{swiglu, swiglu_backward};
pub(crate) use tiles::{
    online_softmax, online_squash, pack_columns, pack_panels, softmax_tile_backward, squash_tile_backward, tile_product,
};
pub(crate) use unary::{unary, unary_backward};
pub(crate) use weigh::{normalize, normalize_backward, softmax, softmax_backward};

use crate::real::Real;
use crate::write::Write;

/// Writes one element.
#[inline(always)]
fn store<T: Real>(out: &mut T, value: T, write: Write) {
    match write {
        Write::Set => *out = value,
        Write::Add => *out += value,
    }
}
