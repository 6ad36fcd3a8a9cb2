//! Sinusoidal positions: fixed sines and cosines of the position, added to the input of a model.

use anther_tensor::{Element, Tensor};
use serde::{Deserialize, Serialize};

/// Which sine or cosine stands in which column of a table of width d.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// `P[p, 2c] = sin(p / 10000^{2c/d})` and `P[p, 2c+1] = cos` of the same (Vaswani et al. 2017, section 3.5).
    #[default]
    Interleaved,
    /// The same sines in the first half of the columns and the cosines in the second, as in the Marian models of Hugging Face.
    Halves,
    /// The table of the program released with Neural Attention (arXiv 2502.17206): interleaved, but with the number of the column where the paper has that of
    /// the pair, `P[p, i] = sin(p / 10000^{2i/d})` and `P[p, i+1] = cos(p / 10000^{(2i+1)/d})` for even i. Its angles fall to `p / 10⁸`, so half of the columns hardly move.
    NeuralAttention,
}

impl Layout {
    /// The exponent of column `column`, of 10000, and whether a sine stands there.
    fn of(self, column: usize, width: usize) -> (f64, bool) {
        let share = |c: usize| 2.0 * c as f64 / width as f64;
        match self {
            Layout::Interleaved => (share(column / 2), column.is_multiple_of(2)),
            Layout::Halves => {
                let half = width.div_ceil(2);
                (share(column % half), column < half)
            }
            Layout::NeuralAttention => {
                let sine = column.is_multiple_of(2);
                (if sine { share(column) } else { (2 * column - 1) as f64 / width as f64 }, sine)
            }
        }
    }
}

/// The table `[positions, width]` for positions `offset …`.
pub fn table<T: Element>(layout: Layout, width: usize, positions: usize, offset: usize) -> Tensor<T> {
    Tensor::from_fn([positions, width], |index| {
        let (position, column) = (offset + index / width, index % width);
        let (exponent, sine) = layout.of(column, width);
        let angle = position as f64 / 10_000f64.powf(exponent);
        T::from_f64(if sine { angle.sin() } else { angle.cos() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sine_and_cosine_interleave() {
        let table = table::<f64>(Layout::Interleaved, 4, 3, 0);
        let second = 2.0 / 10_000f64.sqrt();
        assert_eq!(table.data()[..4], [0.0, 1.0, 0.0, 1.0]);
        assert_eq!(table.data()[8..], [2f64.sin(), 2f64.cos(), second.sin(), second.cos()]);
    }

    #[test]
    fn halves_are_the_same_columns_in_another_order() {
        let [interleaved, halves] = [Layout::Interleaved, Layout::Halves].map(|layout| table::<f64>(layout, 6, 1, 5));
        let order = [0, 2, 4, 1, 3, 5].map(|column| interleaved.data()[column]);
        assert_eq!(halves.data(), order);
    }

    #[test]
    fn the_released_table_counts_columns() {
        let table = table::<f64>(Layout::NeuralAttention, 512, 1, 3);
        // From the numpy program that the golden vectors come from.
        let reference = [0.1411200080598672, -0.9810327493268951, 0.34278182124536544, -0.9211981852665422];
        assert!(table.data().iter().zip(reference).all(|(x, r)| (x - r).abs() < 1e-14), "{:?}", &table.data()[..4]);
    }
}
