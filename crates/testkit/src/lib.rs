//! What the tests of several crates share: gradient checks, tolerances, golden vectors and cases of ops.
//!
//! A [`Case`] is a differentiable function with named inputs. [`case!`] makes one for an op, [`Case::module`] one for a layer or a
//! model with parameters. [`check`] then asks everything that must hold for any of them: the gradient is that of finite
//! differences, `f32` agrees with `f64` at every SIMD level, results are the same bits for any number of threads, gradients
//! accumulate, inputs stay as they were, nothing unwritten shows.
//!
//! ```
//! use anther_testkit::{case, check, normal};
//!
//! check(&case!("softmax", "3x5", [normal([3, 5])], |x| x[0].softmax()));
//! ```
#![forbid(unsafe_code)]

mod case;
mod checks;
mod close;
mod evaluate;
mod failure;
mod golden;
mod input;
mod skip;
mod tolerance;

pub use anther_tensor::{Element, Tape, Var};
pub use case::{Case, Function};
pub use checks::{Summary, check, check_all, failures};
pub use close::{Mismatch, assert_close, close, compare, ulps};
pub use failure::Failure;
pub use golden::{Array, Generator, Golden, GoldenCase, GoldenError};
pub use input::{Input, away_from_zero, distinct, fixed, normal, positive, small, uniform};
pub use skip::datasets;
pub use tolerance::Tolerance;
