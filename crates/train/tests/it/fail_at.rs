//! A disk on which one chosen step fails.

use std::cell::Cell;
use std::io;
use std::path::Path;

use anther_train::fs::{Disk, Fs};

/// What happens after the step that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// The disk works again: an error that passes.
    Works,
    /// Nothing is done any more, clean-up included: as if the process had been killed there.
    Dead,
}

/// The real disk, except that its fallible step number `at` (from 0) fails with the error `errno`. Writing a file counts
/// as three: creating it, writing it (half of it arrives), syncing it.
#[derive(Debug)]
pub struct FailAt {
    at: usize,
    errno: i32,
    after: After,
    done: Cell<usize>,
}

/// Numbers of Unix: input/output error, no space left on device, permission denied.
pub const ERRORS: [i32; 3] = [5, 28, 13];

impl FailAt {
    pub fn new(at: usize, errno: i32, after: After) -> Self {
        Self { at, errno, after, done: Cell::new(0) }
    }

    /// A disk that works and counts.
    pub fn never() -> Self {
        Self::new(usize::MAX, 0, After::Works)
    }

    /// Steps asked for so far.
    pub fn steps(&self) -> usize {
        self.done.get()
    }

    fn step(&self) -> io::Result<()> {
        let now = self.done.get();
        self.done.set(now + 1);
        if now == self.at || (now > self.at && self.after == After::Dead) {
            return Err(io::Error::from_raw_os_error(self.errno));
        }
        Ok(())
    }
}

impl Fs for &FailAt {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        Disk.create_dir(path)
    }

    fn write_new(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.step()?;
        if let Err(error) = self.step() {
            Disk.write_new(path, &bytes[..bytes.len() / 2])?;
            return Err(error);
        }
        Disk.write_new(path, bytes)?;
        self.step()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        Disk.rename(from, to)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        Disk.sync_dir(path)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        Disk.remove(path)
    }

    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        self.step()?;
        Disk.read(path, limit)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.step()?;
        Disk.list(path)
    }
}
