//! The few things that are done to the disk, behind a trait so that each of them can be made to fail in a test.
//!
//! [`Disk`] is the real one. Everything that must survive a crash goes through [`Fs`]: checkpoints, the files of a run
//! directory, and the pointers `latest` and `best`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// What the checkpoint protocol asks of a file system.
///
/// Every method returns the bare cause; the caller adds what it was doing and to which file, see [`FsError`].
pub trait Fs {
    /// Creates one directory, which must not exist.
    ///
    /// # Errors
    /// The system's; `AlreadyExists` when there is anything of that name, a symbolic link included.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// Creates a file, which must not exist, writes all of `bytes`, forces them to the disk and closes it.
    ///
    /// # Errors
    /// The system's. The file may then exist and hold a part of the bytes.
    fn write_new(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;

    /// Renames a file over a file, or a directory to a name that is free. Atomic within one file system.
    ///
    /// # Errors
    /// The system's.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Forces the names inside a directory to the disk.
    ///
    /// # Errors
    /// The system's.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Removes a file, a symbolic link (not what it points to) or a directory with all it holds.
    ///
    /// # Errors
    /// The system's.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Reads a whole regular file of at most `limit` bytes; memory is asked for only after the size was checked.
    ///
    /// # Errors
    /// The system's; `FileTooLarge` above the limit; `InvalidInput` for what is not a regular file (a pipe would block).
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>>;

    /// The names in a directory, sorted. Names that are not UTF-8 are left out: none of ours are.
    ///
    /// # Errors
    /// The system's.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;
}

/// The disk itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Disk;

impl Fs for Disk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn write_new(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        // Only Unix lets a directory be opened and synced; elsewhere the file system orders renames itself.
        if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        if fs::symlink_metadata(path)?.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
    }

    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        let about = fs::metadata(path)?;
        if !about.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
        }
        if about.len() > limit {
            return Err(too_large(about.len(), limit));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(about.len()).unwrap_or(0));
        // One byte more than the limit, to notice a file that grew after it was measured.
        File::open(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            return Err(too_large(bytes.len() as u64, limit));
        }
        Ok(bytes)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(path)? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }
}

fn too_large(found: u64, limit: u64) -> io::Error {
    let message = format!("it holds {found} bytes and at most {limit} were expected");
    io::Error::new(io::ErrorKind::FileTooLarge, message)
}

/// One thing that could not be done to one file.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", path.display())]
pub struct FsError {
    /// A verb phrase such as `write` or `sync the directory`.
    pub action: &'static str,
    /// The file or directory.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

impl FsError {
    /// For `map_err`: names the action and the file of an error.
    pub fn at(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self { action, path, source }
    }
}

/// Puts `bytes` in the place of `path`, whole or not at all: a new file `.tmp-<name>` beside it is written, synced and
/// renamed over it, then the directory is synced. A `.tmp-<name>` left by a crash is replaced.
///
/// # Errors
/// The step that failed. Before the rename the old content is untouched; after it only the last sync can fail.
pub fn replace_file<F: Fs + ?Sized>(fs: &F, path: &Path, bytes: &[u8]) -> Result<(), FsError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let parent = parent_of(path);
    let scratch = parent.join(format!(".tmp-{name}"));
    match fs.remove(&scratch) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(FsError::at("remove the leftover", &scratch)(error));
        }
        _ => {}
    }
    let written = (fs.write_new(&scratch, bytes).map_err(FsError::at("write", &scratch)))
        .and_then(|()| fs.rename(&scratch, path).map_err(FsError::at("replace", path)));
    if let Err(error) = written {
        // Whatever stays behind is replaced by the next attempt.
        let _ = fs.remove(&scratch);
        return Err(error);
    }
    fs.sync_dir(parent).map_err(FsError::at("sync the directory", parent))
}

/// The directory that a path lies in; `.` for a bare name.
pub(crate) fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
