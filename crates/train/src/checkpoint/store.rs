//! The directory of checkpoints of one run.

use std::path::{Path, PathBuf};

use crate::fs::{Disk, Fs, FsError};

/// The checkpoints of one run, in the directory `ckpt/`. One process at a time may write: see [`crate::lock`].
///
/// ```
/// use anther_train::checkpoint::{NamedTensor, Snapshot, Store};
/// use anther_train::fs::Disk;
///
/// let dir = tempfile::tempdir()?;
/// let store = Store::new(dir.path(), Disk);
/// let bias = NamedTensor { name: "bias", shape: &[2], data: &[0.5, -1.0] };
/// store.save(&Snapshot { step: 10, tensors: vec![bias], ..Snapshot::default() }, 3, true)?;
/// let loaded = store.load_latest(true)?;
/// assert_eq!((loaded.step, loaded.tensors[0].data.as_slice()), (10, [0.5, -1.0].as_slice()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Store<F = Disk> {
    pub(super) dir: PathBuf,
    pub(super) fs: F,
}

impl<F: Fs> Store<F> {
    /// The checkpoints in `dir`, which must exist when something is saved. Touches nothing.
    pub fn new(dir: impl Into<PathBuf>, fs: F) -> Self {
        Self { dir: dir.into(), fs }
    }

    /// The directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The steps that have a checkpoint, in increasing order, whole or not.
    ///
    /// # Errors
    /// When the directory cannot be listed.
    pub fn steps(&self) -> Result<Vec<u64>, FsError> {
        let names = self.fs.list(&self.dir).map_err(FsError::at("list", &self.dir))?;
        let mut steps: Vec<u64> = names.iter().filter_map(|name| parse_step(name)).collect();
        steps.sort_unstable();
        Ok(steps)
    }
}

/// Prefix of whatever is being written or removed; such names are ignored when reading and swept when saving.
pub(super) const SCRATCH: &str = ".tmp-";
/// Suffix of a checkpoint moved aside while another of the same step takes its place.
pub(super) const ASIDE: &str = ".old";

/// `500` gives `step-00000500`.
pub(super) fn step_name(step: u64) -> String {
    format!("step-{step:08}")
}

/// The inverse of [`step_name`], and of nothing else.
pub(super) fn parse_step(name: &str) -> Option<u64> {
    let step = name.strip_prefix("step-")?.parse().ok()?;
    (step_name(step) == name).then_some(step)
}
