//! How many singular values of each bond are kept, and what is said of those that are not.

use crate::error::ChainError;
use crate::spec::ChainSpec;

/// How a decomposition or a rounding chooses its bonds.
#[derive(Clone, Debug, PartialEq)]
pub enum Truncation {
    /// No bond above this.
    Cap(usize),
    /// Bonds up to these, one for each.
    Ranks(Vec<usize>),
    /// The smallest bonds with an error of at most this much of the norm of W; at least 0, below 1.
    Tolerance(f64),
    /// The largest common bond with at most this share of the dense parameters, but at least 1 ([`ChainSpec::within`]).
    Budget(f64),
}

/// What a decomposition or a rounding has left out.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// For each bond, the norm of the singular values that were left out at its turn.
    pub tails: Vec<f64>,
    /// `‖W − Ŵ‖_F`: the root of the sum of the squared tails. It is exact, since the cores before a bond are orthonormal.
    pub error: f64,
    /// What the error cannot exceed, known before: the root of the sum of the squared tails of the unfoldings of W at these bonds (Oseledets
    /// 2011, theorem 2.2), which is at most `√(d − 1)` times the error of the best chain of these bonds.
    pub bound: f64,
    /// `‖W‖_F`.
    pub norm: f64,
}

impl Report {
    pub(crate) fn new(tails: Vec<f64>, unfolded: &[f64], norm: f64) -> Self {
        let root = |tails: &[f64]| tails.iter().map(|tail| tail * tail).sum::<f64>().sqrt();
        Report { error: root(&tails), bound: root(unfolded), tails, norm }
    }

    /// The error as a part of the norm; 0 for a weight of zeros.
    pub fn relative_error(&self) -> f64 {
        if self.norm > 0.0 { self.error / self.norm } else { 0.0 }
    }
}

/// A checked truncation for one weight.
pub(crate) enum Cut {
    /// The largest bond at each place.
    Ranks(Vec<usize>),
    /// The largest tail at each bond.
    Tail(f64),
}

impl Truncation {
    /// # Errors
    /// If a rank is 0, a list of ranks is not as long as there are bonds, or a number is out of its range.
    pub(crate) fn cut(&self, inputs: &[usize], outputs: &[usize], norm: f64) -> Result<Cut, ChainError> {
        let bonds = inputs.len() - 1;
        match self {
            Truncation::Cap(0) => Err(ChainError::Rank),
            Truncation::Cap(rank) => Ok(Cut::Ranks(vec![*rank; bonds])),
            Truncation::Ranks(ranks) if ranks.contains(&0) => Err(ChainError::Rank),
            Truncation::Ranks(ranks) if ranks.len() != bonds => {
                Err(ChainError::Spec(format!("{} ranks were given for its {bonds} bonds", ranks.len())))
            }
            Truncation::Ranks(ranks) => Ok(Cut::Ranks(ranks.clone())),
            // Written so that NaN is refused.
            Truncation::Tolerance(eps) if !(*eps >= 0.0 && *eps < 1.0) => Err(ChainError::Tolerance(*eps)),
            Truncation::Tolerance(eps) => Ok(Cut::Tail(eps * norm / (bonds.max(1) as f64).sqrt())),
            Truncation::Budget(ratio) => {
                Ok(Cut::Ranks(ChainSpec::within(inputs.to_vec(), outputs.to_vec(), *ratio, 1)?.ranks))
            }
        }
    }
}

impl Cut {
    /// How many of these singular values are kept at bond `k`; at least 1.
    pub(crate) fn keep(&self, k: usize, values: &[f64]) -> usize {
        match self {
            Cut::Ranks(ranks) => ranks[k],
            Cut::Tail(limit) => {
                let limit = limit * (1.0 + 1e-12);
                (1..values.len()).find(|&kept| tail(values, kept) <= limit).unwrap_or(values.len().max(1))
            }
        }
    }
}

/// The norm of all but the first `kept` values.
pub(crate) fn tail(values: &[f64], kept: usize) -> f64 {
    // Small ones first, so that they are not lost in the sum.
    values.iter().skip(kept).rev().map(|s| s * s).sum::<f64>().sqrt()
}
