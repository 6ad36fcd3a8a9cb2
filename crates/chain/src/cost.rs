//! What it costs to use a chain, and the choice between its ways.

use std::ops::Add;

use serde::{Deserialize, Serialize};

use crate::ops::rearrange::{self, Dims};
use crate::ops::{Order, apply, dense};
use crate::spec::ChainSpec;

/// Work of a way to use a chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Multiply-adds of the products.
    pub multiply_adds: u64,
    /// What takes time beside them, as the number of multiply-adds that take as long: numbers that products write, exchanges of axes between products,
    /// and calls. Measured in `f32` with AVX-512.
    pub overhead: u64,
}

/// What writing a number of a product costs.
const WRITTEN: u64 = 12;

/// What a product or an exchange costs before it does anything.
const CALL: u64 = 5000;

impl Cost {
    /// One number for comparisons.
    pub fn estimate(self) -> u64 {
        self.multiply_adds.saturating_add(self.overhead)
    }

    /// A product of matrices.
    pub(crate) fn product(m: usize, n: usize, k: usize) -> Self {
        let written = (m * n) as u64;
        Cost { multiply_adds: written * k as u64, overhead: WRITTEN * written + CALL }
    }

    /// Exchanges of axes; those that move nothing are not even called.
    pub(crate) fn exchanges(all: impl IntoIterator<Item = Dims>) -> Self {
        let costs = all.into_iter().map(rearrange::cost).filter(|&cost| cost > 0);
        Cost { multiply_adds: 0, overhead: costs.map(|cost| cost + CALL).sum() }
    }
}

impl Add for Cost {
    type Output = Cost;
    fn add(self, other: Cost) -> Cost {
        Cost { multiply_adds: self.multiply_adds + other.multiply_adds, overhead: self.overhead + other.overhead }
    }
}

/// How `x Wᵀ` is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// W is made once, then multiplied with.
    Reconstruct,
    /// The input meets the cores one after another.
    Contract(Order),
}

impl ChainSpec {
    /// What W costs: `Σ_k n_1 … n_{k−1} r_{k−1} n_k r_k` multiply-adds with `n_k = I_k O_k`.
    pub fn dense_cost(&self) -> Cost {
        dense::cost(self)
    }

    /// What `x Wᵀ` costs for `rows` rows in a given way.
    pub fn product_cost(&self, rows: usize, way: Way) -> Cost {
        match way {
            Way::Contract(order) => apply::cost(self, rows, order),
            Way::Reconstruct => {
                let [out, inputs] = self.shape();
                self.dense_cost() + Cost::product(rows, out, inputs)
            }
        }
    }

    /// What the rows of `ids` ids cost: `Σ_k (Π_{j≤k} I_j) r_{k−1} r_k` multiply-adds each and a slice of each core, nothing of the size of the
    /// table.
    pub fn rows_cost(&self, ids: usize) -> Cost {
        let mut width = 1;
        (0..self.cores()).fold(Cost::default(), |sum, k| {
            let [left, inputs, _, right] = self.core_shape(k);
            let slices = Cost { multiply_adds: 0, overhead: WRITTEN * (ids * left * inputs * right) as u64 };
            let rows = ids * width;
            width *= inputs;
            let product = if k > 0 { Cost::product(rows, inputs * right, left) } else { Cost::default() };
            sum + slices + product
        })
    }

    /// The cheapest way for `rows` rows by [`Cost::estimate`]: a comparison of three numbers.
    ///
    /// ```
    /// use anther_chain::{ChainSpec, Order, Way};
    /// let spec = ChainSpec::with_rank(vec![16, 32], vec![32, 16], 4).unwrap();
    /// assert!(matches!(spec.cheapest(1), Way::Contract(_)));
    /// let spec = ChainSpec::with_rank(vec![16, 32], vec![32, 16], 64).unwrap();
    /// assert_eq!(spec.cheapest(10_000), Way::Reconstruct);
    /// ```
    pub fn cheapest(&self, rows: usize) -> Way {
        let ways = [Way::Reconstruct, Way::Contract(Order::FirstToLast), Way::Contract(Order::LastToFirst)];
        let [first, rest @ ..] = ways;
        rest.into_iter().fold(first, |best, way| {
            let estimate = |way| self.product_cost(rows, way).estimate();
            if estimate(way) < estimate(best) { way } else { best }
        })
    }
}
