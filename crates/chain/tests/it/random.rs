//! Random chains for properties, from a fixed seed.

use anther_chain::ChainSpec;
use anther_kernels::{RandomKey, fill_normal};
use anther_tensor::Tensor;

/// A generator of small numbers (SplitMix64).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Random(seed)
    }

    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % n as u64) as usize
    }

    /// Legs of a chain with so many cores, primes and ones among them, and bonds up to `rank`.
    pub fn spec(&mut self, cores: usize, rank: usize) -> ChainSpec {
        let sizes: &[usize] = match cores {
            1 => &[1, 2, 5, 13, 17, 24],
            2 => &[1, 2, 3, 5, 7, 8],
            3 => &[1, 2, 3, 4],
            _ => &[1, 2, 3],
        };
        loop {
            let mut legs = || (0..cores).map(|_| sizes[self.below(sizes.len())]).collect::<Vec<_>>();
            let (inputs, outputs) = (legs(), legs());
            let ranks = (1..cores).map(|_| 1 + self.below(rank)).collect();
            let spec = ChainSpec { inputs, outputs, ranks };
            if spec.dense_params() <= 2500 {
                return spec;
            }
        }
    }
}

/// A dense weight whose columns fade, so that low ranks come near it.
pub fn fading(shape: [usize; 2], seed: u64) -> Tensor<f64> {
    Tensor::build(shape, |out| {
        fill_normal(out, RandomKey::new(seed, 1, 0), 0.0, 1.0);
        out.iter_mut().enumerate().for_each(|(at, x)| *x *= 0.8f64.powi((at % shape[1]) as i32));
    })
}

pub fn normal(shape: impl Into<anther_tensor::Shape>, seed: u64) -> Tensor<f64> {
    Tensor::build(shape, |out| fill_normal(out, RandomKey::new(seed, 2, 0), 0.0, 1.0))
}

pub fn distance(a: &Tensor<f64>, b: &Tensor<f64>) -> f64 {
    assert_eq!(a.shape(), b.shape());
    a.data().iter().zip(b.data()).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

pub fn norm(a: &Tensor<f64>) -> f64 {
    a.data().iter().map(|x| x * x).sum::<f64>().sqrt()
}
