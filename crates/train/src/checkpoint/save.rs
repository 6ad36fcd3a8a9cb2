//! The writing half of the protocol described in [`super`].

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::manifest::{FileEntry, MANIFEST_FORMAT, Manifest};
use super::pointer::Pointer;
use super::snapshot::{MODEL_FILE, OPTIMIZER_FILE, RECIPE_FILE, STATE_FILE};
use super::store::{ASIDE, SCRATCH, Store, parse_step, step_name};
use super::{BEST, LATEST, MANIFEST_FILE, SaveError, Snapshot, encode_tensors};
use crate::fs::{Fs, FsError, replace_file};

/// A checkpoint that is saved for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// The step.
    pub step: u64,
    /// Its directory.
    pub dir: PathBuf,
    /// Size of all its files.
    pub bytes: u64,
    /// Older checkpoints that were removed.
    pub removed: Vec<String>,
    /// What could not be tidied up. Nothing of it endangers the checkpoint.
    pub warnings: Vec<String>,
}

/// What building came to: an invalid snapshot or a failing disk.
enum Fault {
    Snapshot(String),
    Disk(FsError),
}

impl From<FsError> for Fault {
    fn from(error: FsError) -> Self {
        Self::Disk(error)
    }
}

impl<F: Fs> Store<F> {
    /// Saves a checkpoint and makes `latest` name it, and `best` too if `is_best`.
    ///
    /// Of the checkpoints up to this step the newest `keep` stay (one at least), and always the one that `best` names. Those of later
    /// steps belong to a future that was abandoned by resuming from an earlier one: they go, too. A checkpoint of the
    /// same step is replaced.
    ///
    /// Costs a copy of the tensors in memory, one file of them at a time.
    ///
    /// # Errors
    /// See [`SaveError`]. Whatever happens, `latest` names a checkpoint that is whole, if it did before; only death between
    /// the two renames that replace that very step leaves it to [`Store::load_latest`] to find the old one set aside.
    pub fn save(&self, snapshot: &Snapshot, keep: usize, is_best: bool) -> Result<Saved, SaveError> {
        let step = snapshot.step;
        snapshot.check().map_err(|reason| SaveError::Invalid { step, reason })?;
        let previous = Pointer::read(&self.fs, &self.dir.join(LATEST)).ok().flatten().map(|pointer| pointer.name);
        let not_saved = |cause| SaveError::NotSaved { step, cause, previous: previous.clone() };
        let names = self.fs.list(&self.dir).map_err(FsError::at("list", &self.dir)).map_err(not_saved)?;

        let mut warnings = Vec::new();
        for name in names.iter().filter(|name| name.starts_with(SCRATCH)) {
            let path = self.dir.join(name);
            if let Err(error) = self.fs.remove(&path).map_err(FsError::at("remove the leftover", &path)) {
                warnings.push(error.to_string());
            }
        }

        let scratch = self.dir.join(format!("{SCRATCH}{step:08}-{}", std::process::id()));
        let name = step_name(step);
        let target = self.dir.join(&name);
        let placed = self.build(&scratch, snapshot).and_then(|built| {
            self.place(&scratch, &target, &names)?;
            Ok(built)
        });
        let (manifest, bytes) = placed.map_err(|fault| {
            // What cannot be removed now is swept by the next save.
            let _ = self.fs.remove(&scratch);
            match fault {
                Fault::Snapshot(reason) => SaveError::Invalid { step, reason },
                Fault::Disk(cause) => not_saved(cause),
            }
        })?;

        self.announce(&name, &manifest, is_best).map_err(|cause| SaveError::Unconfirmed {
            step,
            dir: target.clone(),
            cause,
            previous: self.latest_other_than(&name),
        })?;
        let removed = self.prune(step, keep.max(1), &mut warnings);
        Ok(Saved { step, dir: target, bytes, removed, warnings })
    }

    /// Steps 1 to 4: the whole checkpoint in a scratch directory. Returns the manifest and the size of all files.
    fn build(&self, scratch: &Path, snapshot: &Snapshot) -> Result<(Vec<u8>, u64), Fault> {
        self.fs.create_dir(scratch).map_err(FsError::at("create the directory", scratch))?;
        let mut files = Vec::new();
        let mut write = |name: &str, bytes: &[u8]| -> Result<(), Fault> {
            let path = scratch.join(name);
            self.fs.write_new(&path, bytes).map_err(FsError::at("write", &path))?;
            files.push(FileEntry {
                name: name.to_owned(),
                bytes: bytes.len() as u64,
                sha256: anther_data::sha256_hex(bytes),
            });
            Ok(())
        };
        let refused = |error: super::TensorFileError| Fault::Snapshot(error.to_string());
        write(MODEL_FILE, &encode_tensors(&snapshot.tensors).map_err(refused)?)?;
        write(OPTIMIZER_FILE, &encode_tensors(&snapshot.optimizer).map_err(refused)?)?;
        write(STATE_FILE, snapshot.state)?;
        write(RECIPE_FILE, snapshot.recipe.as_bytes())?;
        for (name, bytes) in &snapshot.extra {
            write(name, bytes)?;
        }
        let contents: u64 = files.iter().map(|file| file.bytes).sum();
        let manifest = Manifest {
            format: MANIFEST_FORMAT,
            step: snapshot.step,
            parameters: snapshot.tensors.iter().map(|tensor| tensor.data.len() as u64).sum(),
            files,
            metadata: snapshot.metadata.clone(),
        };
        let manifest = manifest.encode().map_err(Fault::Snapshot)?;
        let path = scratch.join(MANIFEST_FILE);
        self.fs.write_new(&path, &manifest).map_err(FsError::at("write", &path))?;
        self.fs.sync_dir(scratch).map_err(FsError::at("sync the directory", scratch))?;
        let bytes = contents + manifest.len() as u64;
        Ok((manifest, bytes))
    }

    /// Step 5: the rename. A checkpoint of the same step steps aside under a name that loading still finds.
    fn place(&self, scratch: &Path, target: &Path, names: &[String]) -> Result<(), FsError> {
        let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let there = |wanted: &str| names.iter().any(|name| name == wanted);
        let aside_name = format!("{name}{ASIDE}");
        let aside = self.dir.join(&aside_name);
        let replaces = there(&name);
        if replaces {
            if there(&aside_name) {
                self.fs.remove(&aside).map_err(FsError::at("remove the leftover", &aside))?;
            }
            self.fs.rename(target, &aside).map_err(FsError::at("move aside", target))?;
        }
        self.fs.rename(scratch, target).map_err(|source| {
            if replaces {
                // If this fails as well, loading finds the checkpoint under the other name.
                let _ = self.fs.rename(&aside, target);
            }
            FsError { action: "rename to its final name", path: scratch.to_path_buf(), source }
        })
    }

    /// Steps 6 and 7.
    fn announce(&self, name: &str, manifest: &[u8], is_best: bool) -> Result<(), FsError> {
        self.fs.sync_dir(&self.dir).map_err(FsError::at("sync the directory", &self.dir))?;
        let pointer = Pointer::to(name, manifest).encode();
        replace_file(&self.fs, &self.dir.join(LATEST), &pointer)?;
        if is_best {
            replace_file(&self.fs, &self.dir.join(BEST), &pointer)?;
        }
        Ok(())
    }

    fn latest_other_than(&self, name: &str) -> Option<String> {
        let pointer = Pointer::read(&self.fs, &self.dir.join(LATEST)).ok().flatten()?;
        (pointer.name != name).then_some(pointer.name)
    }

    /// Step 8. Nothing is removed when it is not certain what `best` names.
    fn prune(&self, step: u64, keep: usize, warnings: &mut Vec<String>) -> Vec<String> {
        let best = match Pointer::read(&self.fs, &self.dir.join(BEST)) {
            Ok(pointer) => pointer.map(|pointer| pointer.name),
            Err(damage) => {
                warnings.push(format!("no older checkpoint was removed: {damage}"));
                return Vec::new();
            }
        };
        let names = match self.fs.list(&self.dir) {
            Ok(names) => names,
            Err(error) => {
                warnings.push(FsError::at("list", &self.dir)(error).to_string());
                return Vec::new();
            }
        };
        let mut steps: Vec<u64> = names.iter().filter_map(|name| parse_step(name)).filter(|&s| s <= step).collect();
        steps.sort_unstable_by(|a, b| b.cmp(a));
        let kept: BTreeSet<String> =
            steps.into_iter().take(keep).map(step_name).chain(best).chain([step_name(step)]).collect();
        let mut removed = Vec::new();
        for name in names {
            let is_checkpoint = parse_step(name.strip_suffix(ASIDE).unwrap_or(&name)).is_some();
            if !is_checkpoint || kept.contains(&name) {
                continue;
            }
            // Renamed first, so that a crash never leaves half a checkpoint under its name.
            let (path, doomed) = (self.dir.join(&name), self.dir.join(format!("{SCRATCH}{name}")));
            let gone = self.fs.rename(&path, &doomed).and_then(|()| self.fs.remove(&doomed));
            match gone {
                Ok(()) => removed.push(name),
                Err(error) => warnings.push(FsError::at("remove", &path)(error).to_string()),
            }
        }
        removed
    }
}
