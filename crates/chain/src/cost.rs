//! What it costs to use a chain, and the choice between its ways.

use serde::{Deserialize, Serialize};

use crate::ops::Order;
use crate::ops::apply;
use crate::spec::ChainSpec;

/// Work of a way to use a chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Multiply-adds of the products.
    pub multiply_adds: u64,
    /// Numbers that are written by products and exchanges of axes between them, beyond what a dense layer writes.
    pub moved: u64,
}

/// Multiply-adds that take as long as a number that is written, measured in `f32` at AVX-512: see [`Cost::estimate`].
const MOVE: u64 = 24;

impl Cost {
    /// One number for comparisons: multiply-adds, and each moved number as much as 24 of them.
    pub fn estimate(self) -> u64 {
        self.multiply_adds.saturating_add(MOVE.saturating_mul(self.moved))
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
        let mut modes = self.core_shape(0)[1..3].iter().product::<usize>();
        let mut cost = Cost::default();
        for k in 1..self.cores() {
            let [left, inputs, outputs, right] = self.core_shape(k);
            cost.multiply_adds += (modes * left * inputs * outputs * right) as u64;
            modes *= inputs * outputs;
            // The product is written once, and once more when its legs are sorted.
            cost.moved += 2 * (modes * right) as u64;
        }
        cost
    }

    /// What `x Wᵀ` costs for `rows` rows in a given way.
    pub fn product_cost(&self, rows: usize, way: Way) -> Cost {
        match way {
            Way::Contract(order) => apply::cost(self, rows, order),
            Way::Reconstruct => {
                let dense = self.dense_cost();
                let [out, inputs] = self.shape();
                Cost {
                    multiply_adds: dense.multiply_adds + (rows * out * inputs) as u64,
                    moved: dense.moved + (rows * out) as u64,
                }
            }
        }
    }

    /// Multiply-adds of the rows of `ids` ids: `Σ_k (Π_{j≤k} I_j) r_{k−1} r_k` each, nothing of the size of the table.
    pub fn rows_cost(&self, ids: usize) -> Cost {
        let mut width = 1;
        let mut cost = Cost::default();
        for k in 0..self.cores() {
            let [left, inputs, _, right] = self.core_shape(k);
            // The slice of the core that an id reads.
            cost.moved += (ids * left * inputs * right) as u64;
            width *= inputs;
            if k > 0 {
                cost.multiply_adds += (ids * width * left * right) as u64;
                cost.moved += (ids * width * right) as u64;
            }
        }
        cost
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
