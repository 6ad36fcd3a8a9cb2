//! The numbers that images are standardised by.

use serde::{Deserialize, Serialize};

use super::ImageSet;

/// What images are standardised by: each pixel x of a channel, from 0 to 1, becomes (x − mean) / std.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standard {
    /// The mean of each channel.
    pub mean: Vec<f64>,
    /// The standard deviation of each channel, above 0.
    pub std: Vec<f64>,
}

impl Standard {
    /// Mean and deviation of each channel over the images `train` of `set`; a channel of one value only has a deviation of 1, so that it is just shifted. Costs a
    /// pass over their pixels.
    ///
    /// # Panics
    /// If there is no such image.
    #[must_use]
    pub fn of(set: &ImageSet, train: &[usize]) -> Self {
        let statistics = set.channel_statistics(train.iter().copied());
        // A step of the 256 that pixels have is 0.004.
        let std = |&[_, deviation]: &[f64; 2]| if deviation < 1e-6 { 1.0 } else { deviation };
        Standard { mean: statistics.iter().map(|[mean, _]| *mean).collect(), std: statistics.iter().map(std).collect() }
    }

    /// Number of channels.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.mean.len()
    }
}
