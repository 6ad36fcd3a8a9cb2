//! The numbers of a run on disk: `metrics.jsonl`, the same as `metrics.csv`, and `loss.svg`.
//!
//! A line holds a step and numbers, never a time of day or a duration: the files of a run that was killed and resumed
//! are byte for byte those of a run that was not. Times go to `speed.jsonl`, which is only ever appended to.

mod csv;
mod jsonl;
mod metrics;
pub mod svg;

pub use csv::CsvTable;
pub use jsonl::JsonLines;
pub use metrics::{LogPosition, METRICS_CSV, METRICS_JSONL, MetricsLog, Row, Value, read_rows};

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::fs::{Disk, Fs, FsError, parent_of};

/// Why a log could not be written, resumed or read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The disk refused.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// The file is not the one that the checkpoint was saved with.
    #[error("{} cannot be continued from byte {position}: {reason}; restore the file, or move the metrics away and start another run",
        path.display())]
    Position {
        /// The file.
        path: PathBuf,
        /// Where the checkpoint says it was.
        position: u64,
        /// Why that cannot be.
        reason: String,
    },
    /// A metric has no column.
    #[error("the metric {name:?} is not among the columns {columns:?} of the log")]
    Column {
        /// The metric.
        name: String,
        /// The columns.
        columns: Vec<String>,
    },
    /// A line cannot be made or understood.
    #[error("{} line {line}: {reason}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Line number from 1; 0 for one that was to be written.
        line: usize,
        /// Why.
        reason: String,
    },
    /// The curves cannot be drawn.
    #[error("cannot draw the loss curves: {reason}")]
    Draw {
        /// What the plotter said.
        reason: String,
    },
}

/// A file that grows by whole lines and knows its length.
#[derive(Debug)]
struct Lines {
    file: File,
    path: PathBuf,
    length: u64,
}

impl Lines {
    fn create(path: &Path) -> Result<Self, LogError> {
        let file = OpenOptions::new().write(true).create_new(true).open(path);
        let file = file.map_err(FsError::at("create", path))?;
        // A checkpoint counts on this file, so its name has to be as durable as its content.
        let parent = parent_of(path);
        Disk.sync_dir(parent).map_err(FsError::at("sync the directory", parent))?;
        Ok(Self { file, path: path.to_path_buf(), length: 0 })
    }

    fn append_to(path: &Path) -> Result<Self, LogError> {
        let open = || {
            let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
            let length = file.seek(SeekFrom::End(0))?;
            Ok((file, length))
        };
        let (file, length) = open().map_err(FsError::at("open", path))?;
        Ok(Self { file, path: path.to_path_buf(), length })
    }

    /// Cuts the file at `position`, which must be the end of a line.
    fn resume(path: &Path, position: u64) -> Result<Self, LogError> {
        let open = || -> io::Result<(File, Option<u64>)> {
            let mut file = OpenOptions::new().read(true).write(true).open(path)?;
            let length = file.metadata()?.len();
            let mut before = [b'\n'];
            if position > 0 && position <= length {
                file.seek(SeekFrom::Start(position - 1))?;
                file.read_exact(&mut before)?;
            }
            Ok((file, (before == *b"\n").then_some(length)))
        };
        let cut = |file: &mut File| {
            file.set_len(position)?;
            file.seek(SeekFrom::Start(position)).map(|_| ())
        };
        let wrong = |reason: String| LogError::Position { path: path.to_path_buf(), position, reason };
        let (mut file, length) = open().map_err(FsError::at("open", path))?;
        let length = length.ok_or_else(|| wrong("no line ends there".to_owned()))?;
        if length < position {
            return Err(wrong(format!("it holds {length} bytes")));
        }
        cut(&mut file).map_err(FsError::at("truncate", path))?;
        Ok(Self { file, path: path.to_path_buf(), length: position })
    }

    /// Writes bytes that end in a newline, all of them or, after an error, none.
    fn push(&mut self, bytes: &[u8]) -> Result<(), LogError> {
        if let Err(error) = self.file.write_all(bytes) {
            // A half line would be read as a damaged one; if this fails too, resuming cuts it off.
            let _ = self.file.set_len(self.length).and_then(|()| self.file.seek(SeekFrom::Start(self.length)));
            return Err(FsError::at("append to", &self.path)(error).into());
        }
        self.length += bytes.len() as u64;
        Ok(())
    }

    fn sync(&self) -> Result<u64, LogError> {
        self.file.sync_data().map_err(FsError::at("sync", &self.path))?;
        Ok(self.length)
    }
}
