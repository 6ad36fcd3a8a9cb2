//! A file on its way: written under a temporary name, continued where it was cut off, and named when it is complete and right.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::FetchError;
use super::http::{self, Resume};
use super::sums::Sums;
use crate::manifest::{Checksum, RemoteFile, Size};

/// The bytes of a file that have come so far.
pub(super) struct Part<'a> {
    expected: &'a RemoteFile,
    path: PathBuf,
    /// Where the tag is kept that the server gave the version of the bytes.
    tag_path: PathBuf,
    /// What errors call the source.
    from: String,
}

impl<'a> Part<'a> {
    /// The part in the folder of temporary files, which exists.
    pub fn new(folder: &Path, expected: &'a RemoteFile, from: String) -> Self {
        let name = flat_name(expected);
        let [path, tag_path] = ["part", "part.tag"].map(|ending| folder.join(format!("{name}.{ending}")));
        Part { expected, path, tag_path, from }
    }

    /// Bytes that are there.
    pub fn len(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |found| found.len())
    }

    /// Forgets what has come.
    fn discard(&self) -> Result<(), FetchError> {
        for path in [&self.path, &self.tag_path] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(FetchError::disk(path, error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// From where the file is asked for. What has come is of use if something will tell whether the rest belongs to it: a checksum of the whole, or
    /// the tag of its version.
    fn resume(&self) -> Result<Option<Resume>, FetchError> {
        let have = self.len();
        let tag = fs::read_to_string(&self.tag_path).ok();
        let known = tag.is_some() || *self.expected.checksum() != Checksum::NonePublished;
        let within = have <= self.expected.size().limit();
        if have == 0 || !known || !within {
            self.discard()?;
            return Ok(None);
        }
        Ok(Some(Resume { from: have, tag }))
    }

    /// Downloads what is missing from an address.
    pub fn download(&self, url: &str, patience: Duration) -> Result<(), FetchError> {
        let mut resume = self.resume()?;
        if self.expected.size() == Size::Exact(self.len()) {
            return Ok(());
        }
        let mut answer = http::get(url, patience, resume.as_ref())?;
        if resume.is_some() && answer.status == 416 {
            // There is nothing behind what we have, so it is of another file, or longer than the file.
            self.discard()?;
            resume = None;
            answer = http::get(url, patience, None)?;
        }
        match (answer.status, &resume) {
            (200, _) => {
                self.discard()?;
                if answer.length.is_none() && !answer.chunked && self.expected.size().limit_only() && !self.is_known() {
                    let what = "the server does not say how long the file is, and nothing else would tell whether it is complete".into();
                    return Err(FetchError::Request { url: url.into(), what });
                }
                if let Some(tag) = &answer.tag {
                    fs::write(&self.tag_path, tag).map_err(|error| FetchError::disk(&self.tag_path, error))?;
                }
                self.receive(answer.body, answer.length)
            }
            (206, Some(resume)) => {
                let range = answer.range.as_deref().and_then(http::content_range);
                let ends_right = |&(first, last, total): &(u64, u64, Option<u64>)| {
                    let ends = total.is_none_or(|total| total == last + 1);
                    let size = self.expected.size();
                    first == resume.from && ends && (size.limit_only() || size.allows(last + 1))
                };
                match range.filter(ends_right) {
                    Some((_, last, _)) => self.receive(answer.body, Some(last + 1 - resume.from)),
                    None => {
                        self.discard()?;
                        Err(FetchError::WrongRange {
                            url: url.into(),
                            asked: resume.from,
                            got: answer.range.unwrap_or_else(|| "no Content-Range".into()),
                        })
                    }
                }
            }
            (status, _) => Err(FetchError::Status { url: url.into(), status }),
        }
    }

    /// Copies a file from the beginning.
    pub fn copy(&self, path: &Path) -> Result<(), FetchError> {
        let failed = |error| FetchError::disk(path, error);
        let opened = File::open(path).map_err(failed)?;
        // A directory can be opened, and says so only when it is read.
        let length = opened.metadata().map_err(failed)?.len();
        self.discard()?;
        self.receive(opened, Some(length))
    }

    /// Adds a body, of so many bytes if that is announced, to what is there. Stops at the first byte too many.
    fn receive(&self, mut body: impl Read, announced: Option<u64>) -> Result<(), FetchError> {
        let size = self.expected.size();
        let mut got = self.len();
        let whole = match (announced.map(|length| length.saturating_add(got)), size) {
            (Some(whole), _) if whole > size.limit() => return Err(self.too_long()),
            (Some(whole), Size::Exact(bytes)) if whole < bytes => return Err(self.too_short(whole, bytes)),
            (_, Size::Exact(bytes)) => Some(bytes),
            (whole, Size::AtMost(_)) => whole,
        };
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.path)
            .map_err(|error| FetchError::disk(&self.path, error))?;
        let mut buffer = vec![0; 1 << 16];
        loop {
            let read = match body.read(&mut buffer) {
                Ok(0) => 0,
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => 0,
                Err(error) => {
                    return Err(FetchError::Request { url: self.from.clone(), what: error.to_string() });
                }
            };
            if read == 0 {
                return match whole {
                    Some(whole) if got < whole => Err(self.too_short(got, whole)),
                    _ => Ok(()),
                };
            }
            got += read as u64;
            if got > whole.unwrap_or(size.limit()) {
                self.discard()?;
                return Err(self.too_long());
            }
            file.write_all(&buffer[..read]).map_err(|error| FetchError::disk(&self.path, error))?;
        }
    }

    /// Checks the sum, and gives the file its name. `before` is the SHA-256 that a file without a published sum had when it was first fetched.
    pub fn complete(self, destination: &Path, before: Option<&str>, record: &Path) -> Result<Sums, FetchError> {
        let failed = |error| FetchError::disk(&self.path, error);
        if self.len() == 0 {
            self.discard()?;
            return Err(self.too_short(0, self.expected.size().limit()));
        }
        let sums = Sums::of_file(&self.path).map_err(failed)?;
        if let Err((kind, expected, got)) = sums.against(self.expected.checksum()) {
            self.discard()?;
            let (expected, got) = (expected.to_owned(), got.to_owned());
            return Err(FetchError::WrongSum { from: self.from, kind, expected, got });
        }
        if let Some(before) = before.filter(|before| *before != sums.sha256) {
            self.discard()?;
            let (before, record) = (before.to_owned(), record.to_path_buf());
            return Err(FetchError::Changed { from: self.from, before, got: sums.sha256, record });
        }
        File::open(&self.path).and_then(|file| file.sync_all()).map_err(failed)?;
        make_folder_of(destination)?;
        fs::rename(&self.path, destination).map_err(|error| FetchError::disk(destination, error))?;
        self.discard()?;
        Ok(sums)
    }

    /// Whether something tells afterwards that the file is complete: its checksum, or the end of the archive that it is.
    fn is_known(&self) -> bool {
        *self.expected.checksum() != Checksum::NonePublished || self.expected.archive().is_some()
    }

    fn too_long(&self) -> FetchError {
        FetchError::TooLong { from: self.from.clone(), bytes: self.expected.size().limit() }
    }

    fn too_short(&self, got: u64, bytes: u64) -> FetchError {
        FetchError::TooShort { from: self.from.clone(), bytes, got }
    }
}

/// A name for a file in a folder for all files; no path of a manifest has a plus.
pub(super) fn flat_name(file: &RemoteFile) -> String {
    file.path().replace('/', "+")
}

impl Size {
    /// Whether the size is not known before.
    fn limit_only(self) -> bool {
        matches!(self, Size::AtMost(_))
    }
}

/// Makes the folder that a file goes to.
pub(super) fn make_folder_of(destination: &Path) -> Result<(), FetchError> {
    let folder = destination.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|error| FetchError::disk(folder, error))
}

/// Removes a folder with all that is in it, if it is there.
pub(super) fn remove_folder(folder: &Path) -> Result<(), FetchError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FetchError::disk(folder, error)),
        _ => Ok(()),
    }
}
