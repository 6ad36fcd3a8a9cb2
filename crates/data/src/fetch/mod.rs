//! Downloading data sets, checked against their manifests. Needs the feature `fetch`.
//!
//! A file arrives under a temporary name in `.fetched/NAME` of the data directory, from where an interrupted download goes on the next time. It gets its own name
//! only when its size and its checksum are those of the manifest. An archive is then unpacked beside that, its members are moved to their places one by one when
//! all of them have been unpacked and checked, and the archive is removed. Whatever goes wrong, a final name holds a complete file or what it held before.
//!
//! `.fetched/NAME/record.json` says what has been fetched: sizes and SHA-256.
//!
//! ```no_run
//! use anther_data::{fetch::{Fetcher, Source}, manifest::Manifest};
//! use std::path::Path;
//!
//! let manifest = Manifest::named(Path::new("datasets"), "tinyshakespeare")?;
//! for file in Fetcher::new(Path::new("datasets"), Source::Origin).fetch(&manifest)? {
//!     println!("{}: {:?}", file.path.display(), file.outcome);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod http;
mod join;
mod part;
mod presence;
mod record;
mod source;
mod sums;
mod unpack;

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use error::FetchError;
use part::{Part, make_folder_of, remove_folder};
pub use presence::{FileState, Look};
use presence::{Target, targets};
use record::Record;
pub use source::Source;
use unpack::Fault;

use crate::manifest::{Archive, Checksum, Join, Manifest, RemoteFile};

/// The folder of the data directory that has temporary files and records.
const WORK: &str = ".fetched";

/// Longest wait for a connection, for an answer, or for the next bytes of a body.
const PATIENCE: Duration = Duration::from_secs(30);

/// What [`Fetcher::fetch`] did for one file of a data set.
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

/// What a [`Fetcher`] is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A file is fetched.
    Fetching {
        /// Address or path of the source.
        from: &'a str,
        /// Bytes that are there already.
        have: u64,
        /// Its size, or the most that it may have.
        size: crate::manifest::Size,
    },
    /// A file was fetched that no published checksum speaks for.
    Unverified {
        /// Address or path of the source.
        from: &'a str,
        /// Its SHA-256, which the record keeps.
        sha256: &'a str,
    },
    /// An archive is unpacked.
    Unpacking {
        /// The archive.
        path: &'a Path,
    },
}

/// Fetches data sets into a directory.
pub struct Fetcher<'a> {
    directory: &'a Path,
    source: Source,
    patience: Duration,
    watch: &'a dyn Fn(Event<'_>),
}

impl<'a> Fetcher<'a> {
    /// A fetcher that puts data sets below `directory`, and waits at most 30 seconds for a connection, an answer or the next bytes.
    #[must_use]
    pub fn new(directory: &'a Path, source: Source) -> Self {
        Fetcher { directory, source, patience: PATIENCE, watch: &|_| {} }
    }

    /// Waits no longer than this.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Tells what is done before it is done.
    #[must_use]
    pub fn watch(mut self, watch: &'a dyn Fn(Event<'_>)) -> Self {
        self.watch = watch;
        self
    }

    /// Makes every file of a data set present, in the order of the manifest, and says what it did.
    ///
    /// A file that is present is left alone, and nothing is asked of the source; offline every file is read to make sure. Never reads more than the
    /// declared size (and one byte) from a source, and never unpacks more than is declared.
    ///
    /// # Errors
    /// The first [`FetchError`]; files that were complete before it stay, and so does what has come of the file that failed, unless it is wrong.
    pub fn fetch(&self, manifest: &Manifest) -> Result<Vec<Fetched>, FetchError> {
        if self.source == Source::Offline {
            return self.check(manifest);
        }
        let job = Job::begin(self, manifest)?;
        let before = job.states(Look::Quick)?;
        for file in manifest.files() {
            job.bring(file)?;
        }
        for join in manifest.joins() {
            job.join(join)?;
        }
        let outcome = |state| match state {
            FileState::Matches => Outcome::AlreadyPresent,
            FileState::Missing => Outcome::Added,
            FileState::Differs | FileState::Unrecorded => Outcome::Replaced,
        };
        Ok(before.into_iter().map(|(path, state)| Fetched { path, outcome: outcome(state) }).collect())
    }

    /// The files of a data set and whether they are here.
    ///
    /// # Errors
    /// [`FetchError::Disk`] and [`FetchError::Record`].
    pub fn states(&self, manifest: &Manifest, look: Look) -> Result<Vec<(PathBuf, FileState)>, FetchError> {
        let record = Record::load(&self.work(manifest).join("record.json"))?;
        states(manifest, self.directory, &record, look)
    }

    fn check(&self, manifest: &Manifest) -> Result<Vec<Fetched>, FetchError> {
        let states = self.states(manifest, Look::Thorough)?;
        let present = |(path, state)| match state {
            FileState::Matches => Ok(Fetched { path, outcome: Outcome::AlreadyPresent }),
            _ => Err(FetchError::Offline { path, name: manifest.name().into() }),
        };
        states.into_iter().map(present).collect()
    }

    /// The folder of temporary files of a data set.
    fn work(&self, manifest: &Manifest) -> PathBuf {
        self.directory.join(WORK).join(manifest.name())
    }
}

fn states(
    manifest: &Manifest,
    directory: &Path,
    record: &Record,
    look: Look,
) -> Result<Vec<(PathBuf, FileState)>, FetchError> {
    let state = |target: Target<'_>| {
        let path = directory.join(target.path);
        match target.state(directory, record, look) {
            Ok(state) => Ok((path, state)),
            Err(error) => Err(FetchError::disk(&path, error)),
        }
    };
    targets(manifest).into_iter().map(state).collect()
}

/// A data set that is being fetched, by this process only.
struct Job<'a> {
    fetcher: &'a Fetcher<'a>,
    manifest: &'a Manifest,
    work: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
}

impl<'a> Job<'a> {
    fn begin(fetcher: &'a Fetcher<'a>, manifest: &'a Manifest) -> Result<Self, FetchError> {
        let work = fetcher.work(manifest);
        let lock_path = work.join("lock");
        make_folder_of(&lock_path)?;
        let lock = File::create(&lock_path).map_err(|error| FetchError::disk(&lock_path, error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(FetchError::Busy { name: manifest.name().into(), directory: fetcher.directory.into() });
            }
            // Some file systems have no locks; there it is up to the user.
            Err(TryLockError::Error(error)) if error.kind() == std::io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(FetchError::disk(&lock_path, error)),
        }
        // What an interrupted fetch has unpacked is unpacked again from the archive, which is still there.
        remove_folder(&work.join("unpacked"))?;
        Ok(Job { fetcher, manifest, work, _lock: lock })
    }

    fn record_path(&self) -> PathBuf {
        self.work.join("record.json")
    }

    fn record(&self) -> Result<Record, FetchError> {
        Record::load(&self.record_path())
    }

    fn states(&self, look: Look) -> Result<Vec<(PathBuf, FileState)>, FetchError> {
        states(self.manifest, self.fetcher.directory, &self.record()?, look)
    }

    fn is_present(&self, target: &Target<'_>, record: &Record) -> Result<bool, FetchError> {
        let directory = self.fetcher.directory;
        let state = target.state(directory, record, Look::Quick);
        Ok(state.map_err(|error| FetchError::disk(&directory.join(target.path), error))? == FileState::Matches)
    }

    /// Makes a file of the manifest present, or what it brings.
    fn bring(&self, file: &RemoteFile) -> Result<(), FetchError> {
        let record = self.record()?;
        for target in Target::brought_by(file) {
            // A part that has been joined is gone, and nobody misses it.
            let join = self.manifest.joins().iter().find(|join| join.parts().iter().any(|part| part == target.path));
            let joined = join.map(|join| self.is_present(&Target::of_join(join), &record)).transpose()?;
            if joined != Some(true) && !self.is_present(&target, &record)? {
                return match file.archive() {
                    Some(archive) => self.bring_members(file, archive, record),
                    None => self.download(file, &self.fetcher.directory.join(file.path()), record),
                };
            }
        }
        Ok(())
    }

    /// Fetches a file to its place and writes it down.
    fn download(&self, file: &RemoteFile, destination: &Path, mut record: Record) -> Result<(), FetchError> {
        let (copy, from) = match &self.fetcher.source {
            Source::MirrorFolder(folder) => {
                let copy = folder.join(file.path());
                let from = copy.display().to_string();
                (Some(copy), from)
            }
            Source::MirrorUrl(base) => (None, format!("{}/{}", base.trim_end_matches('/'), file.path())),
            Source::Origin | Source::Offline => (None, file.url().to_owned()),
        };
        let part = Part::new(&self.work, file, from.clone());
        (self.fetcher.watch)(Event::Fetching { from: &from, have: part.len(), size: file.size() });
        match &copy {
            Some(copy) => part.copy(copy)?,
            None => part.download(&from, self.fetcher.patience)?,
        }
        let trusted = *file.checksum() != Checksum::NonePublished;
        let before = record.get(file.path()).filter(|_| !trusted).map(|entry| entry.sha256.clone());
        let sums = part.complete(destination, before.as_deref(), &self.record_path())?;
        if file.is_unverified() {
            (self.fetcher.watch)(Event::Unverified { from: &from, sha256: &sums.sha256 });
        }
        record.insert(file.path(), sums, Target::of_file(file).declared);
        record.save(&self.record_path())
    }

    /// Takes the members out of an archive, which is fetched unless an interrupted fetch left it, and removes it.
    fn bring_members(&self, file: &RemoteFile, archive: &Archive, mut record: Record) -> Result<(), FetchError> {
        let directory = self.fetcher.directory;
        // Beside the part, not below the data directory, where a file of that name belongs to somebody else.
        let path = self.work.join(part::flat_name(file));
        if !Target::of_file(file).is_at(&path, &record).map_err(|error| FetchError::disk(&path, error))? {
            self.download(file, &path, record)?;
            record = self.record()?;
        }
        (self.fetcher.watch)(Event::Unpacking { path: &path });
        let folder = self.work.join("unpacked");
        fs::create_dir(&folder).map_err(|error| FetchError::disk(&folder, error))?;
        let unpacked = unpack::unpack(&path, archive, &folder);
        let sums = match unpacked {
            Ok(sums) => sums,
            Err(fault) => {
                remove_folder(&folder)?;
                let what = match fault {
                    Fault::Disk(error) => return Err(error),
                    Fault::Archive(what) => what,
                };
                // Nobody vouches for these bytes, or they are those of the manifest, which then is wrong: either way they are of no use.
                fs::remove_file(&path).map_err(|error| FetchError::disk(&path, error))?;
                record.remove(file.path());
                record.save(&self.record_path())?;
                return Err(FetchError::Archive { path, what: format!("{what}; it was thrown away") });
            }
        };
        for (index, (target, sums)) in Target::brought_by(file).into_iter().zip(sums).enumerate() {
            let destination = directory.join(target.path);
            make_folder_of(&destination)?;
            fs::rename(folder.join(index.to_string()), &destination)
                .map_err(|error| FetchError::disk(&destination, error))?;
            record.insert(target.path, sums, target.declared);
        }
        record.save(&self.record_path())?;
        remove_folder(&folder)?;
        fs::remove_file(&path).map_err(|error| FetchError::disk(&path, error))
    }

    /// Makes a file of others, and removes them.
    fn join(&self, join: &Join) -> Result<(), FetchError> {
        let mut record = self.record()?;
        let target = Target::of_join(join);
        if self.is_present(&target, &record)? {
            return Ok(());
        }
        let sums = join::join(join, self.fetcher.directory, &self.work.join("joined"))?;
        record.insert(join.path(), sums, target.declared);
        record.save(&self.record_path())?;
        for part in join.parts() {
            let path = self.fetcher.directory.join(part);
            fs::remove_file(&path).map_err(|error| FetchError::disk(&path, error))?;
        }
        Ok(())
    }
}
