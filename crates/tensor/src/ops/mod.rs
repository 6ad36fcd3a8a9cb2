//! The differentiable ops, one idea a file: formula, shapes, backward, cost. All of them are methods of [`crate::Var`].
//!
//! An op checks the shapes of its inputs and panics with its name and the shapes if they do not fit: that is a mistake
//! in a program, not in data.

mod activated_linear;
mod add_norm;
mod affine;
mod binary;
mod concat;
mod cross_entropy;
mod dropout;
mod embedding;
mod heads;
mod layer_norm;
mod linear;
mod linear_cross_entropy;
mod linear_residual;
mod matmul;
mod norm_backward;
mod normalize;
mod reduce;
mod reshape;
mod rms_norm;
mod rotary;
mod slice;
mod softmax;
mod swiglu;
mod transpose;
mod unary;

pub use anther_kernels::{RotaryPairing, Span, Trans, Unary};
pub use embedding::Ids;
pub use linear_residual::Residual;
pub use softmax::KeySpans;
