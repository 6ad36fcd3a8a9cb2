//! Sinusoidal positions (Vaswani et al. 2017, section 3.5): `P[p, 2c] = sin(p / 10000^{2c/d})`, `P[p, 2c+1] = cos` of the same.

use anther_tensor::{Element, Tensor};

/// The table `[positions, width]` for positions `offset …`.
pub fn table<T: Element>(width: usize, positions: usize, offset: usize) -> Tensor<T> {
    Tensor::from_fn([positions, width], |index| {
        let (position, column) = (offset + index / width, index % width);
        let exponent = (column / 2 * 2) as f64 / width as f64;
        let angle = position as f64 / 10_000f64.powf(exponent);
        T::from_f64(if column.is_multiple_of(2) { angle.sin() } else { angle.cos() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sine_and_cosine_interleave() {
        let table = table::<f64>(4, 3, 0);
        let second = 2.0 / 10_000f64.sqrt();
        assert_eq!(table.data()[..4], [0.0, 1.0, 0.0, 1.0]);
        assert_eq!(table.data()[8..], [2f64.sin(), 2f64.cos(), second.sin(), second.cos()]);
    }
}
