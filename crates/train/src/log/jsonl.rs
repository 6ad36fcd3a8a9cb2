//! A file of JSON objects, one a line.

use std::path::Path;

use serde::Serialize;

use super::{Lines, LogError};

/// Appends JSON objects to a file, each in one write.
#[derive(Debug)]
pub struct JsonLines(Lines);

impl JsonLines {
    /// A file that must not exist.
    ///
    /// # Errors
    /// [`LogError::Fs`].
    pub fn create(path: &Path) -> Result<Self, LogError> {
        Lines::create(path).map(Self)
    }

    /// A file that is there or not, continued at its end. For lines that need not be repeatable, such as times.
    ///
    /// # Errors
    /// [`LogError::Fs`].
    pub fn append_to(path: &Path) -> Result<Self, LogError> {
        Lines::append_to(path).map(Self)
    }

    /// A file that is there, cut to its first `position` bytes, the end of a line.
    ///
    /// # Errors
    /// [`LogError::Fs`], and [`LogError::Position`] when the file is shorter or no line ends there.
    pub fn resume(path: &Path, position: u64) -> Result<Self, LogError> {
        Lines::resume(path, position).map(Self)
    }

    /// Appends one value as a line.
    ///
    /// # Errors
    /// [`LogError::Fs`] from the disk, [`LogError::Line`] for a value that JSON cannot express.
    pub fn append<T: Serialize>(&mut self, value: &T) -> Result<(), LogError> {
        let mut line = serde_json::to_vec(value).map_err(|error| LogError::Line {
            path: self.0.path.clone(),
            line: 0,
            reason: error.to_string(),
        })?;
        line.push(b'\n');
        self.0.push(&line)
    }

    /// Forces everything to the disk and returns the length of the file in bytes.
    ///
    /// # Errors
    /// [`LogError::Fs`].
    pub fn sync(&self) -> Result<u64, LogError> {
        self.0.sync()
    }
}
