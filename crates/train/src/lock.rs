//! One process at a time writes into a run directory.
//!
//! The lock is the operating system's on the file `run.lock`: it goes with the process that holds it, however that
//! process ends, so a stale lock needs no guess about process numbers. The number inside is for the message only.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

/// Name of the lock file in a run directory.
pub const LOCK_FILE: &str = "run.lock";

/// Why a run directory could not be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process, or another lock in this one, has it.
    #[error("{} is in use by {}; wait for it to end, stop it, or choose another directory with --out",
        run.display(), holder(*pid))]
    Held {
        /// The run directory.
        run: PathBuf,
        /// The process that holds it, if the file says so.
        pid: Option<u32>,
    },
    /// The lock file cannot be made or locked.
    #[error("cannot lock {}: {source}; check the permissions of the run directory", path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

/// The right to write into a run directory, given back when dropped.
#[derive(Debug)]
pub struct RunLock {
    file: File,
    stale: Option<u32>,
}

impl RunLock {
    /// Locks `run`, which must be an existing directory.
    ///
    /// # Errors
    /// [`LockError::Held`] when someone has it, [`LockError::Io`] when the file cannot be used.
    pub fn acquire(run: &Path) -> Result<Self, LockError> {
        let path = run.join(LOCK_FILE);
        let failed = |source| LockError::Io { path: path.clone(), source };
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::Held { run: run.to_path_buf(), pid: read_pid(&mut file) });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        // A clean release empties the file, so a number still there belongs to a process that was killed.
        let stale = read_pid(&mut file);
        let write = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())
        };
        write(&mut file).map_err(failed)?;
        Ok(Self { file, stale })
    }

    /// The process that held the lock before and ended without giving it back, if there was one.
    #[must_use]
    pub const fn taken_over_from(&self) -> Option<u32> {
        self.stale
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        // Closing the file releases the lock in any case; a number that stays behind is only reported as stale.
        let _ = self.file.set_len(0);
        let _ = self.file.unlock();
    }
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    // Some systems refuse to read a locked file, and what is there may be anything: then the holder stays unnamed.
    file.rewind().ok()?;
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
