//! Inputs of cases: numbers from a fixed seed, by what the function under test asks of them.
//!
//! All numbers are representable in `f32`, so that an `f32` run and an `f64` run start from the same point. They come from a generator
//! of this crate's own: the tests of the random kernels must not test them with themselves.

use anther_tensor::Shape;

/// The shape of an input and the law of its elements.
#[derive(Clone, Debug)]
pub struct Input {
    pub(crate) shape: Shape,
    law: Law,
}

#[derive(Clone, Debug)]
enum Law {
    Normal { std: f64 },
    Uniform { low: f64, high: f64 },
    AwayFromZero,
    Distinct,
    Fixed(Vec<f64>),
}

/// Gaussian numbers of mean 0 and variance 1.
#[track_caller]
pub fn normal(shape: impl Into<Shape>) -> Input {
    Input { shape: shape.into(), law: Law::Normal { std: 1.0 } }
}

/// Gaussian numbers of standard deviation 0.001.
#[track_caller]
pub fn small(shape: impl Into<Shape>) -> Input {
    Input { shape: shape.into(), law: Law::Normal { std: 1e-3 } }
}

/// Numbers between 0.5 and 2, for logarithms, roots and denominators.
#[track_caller]
pub fn positive(shape: impl Into<Shape>) -> Input {
    uniform(shape, 0.5, 2.0)
}

/// Numbers spread evenly over `[low, high)`.
#[track_caller]
pub fn uniform(shape: impl Into<Shape>, low: f64, high: f64) -> Input {
    Input { shape: shape.into(), law: Law::Uniform { low, high } }
}

/// Numbers of either sign and of size 0.1 to 2, for functions with a kink at 0: finite differences must not step across it.
#[track_caller]
pub fn away_from_zero(shape: impl Into<Shape>) -> Input {
    Input { shape: shape.into(), law: Law::AwayFromZero }
}

/// Numbers no two of which are closer than 0.01, also among up to three such inputs of one case: for maxima and minima, whose
/// gradient jumps at a tie.
#[track_caller]
pub fn distinct(shape: impl Into<Shape>) -> Input {
    Input { shape: shape.into(), law: Law::Distinct }
}

/// The given numbers, rounded to `f32`.
///
/// # Panics
/// If their number is not that of the shape.
#[track_caller]
pub fn fixed(shape: impl Into<Shape>, values: impl Into<Vec<f64>>) -> Input {
    let (shape, values) = (shape.into(), values.into());
    assert_eq!(values.len(), shape.numel(), "an input of shape {shape:?} needs {} values", shape.numel());
    Input { shape, law: Law::Fixed(values) }
}

impl Input {
    /// The elements of the input number `index` of a case with this seed, in row-major order.
    pub(crate) fn values(&self, seed: u64, index: usize) -> Vec<f64> {
        let mut random = Random::new(seed.wrapping_add(index as u64));
        let n = self.shape.numel();
        let values: Vec<f64> = match &self.law {
            Law::Normal { std } => (0..n).map(|_| std * random.normal()).collect(),
            Law::Uniform { low, high } => (0..n).map(|_| low + (high - low) * random.uniform()).collect(),
            Law::AwayFromZero => (0..n)
                .map(|_| (0.1 + 1.9 * random.uniform()) * if random.uniform() < 0.5 { -1.0 } else { 1.0 })
                .collect(),
            Law::Distinct => {
                let mut steps: Vec<usize> = (0..n).collect();
                for i in (1..n).rev() {
                    steps.swap(i, (random.uniform() * (i + 1) as f64) as usize);
                }
                let middle = n as f64 / 2.0;
                steps.iter().map(|&step| 0.1 * (step as f64 - middle) + 0.03 * (index % 3) as f64).collect()
            }
            Law::Fixed(values) => values.clone(),
        };
        values.into_iter().map(|x| f64::from(x as f32)).collect()
    }
}

/// SplitMix64: a few lines that nothing else in the workspace shares.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Random(seed)
    }

    /// The generator that a name stands for.
    pub(crate) fn seed(name: &str) -> u64 {
        name.bytes().fold(0x9E37_79B9, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number in `[0, 1)`.
    pub(crate) fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A Gaussian number (Box and Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        let (u, v) = (1.0 - self.uniform(), self.uniform());
        (-2.0 * u.ln()).sqrt() * (2.0 * std::f64::consts::PI * v).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_law_keeps_its_promise() {
        let at_least = |input: Input, bound: f64| input.values(3, 0).iter().all(|x| x.abs() >= bound);
        assert!(at_least(away_from_zero([100]), 0.099));
        assert!(positive([100]).values(3, 0).iter().all(|&x| (0.5..=2.0).contains(&x)));
        assert!(small([100]).values(3, 0).iter().all(|&x| x.abs() < 0.01 && x != 0.0));
        assert_eq!(fixed([2], [1.0, 2.0]).values(3, 0), [1.0, 2.0]);
        let values = normal([10_000]).values(3, 0);
        let mean = values.iter().sum::<f64>() / 1e4;
        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 1e4;
        assert!(mean.abs() < 0.05 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
    }

    #[test]
    fn distinct_inputs_of_one_case_have_no_ties() {
        let mut all: Vec<f64> = (0..3).flat_map(|index| distinct([50]).values(7, index)).collect();
        all.sort_by(f64::total_cmp);
        assert!(all.windows(2).all(|pair| pair[1] - pair[0] > 0.009));
    }

    #[test]
    fn inputs_are_the_same_in_f32() {
        assert!(normal([100]).values(1, 2).iter().all(|&x| f64::from(x as f32) == x));
    }
}
