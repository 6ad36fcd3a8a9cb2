//! The directory of a run.
//!
//! | name | what |
//! |---|---|
//! | `recipe.toml` | the resolved recipe |
//! | `run.json` | facts for people: versions, seed, machine |
//! | `metrics.jsonl`, `metrics.csv`, `loss.svg` | see [`crate::log`] |
//! | `speed.jsonl` | times |
//! | `ckpt/` | see [`crate::checkpoint`] |
//! | `run.lock` | see [`crate::lock`] |

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::checkpoint::{RECIPE_FILE, RECIPE_LIMIT, Store};
use crate::fs::{Disk, Fs, FsError, parent_of, replace_file};
use crate::log::{METRICS_CSV, METRICS_JSONL};

/// Name of the directory of checkpoints.
pub const CHECKPOINTS: &str = "ckpt";
/// Name of the file of facts.
pub const RUN_FILE: &str = "run.json";
/// Name of the picture of the loss.
pub const LOSS_SVG: &str = "loss.svg";
/// Name of the file of times.
pub const SPEED_JSONL: &str = "speed.jsonl";

/// The most bytes of `run.json`, 1 MiB.
const RUN_LIMIT: u64 = 1 << 20;

/// Why a run directory could not be made or opened.
#[derive(Debug, thiserror::Error)]
pub enum RunDirError {
    /// The disk refused.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// There is a run already.
    #[error("{} already holds a run ({found}); continue it with --resume, or choose another directory with --out", path.display())]
    Taken {
        /// The directory.
        path: PathBuf,
        /// What was found there.
        found: String,
    },
    /// There is no run.
    #[error("{} holds no run: it has no {RECIPE_FILE}; name the directory of a run", path.display())]
    NoRun {
        /// The directory.
        path: PathBuf,
    },
    /// A file is not what it should be.
    #[error("{} cannot be used: {reason}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// Makes the first free directory `<parent>/<name>-<n>`, `n` from 1. Characters of the name other than letters, digits, `.`, `_` and `-` become `-`.
///
/// # Errors
/// Whatever the file system says.
pub fn create_numbered_dir(parent: &Path, name: &str) -> Result<PathBuf, FsError> {
    std::fs::create_dir_all(parent).map_err(FsError::at("create the directory", parent))?;
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' }
    };
    let name: String = name.chars().take(80).map(plain).collect();
    let taken = Disk.list(parent).map_err(FsError::at("list", parent))?;
    let number = |taken: &String| taken.strip_prefix(&name)?.strip_prefix('-')?.parse::<u64>().ok();
    let mut next = taken.iter().filter_map(number).max().unwrap_or(0).saturating_add(1);
    loop {
        let path = parent.join(format!("{name}-{next}"));
        match Disk.create_dir(&path) {
            Ok(()) => return Ok(path),
            // Another process was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && next < u64::MAX => next += 1,
            Err(error) => return Err(FsError::at("create the directory", &path)(error)),
        }
    }
}

/// A directory that holds a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunDir {
    path: PathBuf,
}

impl RunDir {
    /// Starts a run in `path`, which is created with its parents if need be. The recipe is written last and makes the
    /// directory a run: one whose start was cut short can be started again.
    ///
    /// # Errors
    /// [`RunDirError::Taken`] when there is a recipe, a metric or a checkpoint; [`RunDirError::Content`] for a recipe
    /// above the limit; [`RunDirError::Fs`].
    pub fn create(path: &Path, recipe: &str, facts: &BTreeMap<String, String>) -> Result<Self, RunDirError> {
        std::fs::create_dir_all(path).map_err(FsError::at("create the directory", path))?;
        Self::start(path, recipe, facts)
    }

    /// Starts a run in a [numbered directory](create_numbered_dir).
    ///
    /// # Errors
    /// As [`RunDir::create`].
    pub fn create_numbered(
        parent: &Path,
        name: &str,
        recipe: &str,
        facts: &BTreeMap<String, String>,
    ) -> Result<Self, RunDirError> {
        Self::start(&create_numbered_dir(parent, name)?, recipe, facts)
    }

    fn start(path: &Path, recipe: &str, facts: &BTreeMap<String, String>) -> Result<Self, RunDirError> {
        let run = Self { path: path.to_path_buf() };
        if let Some(found) = run.find_run()? {
            return Err(RunDirError::Taken { path: run.path, found });
        }
        run.create_checkpoints()?;
        run.write_facts(facts)?;
        run.write_recipe(recipe)?;
        // The name of the run itself; the writes above made durable what is inside.
        let parent = parent_of(path);
        Disk.sync_dir(parent).map_err(FsError::at("sync the directory", parent))?;
        Ok(run)
    }

    /// The run in `path`.
    ///
    /// # Errors
    /// [`RunDirError::NoRun`] when there is none, [`RunDirError::Fs`] when the system does not let one look.
    pub fn open(path: &Path) -> Result<Self, RunDirError> {
        let run = Self { path: path.to_path_buf() };
        let recipe = run.file(RECIPE_FILE);
        match std::fs::metadata(&recipe) {
            Ok(about) if about.is_file() => Ok(run),
            Err(error) if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Err(FsError::at("read", &recipe)(error).into())
            }
            _ => Err(RunDirError::NoRun { path: run.path }),
        }
    }

    /// Makes the directory of the checkpoints, if it is not there.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn create_checkpoints(&self) -> Result<(), RunDirError> {
        let checkpoints = self.checkpoints();
        Ok(std::fs::create_dir_all(&checkpoints).map_err(FsError::at("create the directory", &checkpoints))?)
    }

    /// What shows that there is a run, if anything does.
    fn find_run(&self) -> Result<Option<String>, RunDirError> {
        for name in [RECIPE_FILE, METRICS_JSONL, METRICS_CSV] {
            if self.file(name).symlink_metadata().is_ok() {
                return Ok(Some(name.to_owned()));
            }
        }
        let checkpoints = self.checkpoints();
        match Disk.list(&checkpoints) {
            Ok(names) => {
                Ok(names.into_iter().find(|name| name.starts_with("step-")).map(|n| format!("{CHECKPOINTS}/{n}")))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(FsError::at("list", &checkpoints)(error).into()),
        }
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file in it, such as [`LOSS_SVG`].
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The directory of checkpoints.
    #[must_use]
    pub fn checkpoints(&self) -> PathBuf {
        self.path.join(CHECKPOINTS)
    }

    /// The checkpoints on the real disk.
    #[must_use]
    pub fn store(&self) -> Store {
        Store::new(self.checkpoints(), Disk)
    }

    /// Replaces the recipe, whole or not at all.
    ///
    /// # Errors
    /// [`RunDirError::Content`] above the limit of 256 KiB, [`RunDirError::Fs`].
    pub fn write_recipe(&self, recipe: &str) -> Result<(), RunDirError> {
        let path = self.file(RECIPE_FILE);
        if recipe.len() as u64 > RECIPE_LIMIT {
            let reason = format!("it would hold {} bytes, at most {RECIPE_LIMIT} are allowed", recipe.len());
            return Err(RunDirError::Content { path, reason });
        }
        Ok(replace_file(&Disk, &path, recipe.as_bytes())?)
    }

    /// The recipe.
    ///
    /// # Errors
    /// [`RunDirError::Fs`] also above the limit, [`RunDirError::Content`] for what is not UTF-8.
    pub fn read_recipe(&self) -> Result<String, RunDirError> {
        let path = self.file(RECIPE_FILE);
        let bytes = Disk.read(&path, RECIPE_LIMIT).map_err(FsError::at("read", &path))?;
        String::from_utf8(bytes).map_err(|error| RunDirError::Content { path, reason: error.to_string() })
    }

    /// Whether the recipe is another one than that of the newest checkpoint, which is what a resumed run goes on with. False where either cannot
    /// be read.
    #[must_use]
    pub fn recipe_was_changed(&self) -> bool {
        let newest = self.store().steps().ok().and_then(|steps| steps.last().copied());
        let Some(saved) = newest.map(|step| self.checkpoints().join(format!("step-{step:08}")).join(RECIPE_FILE))
        else {
            return false;
        };
        let read = |path: &Path| Disk.read(path, RECIPE_LIMIT).ok();
        matches!((read(&self.file(RECIPE_FILE)), read(&saved)), (Some(own), Some(saved)) if own != saved)
    }

    /// Replaces `run.json`, an object of texts, whole or not at all.
    ///
    /// # Errors
    /// [`RunDirError::Fs`].
    pub fn write_facts(&self, facts: &BTreeMap<String, String>) -> Result<(), RunDirError> {
        let path = self.file(RUN_FILE);
        let mut text = serde_json::to_string_pretty(facts)
            .map_err(|error| RunDirError::Content { path: path.clone(), reason: error.to_string() })?;
        text.push('\n');
        Ok(replace_file(&Disk, &path, text.as_bytes())?)
    }

    /// The content of `run.json`.
    ///
    /// # Errors
    /// [`RunDirError::Fs`] also above 1 MiB, [`RunDirError::Content`] for anything but an object of texts.
    pub fn read_facts(&self) -> Result<BTreeMap<String, String>, RunDirError> {
        let path = self.file(RUN_FILE);
        let bytes = Disk.read(&path, RUN_LIMIT).map_err(FsError::at("read", &path))?;
        serde_json::from_slice(&bytes).map_err(|error| RunDirError::Content { path, reason: error.to_string() })
    }
}
