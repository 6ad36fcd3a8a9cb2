//! The score slot: how a query meets a key.
//!
//! A score has two forms. Its composed form, [`Score`], is written with ordinary ops and is its definition. Its tiled form,
//! [`TileScore`](crate::TileScore), is what the driver asks for a tile of pairs at a time; two traits make writing one easy: [`DotScore`] for a function
//! of the dot product and the norms, and [`PairScore`] for any other function of a query and a key.

mod distance;
mod dot;
mod layer;
mod neural;
mod of_dot;
mod pairwise;
mod squared;
mod yat;

use anther_tensor::{Element, Var};

pub use distance::Distance;
pub use dot::ScaledDot;
pub(crate) use layer::ScoreLayer;
pub use layer::{CosineConfig, NeuralConfig, ScoreConfig};
pub use neural::{Neural, ScoreActivation};
pub use of_dot::{DotScore, OfDot};
pub use pairwise::{PairGradients, PairScore, Pairwise};
pub use squared::SquaredDot;
pub use yat::Yat;

/// Scores of every query against every key.
pub trait Score {
    /// `[batch, heads, queries, d]` and `[batch, heads, keys, d]` give `[batch, heads, queries, keys]`. `params` are the numbers that all pairs share.
    fn score<'t, T: Element>(&self, queries: &Var<'t, T>, keys: &Var<'t, T>, params: Option<&Var<'t, T>>)
    -> Var<'t, T>;
}
