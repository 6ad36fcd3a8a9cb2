//! Tensor chains.
#![forbid(unsafe_code)]

mod chain;
mod cost;
mod decompose;
mod error;
mod factors;
mod glob;
pub mod layers;
mod linear_algebra;
mod ops;
mod rounding;
mod rules;
mod spec;
mod truncation;
mod weight;

pub use chain::Chain;
pub use cost::{Cost, Way};
pub use decompose::decompose;
pub use error::ChainError;
pub use factors::{FactorRule, FactorShape, MAX_LEGS};
pub use ops::{Order, chain_apply, chain_dense, chain_rows};
pub use rules::{ChainRule, ChainRules, Kind, Plan};
pub use spec::ChainSpec;
pub use truncation::{Report, Truncation};
pub use weight::{ChainWeight, LowRankWeight};
