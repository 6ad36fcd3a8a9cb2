//! A file on its way: written under a temporary name, renamed when it is complete and right.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use super::FetchError;
use crate::checksum::Running;
use crate::manifest::RemoteFile;

/// A temporary file beside its destination. Dropped before [`complete`](Self::complete), it removes itself.
pub(super) struct Landing<'a> {
    expected: &'a RemoteFile,
    /// What errors call the source.
    from: String,
    destination: &'a Path,
    temporary: PathBuf,
    file: File,
    sum: Running,
}

impl<'a> Landing<'a> {
    /// Makes the folder and the temporary file.
    pub(super) fn new(destination: &'a Path, expected: &'a RemoteFile, from: String) -> Result<Self, FetchError> {
        let folder = destination.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(|error| FetchError::disk(folder, error))?;
        let name = destination.file_name().unwrap_or_default().to_string_lossy();
        // The process number keeps two downloads apart; a leftover of a killed process with our number is passed over.
        for attempt in 0..100 {
            let temporary = folder.join(format!(".{name}.{}-{attempt}.part", std::process::id()));
            match OpenOptions::new().write(true).create_new(true).open(&temporary) {
                Ok(file) => {
                    return Ok(Self { expected, from, destination, temporary, file, sum: Running::default() });
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(FetchError::disk(&temporary, error)),
            }
        }
        Err(FetchError::disk(folder, io::Error::other("it is full of leftover .part files")))
    }

    /// Refuses a length that is announced and wrong before a byte is read.
    pub(super) fn announce(&self, length: u64) -> Result<(), FetchError> {
        let bytes = self.expected.bytes();
        match length.cmp(&bytes) {
            std::cmp::Ordering::Less => Err(self.too_short(length)),
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Greater => Err(FetchError::TooLong { from: self.from.clone(), bytes }),
        }
    }

    /// Writes a body that must have the declared size, and stops at the first byte too many.
    pub(super) fn receive(&mut self, mut body: impl Read) -> Result<(), FetchError> {
        let bytes = self.expected.bytes();
        let mut buffer = vec![0; 1 << 16];
        let mut got = 0_u64;
        loop {
            let read = match body.read(&mut buffer) {
                Ok(0) if got < bytes => return Err(self.too_short(got)),
                Ok(0) => return Ok(()),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                    return Err(self.too_short(got));
                }
                Err(error) => {
                    return Err(FetchError::Request { url: self.from.clone(), what: error.to_string() });
                }
            };
            got += read as u64;
            if got > bytes {
                return Err(FetchError::TooLong { from: self.from.clone(), bytes });
            }
            self.sum = std::mem::take(&mut self.sum).with(&buffer[..read]);
            self.file.write_all(&buffer[..read]).map_err(|error| FetchError::disk(&self.temporary, error))?;
        }
    }

    /// Checks the sum and gives the file its name.
    pub(super) fn complete(mut self) -> Result<(), FetchError> {
        let got = std::mem::take(&mut self.sum).finish();
        if got != self.expected.sha256() {
            return Err(FetchError::WrongSum { from: self.from.clone(), expected: self.expected.sha256().into(), got });
        }
        self.file.sync_all().map_err(|error| FetchError::disk(&self.temporary, error))?;
        fs::rename(&self.temporary, self.destination).map_err(|error| FetchError::disk(self.destination, error))
    }

    fn too_short(&self, got: u64) -> FetchError {
        FetchError::TooShort { from: self.from.clone(), bytes: self.expected.bytes(), got }
    }
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        // After a rename there is nothing under the temporary name; otherwise a failure here leaves a `.part` file, which is harmless.
        let _ = fs::remove_file(&self.temporary);
    }
}
