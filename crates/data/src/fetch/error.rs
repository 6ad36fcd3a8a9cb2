//! What can go wrong with a download.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// What can go wrong with a download. Whatever has its final name is complete in every case.
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
    #[error(
        "{from} has {got} of {bytes} bytes; it was cut off or is another file; try again, which goes on from there, or use --mirror"
    )]
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
    /// Another checksum than declared.
    #[error("{from} has {kind} {got} instead of {expected}, so it is another file and was thrown away; use --mirror")]
    WrongSum {
        /// Address or path of the source.
        from: String,
        /// `SHA-256` or `MD5`.
        kind: &'static str,
        /// Declared sum.
        expected: String,
        /// Sum of what came.
        got: String,
    },
    /// A server went on at another place than it was asked to.
    #[error(
        "{url} was asked for the bytes from {asked} on and answers with {got:?}, so what had come was thrown away; try again to begin anew"
    )]
    WrongRange {
        /// The address.
        url: String,
        /// The first byte that was asked for.
        asked: u64,
        /// The answer.
        got: String,
    },
    /// A file without a published checksum is another one than before.
    #[error(
        "{from} has SHA-256 {got}, but the file that was fetched before had {before}; if the new one is meant, remove {} and fetch again", record.display()
    )]
    Changed {
        /// Address or path of the source.
        from: String,
        /// Sum of the file before.
        before: String,
        /// Sum of what came.
        got: String,
        /// The record that knows the one before.
        record: PathBuf,
    },
    /// An archive that is damaged, hostile, or without what should be in it.
    #[error("the archive {} cannot be unpacked: {what}", path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// What is wrong, and what became of the archive.
        what: String,
    },
    /// Another process is at it.
    #[error("another process is fetching {name} into {}; wait for it", directory.display())]
    Busy {
        /// The data set.
        name: String,
        /// The data directory.
        directory: PathBuf,
    },
    /// The record of what was fetched cannot be read.
    #[error("{} is no record of what was fetched: {what}; remove it", path.display())]
    Record {
        /// The record.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
}

impl FetchError {
    pub(super) fn disk(path: &Path, source: io::Error) -> Self {
        Self::Disk { path: path.into(), source }
    }
}
