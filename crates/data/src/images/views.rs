//! Batches of images as a model reads them.

use super::{Augment, ImageSet, Standard, pixels};
use crate::LabelledBatch;

/// How images are shown: in which size, on which scale, and with which changes in training.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageViews {
    size: [usize; 2],
    standard: Standard,
    augment: Augment,
}

impl ImageViews {
    /// Images of `size` rows and columns, standardised.
    ///
    /// # Panics
    /// If `standard` has not as many deviations as means.
    #[must_use]
    #[track_caller]
    pub fn new(standard: Standard, size: [usize; 2], augment: Augment) -> Self {
        assert_eq!(standard.mean.len(), standard.std.len(), "a mean and a deviation for each channel");
        ImageViews { size, standard, augment }
    }

    /// What they are standardised by.
    #[must_use]
    pub fn standard(&self) -> &Standard {
        &self.standard
    }

    /// Channels, rows and columns of what is shown.
    #[must_use]
    pub fn shape(&self) -> [usize; 3] {
        [self.standard.channels(), self.size[0], self.size[1]]
    }

    /// Images in the place of a batch as they are, but for size and scale.
    ///
    /// # Panics
    /// If there is no such image, or if images have another number of channels than [`ImageViews::standard`].
    pub fn plain(&self, set: &ImageSet, images: &[usize], batch: &mut LabelledBatch) {
        let whole = pixels::Window::whole(set.shape);
        self.fill(set, images, batch, |_, image| pixels::scaled(image, set.shape, whole, self.size));
    }

    /// Images in the place of a batch with the changes of training: a pure function of the images, the seed and the step.
    ///
    /// # Panics
    /// If there is no such image, or if images have another number of channels than [`ImageViews::standard`].
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
        assert_eq!(set.shape[0], self.standard.channels(), "the channels of the images and of what standardises them");
        batch.clear();
        for (row, &index) in images.iter().enumerate() {
            let image: Vec<f32> = set.image(index).iter().map(|&pixel| f32::from(pixel) / 255.0).collect();
            let image = shown(row, &image);
            let Standard { mean, std } = &self.standard;
            for ((plane, mean), std) in image.chunks_exact(self.size[0] * self.size[1]).zip(mean).zip(std) {
                let (mean, factor) = (*mean as f32, (1.0 / std) as f32);
                batch.numbers.extend(plane.iter().map(|&pixel| (pixel - mean) * factor));
            }
            batch.labels.push(set.labels[index].into());
        }
    }
}
