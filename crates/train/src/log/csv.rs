//! A CSV file with fixed columns.

use std::io::{Cursor, Read};
use std::path::Path;

use super::{Lines, LogError};
use crate::fs::FsError;

/// Appends rows to a CSV file whose first line names the columns.
#[derive(Debug)]
pub struct CsvTable(Lines);

impl CsvTable {
    /// A file that must not exist; writes the line of column names.
    ///
    /// # Errors
    /// [`LogError::Fs`].
    pub fn create(path: &Path, columns: &[String]) -> Result<Self, LogError> {
        let mut table = Self(Lines::create(path)?);
        table.append(columns)?;
        Ok(table)
    }

    /// A file that is there, cut to its first `position` bytes, the end of a line.
    ///
    /// # Errors
    /// [`LogError::Fs`], and [`LogError::Position`] when the file is shorter, no line ends there, or its columns are
    /// others.
    pub fn resume(path: &Path, columns: &[String], position: u64) -> Result<Self, LogError> {
        let header = line(path, columns)?;
        let mut found = Vec::new();
        let read = std::fs::File::open(path).and_then(|file| file.take(header.len() as u64).read_to_end(&mut found));
        read.map_err(FsError::at("read", path))?;
        if found != header || position < header.len() as u64 {
            let reason = format!("its columns are not {}", columns.join(", "));
            return Err(LogError::Position { path: path.to_path_buf(), position, reason });
        }
        Lines::resume(path, position).map(Self)
    }

    /// Appends one row.
    ///
    /// # Errors
    /// [`LogError::Fs`].
    pub fn append<T: AsRef<[u8]>>(&mut self, cells: &[T]) -> Result<(), LogError> {
        let line = line(&self.0.path, cells)?;
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

fn line<T: AsRef<[u8]>>(path: &Path, cells: &[T]) -> Result<Vec<u8>, LogError> {
    let wrong = |reason: String| LogError::Line { path: path.to_path_buf(), line: 0, reason };
    let mut writer = csv::Writer::from_writer(Cursor::new(Vec::new()));
    writer.write_record(cells).map_err(|error| wrong(error.to_string()))?;
    let cursor = writer.into_inner().map_err(|error| wrong(error.to_string()))?;
    Ok(cursor.into_inner())
}
