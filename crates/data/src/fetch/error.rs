//! What can go wrong with a download.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// What can go wrong with a download. The final name of the file is untouched in every case.
#[derive(Debug, Error)]
pub enum FetchError {
    /// A file or a folder that cannot be read or written.
    #[error("{} cannot be read or written: {source}", path.display())]
    Disk {
        /// The path.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The network is forbidden and the file is not here.
    #[error("{} is missing or not the right file, and --offline forbids to fetch {name}; drop --offline", path.display())]
    Offline {
        /// Where the file should be.
        path: PathBuf,
        /// The data set.
        name: String,
    },
    /// A mirror that is neither a folder nor an address.
    #[error("{mirror:?} is no mirror; give a folder, or an address that begins with https:// or http://")]
    BadMirror {
        /// The mirror as given.
        mirror: String,
    },
    /// No answer, or one that cannot be read.
    #[error("{url} cannot be fetched: {what}; check the network, or name another source with --mirror")]
    Request {
        /// The address.
        url: String,
        /// What went wrong.
        what: String,
    },
    /// An answer other than the file.
    #[error("{url} cannot be fetched: the server answers with status {status}; name another source with --mirror")]
    Status {
        /// The address.
        url: String,
        /// HTTP status.
        status: u16,
    },
    /// Fewer bytes than declared.
    #[error("{from} has {got} of {bytes} bytes; it was cut off or is another file, try again or use --mirror")]
    TooShort {
        /// Address or path of the source.
        from: String,
        /// Declared size.
        bytes: u64,
        /// Bytes that came, or that were announced.
        got: u64,
    },
    /// More bytes than declared.
    #[error("{from} has more than the {bytes} bytes that the manifest declares, so it is another file; use --mirror")]
    TooLong {
        /// Address or path of the source.
        from: String,
        /// Declared size.
        bytes: u64,
    },
    /// Another SHA-256 than declared.
    #[error("{from} has SHA-256 {got} instead of {expected}, so it is another file; use --mirror")]
    WrongSum {
        /// Address or path of the source.
        from: String,
        /// Declared sum.
        expected: String,
        /// Sum of what came.
        got: String,
    },
}

impl FetchError {
    pub(super) fn disk(path: &Path, source: io::Error) -> Self {
        Self::Disk { path: path.into(), source }
    }
}
