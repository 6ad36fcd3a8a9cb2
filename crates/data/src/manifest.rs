//! Manifests of data sets: what the files are, where they come from, and how to know them.
//!
//! One TOML file for each data set, beside the data sets themselves; the data are not part of the project.
//!
//! ```
//! use anther_data::manifest::Manifest;
//!
//! let manifest = Manifest::parse(
//!     r#"
//!     name = "two-lines"
//!     licence = "public domain"
//!
//!     [[files]]
//!     url = "https://example.org/two-lines.txt"
//!     bytes = 12
//!     sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
//!     path = "two-lines/input.txt"
//!     "#,
//!     "two-lines.toml",
//! )?;
//! assert_eq!(manifest.files()[0].bytes(), 12);
//! # Ok::<(), anther_data::manifest::ManifestError>(())
//! ```

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;

use crate::address::Address;
use crate::checksum::sha256_file;

/// Most bytes that a manifest may have.
const MAX_MANIFEST_BYTES: u64 = 1 << 20;

/// A data set: a name, a licence and one or more files.
///
/// A value of this type has passed every check of [`parse`](Self::parse), so its paths stay inside the directory they are joined to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    name: String,
    licence: String,
    files: Vec<RemoteFile>,
}

/// One file of a data set.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoteFile {
    url: String,
    bytes: u64,
    sha256: String,
    path: String,
}

/// Whether a file is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileState {
    /// There is no such file.
    Missing,
    /// Its size and its SHA-256 are those of the manifest.
    Matches,
    /// It is another file.
    Differs,
}

impl Manifest {
    /// Reads a manifest from TOML. `origin` is what errors call it.
    ///
    /// # Errors
    /// [`ManifestError`] for TOML that is wrong, unknown or missing keys, a name that is not made of lower-case letters, digits and
    /// hyphens, no licence, no files, a URL that is neither https nor of this machine, a size of 0, a sum that is not 64 lower-case
    /// hexadecimal digits, and a path that is not plain (absolute, with `..`, hidden, or given twice).
    pub fn parse(text: &str, origin: &str) -> Result<Self, ManifestError> {
        let manifest: Self = toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start.min(text.len()));
            let line = text.as_bytes()[..start].iter().filter(|&&byte| byte == b'\n').count() + 1;
            let what = error.message().lines().collect::<Vec<_>>().join(" ");
            ManifestError::Syntax { origin: origin.into(), line, what }
        })?;
        match manifest.fault() {
            Some(what) => Err(ManifestError::Invalid { origin: origin.into(), what }),
            None => Ok(manifest),
        }
    }

    /// Reads a manifest from a file.
    ///
    /// # Errors
    /// [`ManifestError::Io`], or as [`parse`](Self::parse).
    pub fn load(path: &Path) -> Result<Self, ManifestError> {
        let failed = |source| ManifestError::Io { path: path.into(), source };
        if fs::metadata(path).map_err(failed)?.len() > MAX_MANIFEST_BYTES {
            let what = format!("it has more than {MAX_MANIFEST_BYTES} bytes");
            return Err(ManifestError::Invalid { origin: path.display().to_string(), what });
        }
        Self::parse(&fs::read_to_string(path).map_err(failed)?, &path.display().to_string())
    }

    /// Reads the manifest `NAME.toml` of a directory.
    ///
    /// # Errors
    /// [`ManifestError::Unknown`], which lists the names there are, or as [`load`](Self::load).
    pub fn named(directory: &Path, name: &str) -> Result<Self, ManifestError> {
        let names = Self::names(directory)?;
        if !names.iter().any(|known| known == name) {
            return Err(ManifestError::Unknown {
                name: name.into(),
                directory: directory.into(),
                known: names.join(", "),
            });
        }
        let manifest = Self::load(&directory.join(format!("{name}.toml")))?;
        if manifest.name != name {
            let what = format!("its name is {:?}, but it must be the name of the file", manifest.name);
            return Err(ManifestError::Invalid { origin: format!("{name}.toml"), what });
        }
        Ok(manifest)
    }

    /// The names of the manifests in a directory, in order: its `*.toml` files without the ending.
    ///
    /// # Errors
    /// [`ManifestError::Io`] if the directory cannot be read.
    pub fn names(directory: &Path) -> Result<Vec<String>, ManifestError> {
        let failed = |source| ManifestError::Io { path: directory.into(), source };
        let mut names = Vec::new();
        for entry in fs::read_dir(directory).map_err(failed)? {
            let file = entry.map_err(failed)?.file_name();
            names.extend(file.to_str().and_then(|file| file.strip_suffix(".toml")).map(str::to_owned));
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Name of the data set, which is also what `fetch` calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Under which terms the data may be used.
    pub fn licence(&self) -> &str {
        &self.licence
    }

    /// The files, at least one.
    pub fn files(&self) -> &[RemoteFile] {
        &self.files
    }

    /// The first thing that is wrong, in words.
    fn fault(&self) -> Option<String> {
        if !is_name(&self.name) {
            return Some(format!("the name {:?} must be made of lower-case letters, digits and hyphens", self.name));
        }
        if self.licence.trim().is_empty() {
            return Some("the licence is empty; say under which terms the data may be used".into());
        }
        if self.files.is_empty() {
            return Some("it lists no files".into());
        }
        let mut paths = BTreeSet::new();
        for file in &self.files {
            if let Some(fault) = file.fault() {
                return Some(fault);
            }
            // Some file systems do not tell upper from lower case.
            if !paths.insert(file.path.to_ascii_lowercase()) {
                return Some(format!("the path {:?} is given twice", file.path));
            }
        }
        None
    }
}

impl RemoteFile {
    /// Where the file comes from.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its size.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Its SHA-256, 64 lower-case hexadecimal digits.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Where it goes, relative to the data directory, with `/` between the parts.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Compares the file under `directory` with the manifest. Reads it only if its size is right.
    ///
    /// # Errors
    /// Whatever the operating system says, but for a file that is missing.
    pub fn state(&self, directory: &Path) -> io::Result<FileState> {
        let path = directory.join(&self.path);
        match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(FileState::Missing),
            Err(error) => Err(error),
            Ok(metadata) if !metadata.is_file() => Err(io::Error::other("it is not a regular file")),
            Ok(metadata) if metadata.len() != self.bytes => Ok(FileState::Differs),
            Ok(_) if sha256_file(&path)? == self.sha256 => Ok(FileState::Matches),
            Ok(_) => Ok(FileState::Differs),
        }
    }

    /// The first thing that is wrong, in words.
    fn fault(&self) -> Option<String> {
        if !is_plain_path(&self.path) {
            return Some(format!(
                "the path {:?} must be relative and made of names of letters, digits, dots, hyphens and underscores that \
                 do not begin with a dot",
                self.path
            ));
        }
        if !Address::parse(&self.url).is_some_and(|address| address.is_trusted()) {
            return Some(format!("the URL {:?} must begin with https:// and name a host", self.url));
        }
        if self.bytes == 0 {
            return Some(format!("the size of {:?} is 0 bytes", self.path));
        }
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if self.sha256.len() != 64 || !self.sha256.bytes().all(is_digit) {
            return Some(format!("the sha256 of {:?} must be 64 lower-case hexadecimal digits", self.path));
        }
        None
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// Whether a path means the same, and stays below where it is joined, on every system.
fn is_plain_path(path: &str) -> bool {
    let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    path.split('/').all(|part| !part.is_empty() && !part.starts_with('.') && part.bytes().all(is_name_byte))
}

/// What can be wrong with a manifest.
#[derive(Debug, Error)]
pub enum ManifestError {
    /// The file or the directory cannot be read.
    #[error("the manifest {} cannot be read: {source}", path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// No manifest of that name.
    #[error("there is no data set {name:?} in {}; there are: {known}", directory.display())]
    Unknown {
        /// The name as given.
        name: String,
        /// Where the manifests are.
        directory: PathBuf,
        /// The names there are, with commas between them.
        known: String,
    },
    /// Not TOML, or not the right keys.
    #[error("the manifest {origin} is wrong in line {line}: {what}")]
    Syntax {
        /// The path.
        origin: String,
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// The right keys with a wrong value.
    #[error("the manifest {origin} is wrong: {what}")]
    Invalid {
        /// The path.
        origin: String,
        /// What is wrong.
        what: String,
    },
}
