//! ALiBi (Press et al. 2022, arXiv 2108.12409): the score of head h falls by `m_h` for each position of distance.
//!
//! `b_hij = −m_h |i − j|`. Softmax adds it to the score. Expressive attention multiplies its weight by `e^b`, which is the same thing in
//! log space.

use anther_tensor::{Element, Tensor};
use serde::{Deserialize, Serialize};

/// The slopes `m_h` of the heads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Slopes {
    /// `2^{−8h/H}`, h = 1 … H, from the ALiBi paper. Where H is no power of two, as in the program of its authors: these of the largest power of two below H,
    /// then every other one, from the first on, of twice that power.
    #[default]
    Press,
    /// `2^{−h/H}`, h = 0 … H−1, all between 1 and ½: from a third-party program for expressive attention. Much steeper.
    Steep,
}

impl Slopes {
    /// The slope of each head.
    pub fn values(self, heads: usize) -> Vec<f64> {
        match self {
            Slopes::Press => {
                let series = |n: usize| (1..=n).map(move |h| (-8.0 * h as f64 / n as f64).exp2());
                let power = (heads + 1).next_power_of_two() / 2;
                series(power).chain(series(2 * power).step_by(2)).take(heads).collect()
            }
            Slopes::Steep => (0..heads).map(|h| (-(h as f64) / heads as f64).exp2()).collect(),
        }
    }
}

/// The bias by distance, `[heads, queries + keys − 1]` as [`Operands::bias`](crate::Operands::bias), with query `i` at position `offset + i` and key `j` at
/// position `j`.
pub fn distance_bias<T: Element>(
    slopes: Slopes,
    heads: usize,
    queries: usize,
    keys: usize,
    offset: usize,
) -> Tensor<T> {
    let slopes = slopes.values(heads);
    let columns = (queries + keys).saturating_sub(1);
    Tensor::from_fn([heads, columns], |index| {
        // Number j − i + queries − 1 is for a key that lies so far from its query.
        let distance = (index % columns + 1).abs_diff(queries + offset);
        T::from_f64(-slopes[index / columns] * distance as f64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_those_of_the_papers() {
        assert_eq!(Slopes::Press.values(8)[..3], [0.5, 0.25, 0.125]);
        let doubled = [0.5, 1.5, 2.5, 3.5].map(|power: f64| 2f64.powf(-power));
        let twelve = Slopes::Press.values(12);
        assert_eq!(twelve[..8], Slopes::Press.values(8));
        assert!(
            twelve[8..].iter().zip(doubled).all(|(slope, expected)| (slope - expected).abs() < 1e-15),
            "{twelve:?}"
        );
        assert_eq!((twelve.len(), Slopes::Press.values(3)), (12, vec![1.0 / 16.0, 1.0 / 256.0, 0.25]));
        assert_eq!(Slopes::Press.values(1), [1.0 / 256.0]);
        assert_eq!(Slopes::Steep.values(2), [1.0, 2f64.powf(-0.5)]);
    }

    #[test]
    fn the_bias_grows_with_the_distance() {
        // Queries at positions 1 and 2 meet keys at positions 0, 1 and 2: differences from −2 to 1.
        let b = distance_bias::<f64>(Slopes::Press, 1, 2, 3, 1);
        let slope = 1.0 / 256.0;
        assert_eq!(b.data(), [-2.0 * slope, -slope, 0.0, -slope]);
    }
}
