//! Data sets of images by the layout of their folder.

use std::path::{Path, PathBuf};

use super::{Cifar, ImageError, ImageSet, folders};
use crate::DataDir;

/// A training and a test part with images of one shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageDataSet {
    /// Number of classes.
    pub classes: usize,
    /// What is trained on.
    pub train: ImageSet,
    /// What is tested with.
    pub test: ImageSet,
}

const LAYOUTS: &str = "train-images-idx3-ubyte and the like (IDX), cifar-10-batches-bin/data_batch_1.bin, cifar-100-binary/train.bin, or train/CLASS/*.png and test/CLASS/*.png; any but the last may be packed (.gz)";

impl ImageDataSet {
    /// The data set in a folder named `name`, below the data directory or a path. What is in the folder says how it is read:
    ///
    /// | files | format |
    /// |---|---|
    /// | `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-…` (or with a dot: `train-images.idx3-ubyte`) | IDX |
    /// | `cifar-10-batches-bin/data_batch_*.bin`, any number of them, and `test_batch.bin` | CIFAR-10 |
    /// | `cifar-100-binary/train.bin` and `test.bin` | CIFAR-100, fine labels |
    /// | `train/CLASS/*` and `test/CLASS/*` (or `val`), PNG or JPEG | a folder for each class, classes in order of their names |
    ///
    /// All but the last may be packed with gzip, and the folder `cifar-…` may itself be named. `size` is the side that images of folders are scaled to when they are
    /// read; without it they must all have one size. The others have one size in any case.
    ///
    /// # Errors
    /// [`ImageError`] for a folder of another layout, a file that is missing or damaged, labels or sizes that do not fit.
    pub fn load(name: &str, size: Option<usize>, data: &DataDir) -> Result<Self, ImageError> {
        let folder = data.folder(name, None)?;
        let cifar =
            |inner: &str| Some(folder.join(inner)).filter(|path| path.is_dir()).unwrap_or_else(|| folder.clone());
        let (ten, hundred) = (cifar("cifar-10-batches-bin"), cifar("cifar-100-binary"));
        if let Some(images) = idx_file(&folder, "train", "images", 3) {
            let train = read_idx(&folder, "train", images)?;
            let images =
                idx_file(&folder, "t10k", "images", 3).ok_or_else(|| missing(&folder, "t10k-images-idx3-ubyte"))?;
            let test = read_idx(&folder, "t10k", images)?;
            let classes = train.labels.iter().max().map_or(0, |&label| usize::from(label) + 1);
            return ImageDataSet { classes, train, test }.checked(&folder);
        }
        let batches = cifar_batches(&ten)?;
        if !batches.is_empty() {
            let mut train = ImageSet::default();
            for batch in batches {
                train.append(ImageSet::read_cifar(&batch, Cifar::Ten)?);
            }
            let test = packed_or_not(&ten, "test_batch.bin").ok_or_else(|| missing(&ten, "test_batch.bin"))?;
            let test = ImageSet::read_cifar(&test, Cifar::Ten)?;
            return ImageDataSet { classes: 10, train, test }.checked(&folder);
        }
        if let Some(train) = packed_or_not(&hundred, "train.bin") {
            let test = packed_or_not(&hundred, "test.bin").ok_or_else(|| missing(&hundred, "test.bin"))?;
            let [train, test] = [train, test].map(|path| ImageSet::read_cifar(&path, Cifar::HundredFine));
            return ImageDataSet { classes: 100, train: train?, test: test? }.checked(&folder);
        }
        let test = ["test", "val"].map(|part| folder.join(part)).into_iter().find(|part| part.is_dir());
        match (folder.join("train"), test) {
            (train, Some(test)) if train.is_dir() => {
                let classes = folders::classes(&train)?;
                let train = folders::read(&train, &classes, size, None)?;
                let test = folders::read(&test, &classes, size, Some(train.shape))?;
                ImageDataSet { classes: classes.len(), train, test }.checked(&folder)
            }
            _ => Err(refused(&folder, format!("no data set of images is in this folder; it may have {LAYOUTS}"))),
        }
    }

    /// Checks that the parts fit each other.
    fn checked(self, folder: &Path) -> Result<Self, ImageError> {
        let [train, test] = [self.train.shape, self.test.shape];
        if self.train.is_empty() || self.test.is_empty() {
            return Err(refused(folder, "one of the parts has no images".to_owned()));
        }
        if train != test {
            return Err(refused(
                folder,
                format!("test images of {test:?} (channels, rows, columns) differ from training images of {train:?}"),
            ));
        }
        if let Some(label) = self.test.labels.iter().find(|&&label| usize::from(label) >= self.classes) {
            return Err(refused(
                folder,
                format!("a test image has the label {label}, but training labels go up to {}", self.classes - 1),
            ));
        }
        Ok(self)
    }
}

impl ImageSet {
    /// Adds the images of another set of the same shape; an empty set takes over any shape.
    fn append(&mut self, mut other: ImageSet) {
        self.shape = other.shape;
        self.pixels.append(&mut other.pixels);
        self.labels.append(&mut other.labels);
    }
}

pub(super) fn refused(path: &Path, reason: String) -> ImageError {
    ImageError::Folder { origin: path.display().to_string(), reason }
}

fn missing(folder: &Path, file: &str) -> ImageError {
    refused(folder, format!("there is no file {file} or {file}.gz in this folder"))
}

/// A file, or the same packed.
fn packed_or_not(folder: &Path, name: &str) -> Option<PathBuf> {
    [name.to_owned(), format!("{name}.gz")].into_iter().map(|name| folder.join(name)).find(|path| path.is_file())
}

fn idx_file(folder: &Path, part: &str, what: &str, axes: usize) -> Option<PathBuf> {
    ['-', '.'].into_iter().find_map(|dash| packed_or_not(folder, &format!("{part}-{what}{dash}idx{axes}-ubyte")))
}

fn read_idx(folder: &Path, part: &str, images: PathBuf) -> Result<ImageSet, ImageError> {
    let labels = idx_file(folder, part, "labels", 1);
    let labels = labels.ok_or_else(|| missing(folder, &format!("{part}-labels-idx1-ubyte")))?;
    ImageSet::read_idx(&images, &labels)
}

/// The training files of CIFAR-10 in order of their numbers; of a file that is there both packed and not, the latter.
fn cifar_batches(folder: &Path) -> Result<Vec<PathBuf>, ImageError> {
    let entries = folder.read_dir().map_err(|error| refused(folder, format!("it cannot be listed: {error}")))?;
    let mut found: Vec<(u32, PathBuf)> = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| refused(folder, format!("it cannot be listed: {error}")))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let plain = name.strip_suffix(".gz").unwrap_or(&name);
        let number = plain.strip_prefix("data_batch_").and_then(|name| name.strip_suffix(".bin"));
        if let Some(number) = number.and_then(|number| number.parse().ok()) {
            found.push((number, entry.path()));
        }
    }
    found.sort();
    found.dedup_by_key(|(number, _)| *number);
    Ok(found.into_iter().map(|(_, path)| path).collect())
}
