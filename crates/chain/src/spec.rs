//! [`ChainSpec`]: the sizes of a chain.

use anther_tensor::Shape;
use serde::{Deserialize, Serialize};

use crate::error::ChainError;
use crate::factors::{FactorRule, FactorShape, MAX_LEGS};

/// The legs and bonds of a weight W `[out, in]` that is held as a chain of d cores `C_k [r_{k−1}, I_k, O_k, r_k]`, `r_0 = r_d = 1`:
///
/// ```text
/// W[(o_1 … o_d), (i_1 … i_d)] = Σ_bonds C_1[1, i_1, o_1, r_1] C_2[r_1, i_2, o_2, r_2] … C_d[r_{d−1}, i_d, o_d, 1]
/// ```
///
/// Indices are row-major, the first leg the most significant. An embedding table `[rows, width]` is such a weight too: ids choose among
/// the outputs. This is the tensor-train matrix of Oseledets (SIAM J. Sci. Comput. 33, 2011) and Novikov et al. (arXiv 1509.06569).
///
/// ```
/// use anther_chain::{ChainSpec, FactorRule};
/// let spec = ChainSpec::with_ratio(512, 512, 2, FactorRule::Paper, 0.07, 2).unwrap();
/// assert_eq!((&spec.ranks[..], spec.params()), (&[14][..], 17_920));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainSpec {
    /// The factors `I_k` of the input side, one for each core.
    pub inputs: Vec<usize>,
    /// The factors `O_k` of the output side, one for each core.
    pub outputs: Vec<usize>,
    /// The bonds `r_1 … r_{d−1}` between the cores.
    pub ranks: Vec<usize>,
}

impl ChainSpec {
    /// A chain of these legs with every bond `rank`, or as much as the bond can use ([`ChainSpec::max_ranks`]) where that is less.
    ///
    /// # Errors
    /// If the legs make no chain, or `rank` is 0.
    pub fn with_rank(inputs: Vec<usize>, outputs: Vec<usize>, rank: usize) -> Result<Self, ChainError> {
        if rank == 0 {
            return Err(ChainError::Rank);
        }
        let mut spec = ChainSpec { ranks: vec![1; inputs.len().saturating_sub(1)], inputs, outputs };
        spec.validate()?;
        spec.ranks = spec.max_ranks().into_iter().map(|max| rank.min(max)).collect();
        Ok(spec)
    }

    /// A chain for a weight of these sizes with the largest bond, the same everywhere up to what each can use, that keeps `params()` within
    /// `ratio` of the dense weight; at least `min_rank`, even where that is more. [`ChainSpec::ratio`] tells what was reached.
    ///
    /// For two cores this is `b = ⌊ratio·I·O / (I_1 O_1 + I_2 O_2)⌋`, for three the floor of the positive root of
    /// `I_2 O_2 b² + (I_1 O_1 + I_3 O_3) b = ratio·I·O`; the program released with Anthe has `min_rank` 2.
    ///
    /// # Errors
    /// If the rule cannot split a size, `ratio` is not above 0 and at most 1, or `min_rank` is 0.
    pub fn with_ratio(
        inputs: usize,
        outputs: usize,
        cores: usize,
        rule: FactorRule,
        ratio: f64,
        min_rank: usize,
    ) -> Result<Self, ChainError> {
        let (inputs, outputs) = FactorShape::pair(inputs, outputs, cores, rule)?;
        ChainSpec::within(inputs.into_vec(), outputs.into_vec(), ratio, min_rank)
    }

    /// As [`ChainSpec::with_ratio`], with given legs.
    ///
    /// # Errors
    /// If the legs make no chain, `ratio` is not above 0 and at most 1, or `min_rank` is 0.
    pub fn within(inputs: Vec<usize>, outputs: Vec<usize>, ratio: f64, min_rank: usize) -> Result<Self, ChainError> {
        if !(ratio > 0.0 && ratio <= 1.0) {
            return Err(ChainError::Ratio(ratio));
        }
        let smallest = ChainSpec::with_rank(inputs, outputs, min_rank)?;
        let budget = ratio * smallest.dense_params() as f64;
        let of_rank = |rank| {
            let spec = ChainSpec::with_rank(smallest.inputs.clone(), smallest.outputs.clone(), rank);
            spec.expect("the legs were checked, and the rank is at least 1")
        };
        // The number of parameters grows with the bond, so the largest one is found by halving.
        let (mut good, mut bad) = (min_rank, smallest.max_ranks().into_iter().max().unwrap_or(1).max(min_rank) + 1);
        while good + 1 < bad {
            let middle = good.midpoint(bad);
            if of_rank(middle).params() as f64 <= budget { good = middle } else { bad = middle }
        }
        Ok(of_rank(good))
    }

    /// Checks that the numbers make a chain.
    ///
    /// # Errors
    /// If there are no cores or more than [`MAX_LEGS`], the three lists do not fit each other, a number is 0, or a size is beyond memory.
    pub fn validate(&self) -> Result<(), ChainError> {
        let refuse = |why: String| Err(ChainError::Spec(why));
        let ChainSpec { inputs, outputs, ranks } = self;
        if inputs.is_empty() || inputs.len() > MAX_LEGS {
            return refuse(format!("it has {} cores; 1 to {MAX_LEGS} are possible", inputs.len()));
        }
        if inputs.len() != outputs.len() || ranks.len() + 1 != inputs.len() {
            return refuse(format!(
                "{} input factors, {} output factors and {} bonds do not belong together; d cores have d, d and d − 1",
                inputs.len(),
                outputs.len(),
                ranks.len()
            ));
        }
        for (what, numbers) in [("an input factor", inputs), ("an output factor", outputs), ("a bond", ranks)] {
            if numbers.contains(&0) {
                return refuse(format!("{what} is 0; each is at least 1"));
            }
        }
        let all = inputs.iter().chain(outputs).chain(ranks).chain(ranks);
        // Twice each bond bounds every intermediate of a row too.
        if all.clone().try_fold(1usize, |n, &f| n.checked_mul(f)).is_none_or(|n| n > 1 << 60) {
            return refuse("its factors and bonds multiply up to more than memory can hold".to_owned());
        }
        Ok(())
    }

    /// Number of cores.
    pub fn cores(&self) -> usize {
        self.inputs.len()
    }

    /// The shape `[r_{k−1}, I_k, O_k, r_k]` of core `k`, counted from 0.
    ///
    /// # Panics
    /// If there is no such core.
    pub fn core_shape(&self, k: usize) -> [usize; 4] {
        let left = if k == 0 { 1 } else { self.ranks[k - 1] };
        let right = self.ranks.get(k).copied().unwrap_or(1);
        [left, self.inputs[k], self.outputs[k], right]
    }

    /// The shapes of all cores.
    pub fn core_shapes(&self) -> impl Iterator<Item = Shape> + '_ {
        (0..self.cores()).map(|k| Shape::from(self.core_shape(k)))
    }

    /// The shape `[out, in]` of the weight.
    pub fn shape(&self) -> [usize; 2] {
        [self.outputs.iter().product(), self.inputs.iter().product()]
    }

    /// Number of parameters of the chain.
    pub fn params(&self) -> usize {
        self.core_shapes().map(|shape| shape.numel()).sum()
    }

    /// Number of parameters of the dense weight.
    pub fn dense_params(&self) -> usize {
        self.shape().iter().product()
    }

    /// Parameters of the chain over those of the dense weight; above 1 it saves nothing.
    pub fn ratio(&self) -> f64 {
        self.params() as f64 / self.dense_params() as f64
    }

    /// The most that each bond can use: the smaller of the numbers of entries left and right of it, `Π_{j≤k} I_j O_j` and
    /// `Π_{j>k} I_j O_j`.
    pub fn max_ranks(&self) -> Vec<usize> {
        let modes: Vec<usize> = self.inputs.iter().zip(&self.outputs).map(|(i, o)| i * o).collect();
        (1..modes.len()).map(|k| modes[..k].iter().product::<usize>().min(modes[k..].iter().product())).collect()
    }

    /// The standard deviation of the elements of normal cores whose product has entries of standard deviation `std`:
    /// `(std² / Π r_k)^(1/2d)`.
    ///
    /// Each of the Π r_k products that are summed in an entry has variance σ^{2d}.
    pub fn core_std(&self, std: f64) -> f64 {
        let bonds: f64 = self.ranks.iter().map(|&r| r as f64).product();
        (std * std / bonds).powf(0.5 / self.cores() as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(inputs: &[usize], outputs: &[usize], ranks: &[usize]) -> ChainSpec {
        ChainSpec { inputs: inputs.to_vec(), outputs: outputs.to_vec(), ranks: ranks.to_vec() }
    }

    #[test]
    fn the_layers_of_anthe_have_their_parameters() {
        let paper = |i, o, ratio| ChainSpec::with_ratio(i, o, 2, FactorRule::Paper, ratio, 2).unwrap();
        for (i, o, ratio, bond, params) in [
            (512, 512, 0.07, 14, 17_920),
            (512, 1365, 0.005, 2, 3616),
            (1365, 512, 0.005, 2, 3616),
            (32_000, 128, 0.2, 116, 816_640),
            (32_000, 512, 0.2, 365, 3_270_400),
        ] {
            let spec = paper(i, o, ratio);
            assert_eq!((spec.ranks[0], spec.params()), (bond, params), "{i} x {o}");
        }
        assert!((paper(512, 1365, 0.005).ratio() - 3616.0 / 698_880.0).abs() < 1e-15);
    }

    #[test]
    fn three_cores_solve_the_quadratic() {
        for (ratio, bond) in [(0.2, 112), (0.01, 24)] {
            let spec = ChainSpec::within(vec![25, 32, 40], vec![8, 8, 8], ratio, 1).unwrap();
            let cost = |b: f64| 32.0 * 8.0 * b * b + (25.0 + 40.0) * 8.0 * b;
            let budget = ratio * 32_000.0 * 512.0;
            assert_eq!(spec.ranks, [bond; 2]);
            assert!(cost(bond as f64) <= budget && cost(bond as f64 + 1.0) > budget);
        }
    }

    #[test]
    fn bonds_are_no_larger_than_they_can_be_used() {
        let spec = ChainSpec::with_rank(vec![2, 3, 4], vec![3, 2, 5], 100).unwrap();
        assert_eq!(spec.ranks, [6, 20]);
        assert_eq!(ChainSpec::with_rank(vec![5], vec![7], 3).unwrap().params(), 35);
    }

    #[test]
    fn every_mistake_has_its_sentence() {
        for (bad, word) in [
            (spec(&[], &[], &[]), "0 cores"),
            (spec(&[2, 3], &[4], &[1]), "do not belong together"),
            (spec(&[2, 3], &[4, 5], &[]), "do not belong together"),
            (spec(&[2, 0], &[4, 5], &[1]), "input factor is 0"),
            (spec(&[2, 3], &[4, 5], &[0]), "bond is 0"),
            (spec(&[1 << 40, 1 << 40], &[4, 5], &[1]), "more than memory"),
            (spec(&[1; 13], &[1; 13], &[1; 12]), "13 cores"),
        ] {
            let message = bad.validate().unwrap_err().to_string();
            assert!(message.contains(word), "{message}");
        }
        assert_eq!(ChainSpec::with_rank(vec![2], vec![2], 0), Err(ChainError::Rank));
        for ratio in [0.0, -1.0, 1.5, f64::NAN] {
            assert!(matches!(ChainSpec::within(vec![2], vec![2], ratio, 1), Err(ChainError::Ratio(_))));
        }
    }
}
