//! CIFAR-10 and CIFAR-100: records of labels and 32 × 32 pixels, all red values first, then green, then blue.

use super::{ImageError, ImageSet};

/// Which of the two sets, and which labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cifar {
    /// CIFAR-10: one label, 0 to 9.
    Ten,
    /// CIFAR-100 with its 100 fine labels; the coarse one before them is skipped.
    HundredFine,
    /// CIFAR-100 with its 20 coarse labels.
    HundredCoarse,
}

const SHAPE: [usize; 3] = [3, 32, 32];
const PIXELS: usize = 3 * 32 * 32;

impl Cifar {
    /// Number of classes.
    #[must_use]
    pub fn classes(self) -> u8 {
        match self {
            Cifar::Ten => 10,
            Cifar::HundredFine => 100,
            Cifar::HundredCoarse => 20,
        }
    }

    /// Bytes before the pixels, and the place of the label among them.
    fn labels(self) -> (usize, usize) {
        match self {
            Cifar::Ten => (1, 0),
            Cifar::HundredCoarse => (2, 0),
            Cifar::HundredFine => (2, 1),
        }
    }
}

impl ImageSet {
    /// The images of records; `origin` names them in messages.
    ///
    /// # Errors
    /// [`ImageError::Bytes`] for a record that is not whole, a label that does not exist, or no record at all.
    pub fn of_cifar(bytes: &[u8], kind: Cifar, origin: &str) -> Result<Self, ImageError> {
        let refused = |byte: usize, reason: String| ImageError::Bytes { origin: origin.to_owned(), byte, reason };
        let (before, label) = kind.labels();
        let record = before + PIXELS;
        if bytes.is_empty() || !bytes.len().is_multiple_of(record) {
            let reason =
                format!("the file ends here, but records of {kind:?} have {record} bytes each; fetch it again");
            return Err(refused(bytes.len(), reason));
        }
        let mut set = ImageSet { shape: SHAPE, ..ImageSet::default() };
        for (number, record_bytes) in bytes.chunks_exact(record).enumerate() {
            let class = record_bytes[label];
            if class >= kind.classes() {
                let reason = format!("record {number} has the label {class}, but there are {} classes", kind.classes());
                return Err(refused(number * record + label, reason));
            }
            set.labels.push(class.into());
            set.pixels.extend(&record_bytes[before..]);
        }
        Ok(set)
    }
}
