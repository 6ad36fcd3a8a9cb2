//! Weights as chains of small cores: linear layers, embeddings and convolutions with a fraction of their parameters.
//!
//! ```text
//! W[(o_1 … o_d), (i_1 … i_d)] = Σ C_1[1, i_1, o_1, r_1] C_2[r_1, i_2, o_2, r_2] … C_d[r_{d−1}, i_d, o_d, 1]
//! ```
//!
//! - [`FactorShape`] splits sizes into legs, [`ChainSpec`] is legs and bonds, by a cap, a share of the parameters, or written out.
//! - [`decompose`] makes a [`Chain`] of a trained weight and says in a [`Report`] what is lost; [`decompose_weighted`] does so for the inputs that the layer
//!   gets. [`Chain::round`] shrinks a chain, [`Chain::spectra`] tells which bond holds how much, [`Chain::balance_norms`] makes it ready for training.
//! - [`chain_dense`], [`chain_apply`] and [`chain_rows`] are ops on cores: the weight, a product without it, and rows of it. [`ChainSpec::cheapest`]
//!   chooses between the ways by counting.
//! - [`ChainRules`] says by name which layers of a model hold such a weight, as [`ChainWeight`] or [`LowRankWeight`]; the layers themselves are those
//!   of `anther_tensor` and know nothing of it. [`Survey`] tells which layers a model has.
//! - [`layers`] has the parts of Anthe (arXiv 2305.10991) that are no chains: SoftPOS, H-SoftPOS and its convolution.
//!
//! ```
//! use anther_chain::{Truncation, decompose};
//! use anther_tensor::Tensor;
//!
//! // A trained weight [out, in] of 4096 numbers, here one that is smooth.
//! let weight = Tensor::<f64>::from_fn([64, 64], |i| 1.0 / (1.0 + (i / 64 + i % 64) as f64));
//! let (chain, report) = decompose(&weight, &[8, 8], &[8, 8], &Truncation::Tolerance(0.01))?;
//! assert!(report.relative_error() < 0.01 && chain.spec().ratio() < 0.2);
//! # Ok::<(), anther_chain::ChainError>(())
//! ```
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
mod survey;
mod truncation;
mod weight;
mod weighted;

pub use chain::Chain;
pub use cost::{Cost, Way};
pub use decompose::decompose;
pub use error::ChainError;
pub use factors::{FactorRule, FactorShape, MAX_LEGS};
pub use ops::{Order, chain_apply, chain_dense, chain_rows};
pub use rules::{ChainRule, ChainRules, Kind, Plan};
pub use spec::ChainSpec;
pub use survey::Survey;
pub use truncation::{Report, Truncation};
pub use weight::{ChainWeight, LowRankWeight};
pub use weighted::{WeightedReport, decompose_weighted};
