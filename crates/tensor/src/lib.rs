//! Tensors that can be differentiated, on a CPU.
//!
//! A [`Tensor`] is a row-major, contiguous block of `f32` or `f64`. A [`Tape`] records the ops of one forward pass on
//! [`Var`]s; [`Tape::backward`] differentiates it and accumulates the gradients of the parameters into one slab,
//! [`Gradients`]. Parameters are defined by name in a [`ParamSet`] and live in one slab too, [`Parameters`].
//! Layers such as [`layers::Linear`] hold only [`ParamId`]s, so the same layer runs in `f32` for speed and in `f64` for truth.
//!
//! ```
//! use anther_tensor::{ParamSet, Parameters, Tape, Tensor};
//! use anther_tensor::layers::Linear;
//!
//! // y = 3x is learned by a layer of one weight, with plain gradient descent.
//! let mut set = ParamSet::new();
//! let layer = Linear::new(&mut set.root().child("layer"), 1, 1, false);
//! let mut parameters = Parameters::<f32>::initialise(&set, 7);
//! let mut gradients = parameters.gradients();
//! for _ in 0..50 {
//!     let tape = Tape::recording(&parameters);
//!     let x = tape.constant(Tensor::from_vec([4, 1], vec![-1.0, 0.5, 1.0, 2.0]));
//!     let error = layer.forward(&x) - x.scale(3.0);
//!     gradients.clear();
//!     tape.backward(&error.square().mean(), None, &mut gradients);
//!     let step = gradients.slab_mut();
//!     parameters.values_mut().iter_mut().zip(step).for_each(|(p, g)| *p -= 0.2 * *g);
//! }
//! assert!((parameters.values()[0] - 3.0).abs() < 1e-3);
//! ```
//!
//! # Errors
//! Shapes that do not fit are mistakes in a program: ops panic with their name and the shapes, at the caller's line.
//!
//! # Reproducibility
//! Results are bit-identical for any number of threads. Initial values and dropout masks are functions of a seed and a
//! name. Two SIMD levels may differ by rounding.
#![forbid(unsafe_code)]

mod gradients;
mod init;
pub mod layers;
mod op;
pub mod ops;
mod params;
mod pool;
mod recompute;
mod remade;
mod shape;
mod tape;
mod tensor;
mod weight;

pub use anther_kernels::{Precision, RandomKey, RotaryPairing, Span, Trans, Unary, Write};
pub use gradients::Gradients;
pub use init::Init;
pub use op::{Backward, Op};
pub use ops::{Ids, KeySpans, Residual};
pub use params::{ParamId, ParamSet, ParamSpec, Parameters, Scope, Stream};
pub use pool::{Element, Pool};
pub use remade::{Kept, Remake};
pub use shape::{MAX_RANK, Shape};
pub use tape::{LeafGradients, Randomness, Tape, Var};
pub use tensor::Tensor;
pub use weight::{Factored, FactoredId, FactoredWeight, Factoring, Weight};
