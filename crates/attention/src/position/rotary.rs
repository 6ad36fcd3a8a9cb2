//! Rotary positions (Su et al. 2021, arXiv 2104.09864, equation 15): pair `c` of a head turns by `θ = p · base^{−2c/d}` at position `p`.
//!
//! The product of a rotated query and a rotated key depends on the difference of their positions only.

use anther_tensor::{Element, Tensor};

/// Cosines and sines `[positions, d/2]` for positions `offset …`.
pub fn tables<T: Element>(base: f64, d: usize, positions: usize, offset: usize) -> (Tensor<T>, Tensor<T>) {
    let pairs = d / 2;
    let angle = |index: usize| {
        let (position, pair) = (offset + index / pairs, index % pairs);
        position as f64 * base.powf(-2.0 * pair as f64 / d as f64)
    };
    (
        Tensor::from_fn([positions, pairs], |i| T::from_f64(angle(i).cos())),
        Tensor::from_fn([positions, pairs], |i| T::from_f64(angle(i).sin())),
    )
}
