//! Where files are fetched from.

use std::path::PathBuf;

use super::FetchError;
use crate::address::Address;

/// Where files are fetched from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The URLs of the manifest.
    Origin,
    /// A folder that holds the files under the paths of the manifest.
    MirrorFolder(PathBuf),
    /// A server that holds the files under the paths of the manifest, below this address. Plain http is allowed here, since the user
    /// chose the server; checksums are checked where there are some.
    MirrorUrl(String),
    /// Nowhere: check what is there, and fail if a file is missing.
    Offline,
}

impl Source {
    /// The source that the argument of `--mirror` means: an address if it has `://` in it, else a folder.
    ///
    /// # Errors
    /// [`FetchError::BadMirror`] for an empty argument, and for an address that is not http or https.
    pub fn mirror(argument: &str) -> Result<Self, FetchError> {
        let bad = || FetchError::BadMirror { mirror: argument.into() };
        if argument.contains("://") {
            Address::parse(argument).map(|_| Self::MirrorUrl(argument.into())).ok_or_else(bad)
        } else if argument.is_empty() {
            Err(bad())
        } else {
            Ok(Self::MirrorFolder(argument.into()))
        }
    }
}
