//! Inputs of cases: random numbers that are the same in every run.

use anther_kernels::{RandomKey, fill_normal, fill_uniform};
use anther_tensor::Tensor;

/// A tensor of standard normal numbers that depend on `stream`.
#[must_use]
pub fn normal(shape: &[usize], stream: u64) -> Tensor<f32> {
    Tensor::build(shape, |out| fill_normal(out, RandomKey::new(0, stream, 0), 0.0, 1.0))
}

/// `len` ids below `below`, which is at least 1, that depend on `stream`.
#[must_use]
pub fn ids(len: usize, below: usize, stream: u64) -> Vec<u32> {
    let mut uniform = vec![0.0_f64; len];
    fill_uniform(&mut uniform, RandomKey::new(0, stream, 0), 0.0, 1.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a product below `below`")]
    uniform.into_iter().map(|u| ((u * below as f64) as usize).min(below - 1) as u32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_below_their_limit_and_spread() {
        let drawn = ids(1000, 10, 3);
        assert!((0..10).all(|id| drawn.contains(&id)) && drawn.iter().all(|&id| id < 10));
        assert_eq!(drawn, ids(1000, 10, 3));
        assert_ne!(drawn, ids(1000, 10, 4));
        assert_eq!(ids(3, 1, 0), [0; 3]);
    }
}
