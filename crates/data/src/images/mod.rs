//! Images with labels: CIFAR-10 and CIFAR-100 in their binary form, the IDX files of MNIST, plain or packed with gzip, and folders of PNG and JPEG files.
//!
//! An [`ImageDataSet`] is a training and a test part, [`ImageViews`] makes batches of them: of one size, augmented, standardised.
//!
//! ```
//! use anther_data::images::{Cifar, ImageSet};
//!
//! // One record of CIFAR-10: a label, then 32 × 32 red, green and blue values.
//! let mut record = vec![7; 1];
//! record.extend([255; 3 * 32 * 32]);
//! let set = ImageSet::of_cifar(&record, Cifar::Ten, "one.bin")?;
//! assert_eq!((set.len(), set.shape, set.labels[0], set.image(0)[0]), (1, [3, 32, 32], 7, 255));
//! # Ok::<(), anther_data::images::ImageError>(())
//! ```

mod augment;
mod cifar;
mod data_set;
mod folders;
mod idx;
mod mixing;
pub mod pixels;
mod standard;
mod views;

use std::path::Path;

use thiserror::Error;

pub use augment::{Augment, AugmentError};
pub use cifar::Cifar;
pub use data_set::ImageDataSet;
pub use standard::Standard;
pub use views::ImageViews;

use crate::DataError;
use crate::packed::{ReadError, read_packed};

/// The most bytes of one file, unpacked: 1 GiB.
pub const MAX_IMAGE_BYTES: u64 = 1 << 30;

/// What is wrong with a file of images.
#[derive(Debug, Error)]
pub enum ImageError {
    /// The bytes cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// There is no such folder.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A folder that is no data set, or parts that do not belong together.
    #[error("{origin}: {reason}")]
    Folder {
        /// The folder or the file.
        origin: String,
        /// What is wrong, and how to mend it.
        reason: String,
    },
    /// The bytes are not what they should be.
    #[error("{origin}, byte {byte}: {reason}")]
    Bytes {
        /// The file.
        origin: String,
        /// Where, counted from 0.
        byte: usize,
        /// What is wrong, and how to mend it.
        reason: String,
    },
    /// Two files that do not belong together.
    #[error("{images} has {found} images, but {labels} has {expected} labels; give files of the same part")]
    Counts {
        /// The file of images.
        images: String,
        /// Images.
        found: usize,
        /// The file of labels.
        labels: String,
        /// Labels.
        expected: usize,
    },
}

/// Images of one size, each with a label.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageSet {
    /// Channels, rows and columns.
    pub shape: [usize; 3],
    /// All pixels, `[images, channels, rows, columns]`.
    pub pixels: Vec<u8>,
    /// The label of each image.
    pub labels: Vec<u16>,
}

impl ImageSet {
    /// Number of images.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no images.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The pixels of an image, `[channels, rows, columns]`.
    ///
    /// # Panics
    /// If there is no such image.
    #[must_use]
    #[track_caller]
    pub fn image(&self, index: usize) -> &[u8] {
        let size = self.shape.iter().product::<usize>();
        &self.pixels[index * size..][..size]
    }

    /// Reads a file of CIFAR records, any whole number of them.
    ///
    /// # Errors
    /// [`ImageError`].
    pub fn read_cifar(path: &Path, kind: Cifar) -> Result<Self, ImageError> {
        ImageSet::of_cifar(&read_packed(path, MAX_IMAGE_BYTES)?, kind, &path.display().to_string())
    }

    /// Reads a file of images and one of labels in the IDX format, images of any size.
    ///
    /// # Errors
    /// [`ImageError`].
    pub fn read_idx(images: &Path, labels: &Path) -> Result<Self, ImageError> {
        let [image_name, label_name] = [images, labels].map(|path| path.display().to_string());
        let (size, pixels) = idx::images(&read_packed(images, MAX_IMAGE_BYTES)?, &image_name)?;
        let labels: Vec<u16> =
            idx::labels(&read_packed(labels, MAX_IMAGE_BYTES)?, &label_name)?.into_iter().map(u16::from).collect();
        let found = pixels.len() / (size[0] * size[1]);
        if found != labels.len() {
            let (images, labels, expected) = (image_name, label_name, labels.len());
            return Err(ImageError::Counts { images, found, labels, expected });
        }
        Ok(ImageSet { shape: [1, size[0], size[1]], pixels, labels })
    }

    /// Mean and standard deviation (of the whole population) of each channel, of pixels from 0 to 1, over these images: those that are trained on standardise
    /// all parts.
    ///
    /// # Panics
    /// If there is no such image.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "numbers of pixels are below 2^53")]
    pub fn channel_statistics(&self, images: impl ExactSizeIterator<Item = usize> + Clone) -> Vec<[f64; 2]> {
        let [channels, rows, columns] = self.shape;
        let area = rows * columns;
        (0..channels)
            .map(|channel| {
                let (mut sum, mut squares) = (0u64, 0u64);
                for image in images.clone() {
                    for &pixel in &self.image(image)[channel * area..][..area] {
                        sum += u64::from(pixel);
                        squares += u64::from(pixel).pow(2);
                    }
                }
                // The sums are whole numbers, so nothing cancels before the last subtraction.
                let count = (images.len() * area).max(1) as f64;
                let mean = sum as f64 / count;
                [mean / 255.0, (squares as f64 / count - mean * mean).max(0.0).sqrt() / 255.0]
            })
            .collect()
    }
}
