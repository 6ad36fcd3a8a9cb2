//! Batches of images as a model reads them.

use super::{Augment, ImageSet, pixels};
use crate::LabelledBatch;

/// How images are shown: in which size, on which scale, and with which changes in training.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageViews {
    size: [usize; 2],
    scale: Vec<[f64; 2]>,
    augment: Augment,
}

impl ImageViews {
    /// Images of `size` rows and columns, each channel standardised by its mean and deviation in the images `train` of `set`, `(x − mean) / deviation`; a channel
    /// of one value only is just shifted. Costs a pass over their pixels.
    ///
    /// # Panics
    /// If there is no such image.
    #[must_use]
    pub fn new(set: &ImageSet, train: &[usize], size: [usize; 2], augment: Augment) -> Self {
        let mut scale = set.channel_statistics(train.iter().copied());
        for [_, deviation] in &mut scale {
            // A step of the 256 that pixels have is 0.004.
            if *deviation < 1e-6 {
                *deviation = 1.0;
            }
        }
        ImageViews { size, scale, augment }
    }

    /// Channels, rows and columns of what is shown.
    #[must_use]
    pub fn shape(&self) -> [usize; 3] {
        [self.scale.len(), self.size[0], self.size[1]]
    }

    /// Images in the place of a batch as they are, but for size and scale.
    ///
    /// # Panics
    /// If there is no such image.
    pub fn plain(&self, set: &ImageSet, images: &[usize], batch: &mut LabelledBatch) {
        let whole = pixels::Window::whole(set.shape);
        self.fill(set, images, batch, |_, image| pixels::scaled(image, set.shape, whole, self.size));
    }

    /// Images in the place of a batch with the changes of training: a pure function of the images, the seed and the step.
    ///
    /// # Panics
    /// If there is no such image.
    pub fn augmented(&self, set: &ImageSet, images: &[usize], seed: u64, step: u64, batch: &mut LabelledBatch) {
        let change =
            |row: usize, image: &[f32]| self.augment.image(image, set.shape, self.size, [seed, step, row as u64]);
        self.fill(set, images, batch, change);
        if let Some(mixing) = self.augment.mixing(seed, step, self.size) {
            mixing.apply(batch, self.size);
        }
    }

    fn fill(
        &self,
        set: &ImageSet,
        images: &[usize],
        batch: &mut LabelledBatch,
        shown: impl Fn(usize, &[f32]) -> Vec<f32>,
    ) {
        batch.clear();
        for (row, &index) in images.iter().enumerate() {
            let image: Vec<f32> = set.image(index).iter().map(|&pixel| f32::from(pixel) / 255.0).collect();
            let image = shown(row, &image);
            for (plane, &[mean, deviation]) in image.chunks_exact(self.size[0] * self.size[1]).zip(&self.scale) {
                let (mean, factor) = (mean as f32, (1.0 / deviation) as f32);
                batch.numbers.extend(plane.iter().map(|&pixel| (pixel - mean) * factor));
            }
            batch.labels.push(set.labels[index].into());
        }
    }
}
