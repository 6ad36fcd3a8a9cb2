//! What has been fetched, written beside the data: a later fetch knows by it which files are there, and whether a file without a published checksum is still
//! the one that came first.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::FetchError;
use super::sums::Sums;

/// The most bytes of a record.
const MAX_RECORD_BYTES: u64 = 1 << 24;

/// The files of a data set by their paths below the data directory, archives that are gone by now among them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    files: BTreeMap<String, Entry>,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
    /// The checksum that the manifest had when it was fetched.
    pub declared: String,
}

impl Record {
    /// The record of a data set, empty if nothing of it has been fetched.
    pub fn load(path: &Path) -> Result<Self, FetchError> {
        let damaged = |what: String| FetchError::Record { path: path.into(), what };
        match fs::metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(FetchError::disk(path, error)),
            Ok(found) if found.len() > MAX_RECORD_BYTES => return Err(damaged("it is too long".into())),
            Ok(_) => {}
        }
        let bytes = fs::read(path).map_err(|error| FetchError::disk(path, error))?;
        serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))
    }

    /// Puts the record in the place of the one before.
    pub fn save(&self, path: &Path) -> Result<(), FetchError> {
        let new = PathBuf::from(format!("{}.new", path.display()));
        let failed = |error| FetchError::disk(&new, error);
        let mut file = File::create(&new).map_err(failed)?;
        let mut text = serde_json::to_string_pretty(self).expect("a map of strings and numbers can be written");
        text.push('\n');
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        fs::rename(&new, path).map_err(|error| FetchError::disk(path, error))
    }

    pub fn get(&self, path: &str) -> Option<&Entry> {
        self.files.get(path)
    }

    pub fn insert(&mut self, path: &str, sums: Sums, declared: String) {
        self.files.insert(path.to_owned(), Entry { bytes: sums.bytes, sha256: sums.sha256, declared });
    }

    pub fn remove(&mut self, path: &str) {
        self.files.remove(path);
    }
}
