//! The reading half: nothing is parsed before it is verified, and nothing damaged is used.

use std::path::Path;

use anther_data::sha256_hex;

use super::error::non_finite;
use super::manifest::{MANIFEST_LIMIT, Manifest};
use super::pointer::Pointer;
use super::snapshot::{LoadedTensor, MODEL_FILE, OPTIMIZER_FILE, RECIPE_FILE, STATE_FILE, limit_of};
use super::store::{ASIDE, Store, parse_step, step_name};
use super::{BEST, Damage, LATEST, LoadError, MANIFEST_FILE, decode_tensors};
use crate::fs::{Fs, FsError};

/// A checkpoint read back, every byte of it verified.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// Optimiser steps done.
    pub step: u64,
    /// The parameters, sorted by name.
    pub tensors: Vec<LoadedTensor>,
    /// The optimiser's tensors, sorted by name.
    pub optimizer: Vec<LoadedTensor>,
    /// The training state, for [`crate::codec::decode`].
    pub state: Vec<u8>,
    /// The resolved recipe.
    pub recipe: String,
    /// The other files, in the order in which they were saved.
    pub extra: Vec<(String, Vec<u8>)>,
    /// The table of contents.
    pub manifest: Manifest,
    /// What the user must be told: another checkpoint than `latest` was taken, or a number is not finite.
    pub warnings: Vec<String>,
}

impl<F: Fs> Store<F> {
    /// Loads what `latest` names. If that is not whole, the newest that is, with a warning that names both; a `strict`
    /// load refuses instead, and refuses numbers that are not finite.
    ///
    /// # Errors
    /// [`LoadError::Empty`] when there is nothing, [`LoadError::Damaged`] in a strict load, otherwise
    /// [`LoadError::AllDamaged`].
    pub fn load_latest(&self, strict: bool) -> Result<Loaded, LoadError> {
        let path = self.dir.join(LATEST);
        let pointer = Pointer::read(&self.fs, &path);
        let mut tried = Vec::new();
        match pointer {
            Ok(Some(pointer)) => match self.load_pointed(&pointer, LATEST) {
                Ok(loaded) => return finish(loaded, &self.dir, strict),
                Err(damage) => tried.push((format!("{} (named by `{LATEST}`)", pointer.name), damage)),
            },
            Ok(None) => tried.push((format!("`{LATEST}`"), Damage::NoPointer { path })),
            Err(damage) => tried.push((format!("`{LATEST}`"), damage)),
        }
        let names = match self.fs.list(&self.dir) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            names => names.map_err(FsError::at("list", &self.dir))?,
        };
        let mut candidates: Vec<(u64, &str)> = names
            .iter()
            .filter_map(|name| Some((parse_step(name.strip_suffix(ASIDE).unwrap_or(name))?, name.as_str())))
            .collect();
        let pointed = !matches!(tried[0].1, Damage::NoPointer { .. });
        if candidates.is_empty() && !pointed {
            return Err(LoadError::Empty { dir: self.dir.clone() });
        }
        if strict {
            let (name, damage) = tried.remove(0);
            return Err(LoadError::Damaged { name, damage });
        }
        // Newest first; of one step the one in its place before the one moved aside.
        candidates.sort_unstable_by_key(|&(step, name)| (std::cmp::Reverse(step), name.len()));
        for (step, name) in candidates {
            match self.load_dir(name, step, None) {
                Ok(mut loaded) => {
                    let failed: Vec<String> = tried.iter().map(|(name, damage)| format!("{name}: {damage}")).collect();
                    let found = failed.join("; ");
                    loaded.warnings.push(format!(
                        "the newest checkpoint cannot be used ({found}); {name} was loaded instead, later steps are lost"
                    ));
                    return finish(loaded, &self.dir, false);
                }
                Err(damage) => tried.push((name.to_owned(), damage)),
            }
        }
        Err(LoadError::AllDamaged { dir: self.dir.clone(), tried })
    }

    /// Loads what `best` names; nothing else may take its place.
    ///
    /// # Errors
    /// [`LoadError::Damaged`], also when no checkpoint was marked as best.
    pub fn load_best(&self) -> Result<Loaded, LoadError> {
        let path = self.dir.join(BEST);
        let refused = |damage| LoadError::Damaged { name: BEST.to_owned(), damage };
        let pointer = Pointer::read(&self.fs, &path).map_err(refused)?;
        let pointer = pointer.ok_or_else(|| refused(Damage::NoPointer { path }))?;
        finish(self.load_pointed(&pointer, BEST).map_err(refused)?, &self.dir, false)
    }

    /// Loads the checkpoint of one step; nothing else may take its place.
    ///
    /// # Errors
    /// [`LoadError::Damaged`], also when there is none of that step.
    pub fn load_step(&self, step: u64) -> Result<Loaded, LoadError> {
        let name = step_name(step);
        match self.load_dir(&name, step, None) {
            Ok(loaded) => finish(loaded, &self.dir, false),
            Err(damage) => Err(LoadError::Damaged { name, damage }),
        }
    }

    fn load_pointed(&self, pointer: &Pointer, which: &str) -> Result<Loaded, Damage> {
        let path = self.dir.join(which);
        let step = parse_step(&pointer.name).ok_or(Damage::Pointer { path })?;
        self.load_dir(&pointer.name, step, Some((pointer, which)))
    }

    fn load_dir(&self, name: &str, step: u64, pointer: Option<(&Pointer, &str)>) -> Result<Loaded, Damage> {
        let dir = self.dir.join(name);
        let path = dir.join(MANIFEST_FILE);
        let bytes = self.read(&path, MANIFEST_LIMIT)?;
        let manifest = Manifest::decode(&bytes, &path)?;
        if let Some((pointer, which)) = pointer
            && pointer.sha256 != sha256_hex(&bytes)
        {
            return Err(Damage::OtherManifest { path, pointer: which.to_owned() });
        }
        let wrong = |reason| Damage::Manifest { path: path.clone(), reason };
        if manifest.step != step {
            return Err(wrong(format!("it belongs to step {}", manifest.step)));
        }

        let mut files = Vec::with_capacity(manifest.files.len());
        for entry in &manifest.files {
            let path = dir.join(&entry.name);
            let limit = limit_of(&entry.name);
            if entry.bytes > limit {
                return Err(wrong(format!("{} has {} bytes, at most {limit} are allowed", entry.name, entry.bytes)));
            }
            let bytes = self.read(&path, entry.bytes)?;
            if bytes.len() as u64 != entry.bytes {
                return Err(Damage::Size { path, expected: entry.bytes, found: bytes.len() as u64 });
            }
            if sha256_hex(&bytes) != entry.sha256 {
                return Err(Damage::Checksum { path });
            }
            files.push((entry.name.clone(), bytes));
        }
        let mut take = |name: &str| {
            let at = files.iter().position(|(found, _)| found == name);
            at.map(|at| files.remove(at).1).ok_or_else(|| wrong(format!("it does not list {name}")))
        };

        let tensors = decode_tensors(&take(MODEL_FILE)?, &dir.join(MODEL_FILE))?;
        let optimizer = decode_tensors(&take(OPTIMIZER_FILE)?, &dir.join(OPTIMIZER_FILE))?;
        let state = take(STATE_FILE)?;
        let recipe =
            String::from_utf8(take(RECIPE_FILE)?).map_err(|_| Damage::NotText { path: dir.join(RECIPE_FILE) })?;
        let parameters: u64 = tensors.iter().map(|tensor| tensor.data.len() as u64).sum();
        if parameters != manifest.parameters {
            return Err(wrong(format!("it counts {} parameters, there are {parameters}", manifest.parameters)));
        }
        Ok(Loaded { step, tensors, optimizer, state, recipe, extra: files, manifest, warnings: Vec::new() })
    }

    fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, Damage> {
        self.fs.read(path, limit).map_err(|source| Damage::Read { path: path.to_path_buf(), source })
    }
}

/// Looks for numbers that are not finite: an error in a strict load, a warning otherwise.
fn finish(mut loaded: Loaded, dir: &Path, strict: bool) -> Result<Loaded, LoadError> {
    let name = step_name(loaded.step);
    let sick = |tensors: &[LoadedTensor]| {
        tensors.iter().find(|tensor| tensor.data.iter().any(|x| !x.is_finite())).map(|tensor| tensor.name.clone())
    };
    for (file, tensor) in [(MODEL_FILE, sick(&loaded.tensors)), (OPTIMIZER_FILE, sick(&loaded.optimizer))] {
        let Some(tensor) = tensor else { continue };
        let path = dir.join(&name).join(file);
        if strict {
            return Err(LoadError::Damaged { name, damage: Damage::NonFinite { path, tensor } });
        }
        loaded.warnings.push(non_finite(&path, &tensor));
    }
    Ok(loaded)
}
