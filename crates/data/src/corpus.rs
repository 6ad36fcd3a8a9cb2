//! Texts in parts: files for training, validation and test in one folder, packed with gzip or not.
//!
//! ```
//! use anther_data::corpus::{CorpusFiles, PartNames};
//!
//! let folder = tempfile::tempdir()?;
//! for name in ["wiki.train.tokens", "wiki.valid.tokens", "wiki.test.tokens"] {
//!     std::fs::write(folder.path().join(name), " = Robert = \n")?;
//! }
//! let files = CorpusFiles::find(folder.path(), &PartNames::default())?;
//! assert!(files.validation.ends_with("wiki.valid.tokens"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::path::{Component, Path, PathBuf};

use thiserror::Error;

use crate::MAX_TEXT_BYTES;
use crate::lines::without_mark;
use crate::packed::{ReadError, read_packed_text};

/// What is wrong with a folder of texts or with one of them.
#[derive(Debug, Error)]
pub enum CorpusError {
    /// The folder cannot be listed.
    #[error("the folder {} cannot be read: {source}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// No name of a file says which part it is.
    #[error(
        "the folder {} has no file whose name says that it is for training, such as wiki.train.tokens or text.train.txt.gz; name the files with data.train and \
         data.validation, or one file with data.path", folder.display()
    )]
    NoParts {
        /// The folder.
        folder: PathBuf,
    },
    /// There are parts, but none to train on.
    #[error(
        "the folder {} has no training text, only {}; fetch the whole set, or train on a part that is here and say so: --set data.train={} --set \
         data.validation={}", folder.display(), present.join(" and "), present[0], present.last().expect("one part at least")
    )]
    NoTraining {
        /// The folder.
        folder: PathBuf,
        /// The parts that there are.
        present: Vec<String>,
    },
    /// More than one text.
    #[error("the folder {} has several texts to train on, {}; choose one with data.train", folder.display(), candidates.join(" and "))]
    Several {
        /// The folder.
        folder: PathBuf,
        /// Their training parts.
        candidates: Vec<String>,
    },
    /// There is nothing to validate on.
    #[error("the folder {} has no text to validate on that belongs to {train}; name one with data.validation", folder.display())]
    NoValidation {
        /// The folder.
        folder: PathBuf,
        /// The training part.
        train: String,
    },
    /// The same file twice.
    #[error("{} is both the training and the validation text; name another one with data.validation", path.display())]
    Same {
        /// The file.
        path: PathBuf,
    },
    /// There is no test part.
    #[error("the folder {} has no test text; name one with data.test", folder.display())]
    NoTest {
        /// The folder.
        folder: PathBuf,
    },
    /// A file that is named is not there.
    #[error("the file {} does not exist; check its name, or fetch the data set", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A name that leads out of the folder.
    #[error("{name:?} is not the name of a file in the folder of the data set; give one without `..`")]
    Outside {
        /// The name as given.
        name: String,
    },
    /// A file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A text without a word.
    #[error("the text {origin} is empty; there is nothing to learn from it")]
    Empty {
        /// The file.
        origin: String,
    },
    /// A NUL byte: the file is not a text.
    #[error("the text {origin} has a NUL byte at byte {offset}, so it is probably not a text; remove it")]
    Nul {
        /// The file.
        origin: String,
        /// Offset of the first NUL byte, from 0.
        offset: usize,
    },
}

/// Names of files, where the folder does not make clear which are meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartNames<'a> {
    /// What is trained on.
    pub train: Option<&'a str>,
    /// What is measured during training.
    pub validation: Option<&'a str>,
    /// What is measured once.
    pub test: Option<&'a str>,
}

/// The files of a text in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorpusFiles {
    /// The folder.
    pub folder: PathBuf,
    /// What is trained on.
    pub train: PathBuf,
    /// What is measured during training.
    pub validation: PathBuf,
    /// What is measured once, if there is some.
    pub test: Option<PathBuf>,
}

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Label {
    Train,
    Validation,
    Test,
}

/// How names of files say it.
const LABELS: [(&str, Label); 7] = [
    ("train", Label::Train),
    ("training", Label::Train),
    ("valid", Label::Validation),
    ("validation", Label::Validation),
    ("val", Label::Validation),
    ("dev", Label::Validation),
    ("test", Label::Test),
];

/// The name of a file with what it says: `wiki.train.tokens` is the training part of what stands before and after that word.
struct Part {
    name: String,
    label: Label,
    around: (String, String),
}

impl Part {
    fn of(name: &str) -> Option<Self> {
        let mut start = 0;
        for word in name.split(['.', '-', '_']) {
            if let Some(&(_, label)) = LABELS.iter().find(|(text, _)| *text == word) {
                // Some parts of a text may be packed and others not.
                let after = &name[start + word.len()..];
                let around = (name[..start].to_owned(), after.strip_suffix(".gz").unwrap_or(after).to_owned());
                return Some(Part { name: name.to_owned(), label, around });
            }
            start += word.len() + 1;
        }
        None
    }
}

impl CorpusFiles {
    /// The parts of the text in a folder.
    ///
    /// Which part a file is stands in its name, between dots, dashes or underscores: `train` or `training`; `valid`, `validation`, `val` or `dev`; `test`.
    /// Files that belong together have the same name but for that word and a `.gz` at the end. A folder with several texts needs the name of its training part, and the names of
    /// the other parts follow from it. The test part is left out if it is one of the other two.
    ///
    /// # Errors
    /// [`CorpusError`]; nothing is read but the names.
    pub fn find(folder: &Path, names: &PartNames<'_>) -> Result<Self, CorpusError> {
        let owned = || folder.to_path_buf();
        let parts = list(folder)?;
        let of_label = |label| parts.iter().filter(move |part| part.label == label);
        let train = match names.train {
            Some(name) => name.to_owned(),
            None => {
                let candidates: Vec<String> = of_label(Label::Train).map(|part| part.name.clone()).collect();
                match &candidates[..] {
                    [one] => one.clone(),
                    [] if parts.is_empty() => return Err(CorpusError::NoParts { folder: owned() }),
                    [] => {
                        let mut present: Vec<&Part> = parts.iter().collect();
                        present.sort_by_key(|part| part.label != Label::Validation);
                        let present = present.into_iter().map(|part| part.name.clone()).collect();
                        return Err(CorpusError::NoTraining { folder: owned(), present });
                    }
                    _ => return Err(CorpusError::Several { folder: owned(), candidates }),
                }
            }
        };
        let around = Part::of(&train).map(|part| part.around);
        let partner = |label| {
            let mut same = of_label(label).filter(|part| Some(&part.around) == around.as_ref());
            same.next().map(|part| part.name.clone())
        };
        let path = |name: &str| in_folder(folder, name);
        let validation = names.validation.map(str::to_owned).or_else(|| partner(Label::Validation));
        let Some(validation) = validation else {
            return Err(CorpusError::NoValidation { folder: owned(), train });
        };
        let (train, validation) = (path(&train)?, path(&validation)?);
        if train == validation {
            return Err(CorpusError::Same { path: train });
        }
        let test = match names.test {
            Some(name) => Some(path(name)?),
            None => {
                let partner = partner(Label::Test).map(|name| folder.join(name));
                partner.filter(|path| *path != train && *path != validation)
            }
        };
        Ok(CorpusFiles { folder: owned(), train, validation, test })
    }

    /// The test part.
    ///
    /// # Errors
    /// [`CorpusError::NoTest`].
    pub fn test(&self) -> Result<&Path, CorpusError> {
        self.test.as_deref().ok_or_else(|| CorpusError::NoTest { folder: self.folder.clone() })
    }
}

/// The files of a folder whose names say which part they are, in the order of their names.
fn list(folder: &Path) -> Result<Vec<Part>, CorpusError> {
    let failed = |source| CorpusError::Folder { folder: folder.to_path_buf(), source };
    let mut parts = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.path().is_file() {
            parts.extend(entry.file_name().to_str().and_then(Part::of));
        }
    }
    parts.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(parts)
}

fn in_folder(folder: &Path, name: &str) -> Result<PathBuf, CorpusError> {
    let plain = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    if name.is_empty() || !plain {
        return Err(CorpusError::Outside { name: name.to_owned() });
    }
    let path = folder.join(name);
    if path.is_file() { Ok(path) } else { Err(CorpusError::Missing { path }) }
}

/// The text of a file, unpacked if it is packed with gzip, at most [`MAX_TEXT_BYTES`]. Nothing is normalised; only a byte order mark before it is left out.
///
/// Lines may have any length, for they mean nothing here: `text8` is a single one of 100 MB.
///
/// # Errors
/// [`CorpusError`]: not there, damaged, too long, not UTF-8, empty, or with a NUL byte in it.
pub fn read_text(path: &Path) -> Result<String, CorpusError> {
    let origin = || path.display().to_string();
    if !path.exists() {
        return Err(CorpusError::Missing { path: path.to_path_buf() });
    }
    let text = read_packed_text(path, MAX_TEXT_BYTES)?;
    if let Some(offset) = text.bytes().position(|byte| byte == 0) {
        return Err(CorpusError::Nul { origin: origin(), offset });
    }
    let text = without_mark(text);
    if text.trim().is_empty() {
        return Err(CorpusError::Empty { origin: origin() });
    }
    Ok(text)
}

/// A text in two: about `fraction` of its bytes, up to the end of a line, or of a character if the rest has only one line.
///
/// # Panics
/// If the fraction is not between 0 and 1.
#[must_use]
pub fn split_text(text: &str, fraction: f64) -> (&str, &str) {
    assert!((0.0..=1.0).contains(&fraction), "split_text: {fraction} is not a fraction");
    let aim = (text.len() as f64 * fraction) as usize;
    let line_end = text.as_bytes()[aim..].iter().position(|&byte| byte == b'\n').map(|place| aim + place + 1);
    let place = line_end.filter(|&place| place < text.len());
    text.split_at(place.unwrap_or_else(|| (aim..=text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(aim)))
}
