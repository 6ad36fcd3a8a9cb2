//! What can go wrong with a checkpoint, in sentences that name the file, what was being done, and the cause.

use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;

use super::{MANIFEST_FORMAT, TensorFileError};
use crate::fs::FsError;

/// Why a checkpoint was not saved, or not surely.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// The snapshot could not be read back if it were written; nothing was touched.
    #[error("step {step} cannot be saved: {reason}")]
    Invalid {
        /// The step.
        step: u64,
        /// What is wrong with the snapshot.
        reason: String,
    },
    /// Nothing was saved, and what was there is as it was.
    #[error("cannot {} {} while saving step {step}: {}; {}",
        cause.action, cause.path.display(), cause.source, untouched(previous.as_deref()))]
    NotSaved {
        /// The step.
        step: u64,
        /// What failed.
        cause: FsError,
        /// What `latest` names, if it is known.
        previous: Option<String>,
    },
    /// The checkpoint is whole and in its place, but it is not sure to survive a power cut or to be the one that is
    /// resumed from.
    #[error("step {step} is saved in {}, but durability is unconfirmed: {cause}{}", dir.display(), still(previous.as_deref()))]
    Unconfirmed {
        /// The step.
        step: u64,
        /// The checkpoint.
        dir: PathBuf,
        /// What failed.
        cause: FsError,
        /// What `latest` names, if it is known and is another step.
        previous: Option<String>,
    },
}

impl SaveError {
    /// Whether the checkpoint is in its place all the same.
    #[must_use]
    pub const fn is_saved(&self) -> bool {
        matches!(self, Self::Unconfirmed { .. })
    }
}

fn untouched(previous: Option<&str>) -> String {
    previous.map_or_else(
        || "no checkpoint was changed".to_owned(),
        |name| format!("the previous checkpoint {name} is untouched"),
    )
}

fn still(previous: Option<&str>) -> String {
    previous.map(|name| format!("; `latest` still names {name}")).unwrap_or_default()
}

/// What is wrong with one checkpoint or pointer.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// `latest` or `best` is not one line with a name and a digest.
    #[error("{} does not name a checkpoint; it is damaged", path.display())]
    Pointer {
        /// The pointer.
        path: PathBuf,
    },
    /// `latest` or `best` is not there.
    #[error("{} is missing", path.display())]
    NoPointer {
        /// The pointer.
        path: PathBuf,
    },
    /// The manifest is not the one that the pointer was written for.
    #[error("{} is not the manifest that `{pointer}` was written for", path.display())]
    OtherManifest {
        /// The manifest.
        path: PathBuf,
        /// `latest` or `best`.
        pointer: String,
    },
    /// The manifest's own checksum is missing or wrong.
    #[error("{} is damaged: its checksum does not match its content", path.display())]
    Seal {
        /// The manifest.
        path: PathBuf,
    },
    /// The manifest has a format that this program does not know.
    #[error("{} has format {found}, this program reads format {MANIFEST_FORMAT}; use the program that wrote it", path.display())]
    NewerManifest {
        /// The manifest.
        path: PathBuf,
        /// Its format.
        found: u64,
    },
    /// The manifest is whole and makes no sense.
    #[error("{} cannot be understood: {reason}", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file has another size than the manifest says.
    #[error("{} holds {found} bytes and should hold {expected}; it is truncated or damaged", path.display())]
    Size {
        /// The file.
        path: PathBuf,
        /// Size in the manifest.
        expected: u64,
        /// Size that is there.
        found: u64,
    },
    /// A file has another content than the manifest says.
    #[error("{} is damaged: its SHA-256 is not the one in the manifest", path.display())]
    Checksum {
        /// The file.
        path: PathBuf,
    },
    /// The recipe is not text.
    #[error("{} is not UTF-8 text", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// A file of tensors is whole and not valid.
    #[error(transparent)]
    Tensors(#[from] TensorFileError),
    /// A number that is not finite, in a strict load.
    #[error("{}", non_finite(path, tensor))]
    NonFinite {
        /// The file.
        path: PathBuf,
        /// The first tensor with such a number.
        tensor: String,
    },
}

pub(super) fn non_finite(path: &std::path::Path, tensor: &str) -> String {
    format!("{} holds a number that is not finite, first in {tensor:?}", path.display())
}

/// Why no checkpoint was loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is none.
    #[error("there is no checkpoint in {}; start the run afresh or name another directory", dir.display())]
    Empty {
        /// The directory.
        dir: PathBuf,
    },
    /// The directory cannot be listed.
    #[error(transparent)]
    List(#[from] FsError),
    /// The one asked for is not whole, and no other may take its place.
    #[error("the checkpoint {name} cannot be loaded: {damage}")]
    Damaged {
        /// What was asked for: a step, `latest` or `best`.
        name: String,
        /// What is wrong.
        damage: Damage,
    },
    /// None is whole.
    #[error("no checkpoint in {} can be loaded: {}", dir.display(), list(tried))]
    AllDamaged {
        /// The directory.
        dir: PathBuf,
        /// What was tried and what is wrong with each.
        tried: Vec<(String, Damage)>,
    },
}

fn list(tried: &[(String, Damage)]) -> String {
    let mut text = String::new();
    for (i, (name, damage)) in tried.iter().enumerate() {
        let comma = if i == 0 { "" } else { "; " };
        // Writing to a string cannot fail.
        let _ = write!(text, "{comma}{name}: {damage}");
    }
    text
}
