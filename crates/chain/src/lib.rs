//! Tensor chains.
#![forbid(unsafe_code)]

mod chain;
mod cost;
mod decompose;
mod error;
mod factors;
mod linear_algebra;
mod ops;
mod rounding;
mod spec;
mod truncation;

pub use chain::Chain;
pub use cost::{Cost, Way};
pub use decompose::decompose;
pub use error::ChainError;
pub use factors::{FactorRule, FactorShape, MAX_LEGS};
pub use ops::{Order, chain_apply, chain_dense, chain_rows};
pub use spec::ChainSpec;
pub use truncation::{Report, Truncation};
