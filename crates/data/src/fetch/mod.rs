//! Downloading data sets, checked against their manifests. Needs the feature `fetch`.
//!
//! A file arrives under a temporary name in the folder it belongs to and gets its own name only when its size and its SHA-256 are
//! those of the manifest. Whatever goes wrong, the final name holds a complete file or what it held before.
//!
//! ```no_run
//! use anther_data::{fetch::{fetch, Source}, manifest::Manifest};
//! use std::path::Path;
//!
//! let manifest = Manifest::named(Path::new("datasets"), "tinyshakespeare")?;
//! for file in fetch(&manifest, Path::new("datasets"), &Source::Origin)? {
//!     println!("{}: {:?}", file.path.display(), file.outcome);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod http;
mod landing;
mod source;

use std::fs::File;
use std::path::{Path, PathBuf};

pub use error::FetchError;
pub use source::Source;

use crate::manifest::{FileState, Manifest, RemoteFile};
use landing::Landing;

/// What [`fetch`] did for one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Where the file is.
    pub path: PathBuf,
    /// How it came to be there.
    pub outcome: Outcome,
}

/// How a file came to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was there and matched: nothing was done.
    AlreadyPresent,
    /// It was not there and has been fetched.
    Added,
    /// Another file was there, and has been replaced.
    Replaced,
}

/// Makes every file of a manifest present under `directory`, in the order of the manifest, and says what it did.
///
/// A file that is present and matches is left alone, and nothing is asked of the source. Never reads more than the declared size
/// (and one byte) from a source, and waits at most 30 seconds for a connection, an answer or the next bytes.
///
/// # Errors
/// The first [`FetchError`]; files that were complete before it stay.
pub fn fetch(manifest: &Manifest, directory: &Path, source: &Source) -> Result<Vec<Fetched>, FetchError> {
    manifest.files().iter().map(|file| fetch_one(manifest, file, directory, source)).collect()
}

fn fetch_one(manifest: &Manifest, file: &RemoteFile, directory: &Path, source: &Source) -> Result<Fetched, FetchError> {
    let path = directory.join(file.path());
    let state = file.state(directory).map_err(|error| FetchError::disk(&path, error))?;
    let outcome = match state {
        FileState::Matches => {
            return Ok(Fetched { path, outcome: Outcome::AlreadyPresent });
        }
        FileState::Missing => Outcome::Added,
        FileState::Differs => Outcome::Replaced,
    };
    match source {
        Source::Offline => {
            return Err(FetchError::Offline { path, name: manifest.name().into() });
        }
        Source::Origin => download(file.url(), file, &path)?,
        Source::MirrorUrl(base) => {
            download(&format!("{}/{}", base.trim_end_matches('/'), file.path()), file, &path)?;
        }
        Source::MirrorFolder(folder) => {
            let copy = folder.join(file.path());
            let failed = |error| FetchError::disk(&copy, error);
            let opened = File::open(&copy).map_err(failed)?;
            // A directory can be opened, and says so only when it is read.
            let length = opened.metadata().map_err(failed)?.len();
            let mut landing = Landing::new(&path, file, copy.display().to_string())?;
            landing.announce(length)?;
            landing.receive(opened)?;
            landing.complete()?;
        }
    }
    Ok(Fetched { path, outcome })
}

/// Fetches one file from an address.
fn download(url: &str, file: &RemoteFile, path: &Path) -> Result<(), FetchError> {
    let (announced, body) = http::get(url)?;
    let mut landing = Landing::new(path, file, url.to_owned())?;
    if let Some(length) = announced {
        landing.announce(length)?;
    }
    landing.receive(body)?;
    landing.complete()
}
