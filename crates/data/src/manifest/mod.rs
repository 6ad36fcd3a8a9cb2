//! Manifests of data sets: what the files are, where they come from, and how to know them.
//!
//! One TOML file for each data set, beside the data sets themselves; the data are not part of the project. A file is a part of the data set as it is, or an
//! archive with members that are; some are joined into one file afterwards.
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
//! assert_eq!(manifest.files()[0].size().limit(), 12);
//! # Ok::<(), anther_data::manifest::ManifestError>(())
//! ```

mod error;
mod file;
mod written;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

pub use error::ManifestError;
pub use file::{Archive, Checksum, Format, Join, MAX_ENTRIES, MAX_WRITTEN_BYTES, Member, RemoteFile, Size};
use written::WrittenManifest;

/// Most bytes that a manifest may have: 256 KiB, ten times the longest of the project.
pub const MAX_MANIFEST_BYTES: u64 = 256 << 10;

/// A data set: a name, a licence, and one or more files.
///
/// A value of this type has passed every check of [`parse`](Self::parse), so its paths stay inside the directory they are joined to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    name: String,
    licence: String,
    files: Vec<RemoteFile>,
    joins: Vec<Join>,
}

impl Manifest {
    /// Reads a manifest from TOML. `origin` is what errors call it.
    ///
    /// # Errors
    /// [`ManifestError`] for TOML that is wrong, unknown or missing keys, a name that is not made of letters, digits and hyphens, no licence, no
    /// files, a URL that is neither https nor of this machine, no size or one of 0, no checksum or one of other digits, an archive without
    /// limits or members, a join of what is not there, and a path that is not plain (absolute, with `..`, hidden, or given twice).
    pub fn parse(text: &str, origin: &str) -> Result<Self, ManifestError> {
        let written: WrittenManifest = toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start.min(text.len()));
            let line = text.as_bytes()[..start].iter().filter(|&&byte| byte == b'\n').count() + 1;
            let what = error.message().lines().collect::<Vec<_>>().join(" ");
            ManifestError::Syntax { origin: origin.into(), line, what }
        })?;
        Self::checked(written).map_err(|what| ManifestError::Invalid { origin: origin.into(), what })
    }

    /// Reads a manifest from a file.
    ///
    /// # Errors
    /// [`ManifestError::Io`], or as [`parse`](Self::parse).
    pub fn load(path: &Path) -> Result<Self, ManifestError> {
        let failed = |source| ManifestError::Io { path: path.into(), source };
        let mut text = String::new();
        let file = File::open(path).map_err(failed)?;
        file.take(MAX_MANIFEST_BYTES + 1).read_to_string(&mut text).map_err(failed)?;
        if text.len() as u64 > MAX_MANIFEST_BYTES {
            let what = format!("it has more than {MAX_MANIFEST_BYTES} bytes; divide the data set");
            return Err(ManifestError::Invalid { origin: path.display().to_string(), what });
        }
        Self::parse(&text, &path.display().to_string())
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

    /// What is made of several of them, in the order in which it is made.
    #[must_use]
    pub fn joins(&self) -> &[Join] {
        &self.joins
    }

    /// The manifest that is meant, or the first thing that is wrong, in words.
    fn checked(written: WrittenManifest) -> Result<Self, String> {
        let WrittenManifest { name, licence, files, joins } = written;
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err(format!("the name {name:?} must be made of letters, digits and hyphens"));
        }
        if licence.trim().is_empty() {
            return Err("the licence is empty; say under which terms the data may be used".into());
        }
        if files.is_empty() {
            return Err("it lists no files".into());
        }
        let files: Vec<_> = files.into_iter().map(RemoteFile::new).collect::<Result<_, _>>()?;
        let joins: Vec<_> = joins.into_iter().map(Join::new).collect::<Result<_, _>>()?;
        let manifest = Manifest { name, licence, files, joins };
        manifest.check_paths()?;
        Ok(manifest)
    }

    /// Every path is given once, none is a folder of another, and parts of joins are there.
    fn check_paths(&self) -> Result<(), String> {
        let members = self.files.iter().filter_map(RemoteFile::archive).flat_map(Archive::members).map(Member::path);
        let plain = self.files.iter().filter(|file| file.archive().is_none()).map(RemoteFile::path);
        let arriving: BTreeSet<&str> = plain.chain(members.clone()).collect();
        let mut used = BTreeSet::new();
        for (join, part) in self.joins.iter().flat_map(|join| join.parts().iter().map(move |part| (join, part))) {
            if !arriving.contains(part.as_str()) {
                return Err(format!(
                    "the join {:?} has the part {part:?}, which no file or member has as its path",
                    join.path()
                ));
            }
            if !used.insert(part) {
                return Err(format!("{part:?} is a part of two joins, or twice of one"));
            }
        }
        // Some file systems do not tell upper from lower case.
        let mut paths = BTreeSet::new();
        for path in self.files.iter().map(RemoteFile::path).chain(members).chain(self.joins.iter().map(Join::path)) {
            if !paths.insert(path.to_ascii_lowercase()) {
                return Err(format!("the path {path:?} is given twice"));
            }
        }
        let folder_of = |path: &String| {
            paths.iter().find(|other| other.strip_prefix(path.as_str()).is_some_and(|rest| rest.starts_with('/')))
        };
        match paths.iter().find(|path| folder_of(path).is_some()) {
            Some(path) => Err(format!("the path {path:?} is that of a file and of a folder with other files")),
            None => Ok(()),
        }
    }
}
