//! What can be wrong with a manifest.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

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
