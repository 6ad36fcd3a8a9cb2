//! How runs are started and resumed.

use std::path::PathBuf;

use anther_data::DataDir;

/// Where a run goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Out {
    /// This directory, which must hold no run.
    Directory(PathBuf),
    /// The first free directory `<parent>/<name>-<n>`.
    Numbered {
        /// The directory of runs.
        parent: PathBuf,
        /// What the directory is named after.
        name: String,
    },
}

/// How a run starts.
#[derive(Clone, Debug)]
pub struct StartOptions {
    /// Where it goes.
    pub out: Out,
    /// Where data sets are.
    pub data: DataDir,
    /// The command it was started with, for `run.json`.
    pub command: String,
}

/// How a run is resumed.
#[derive(Clone, Debug)]
pub struct ResumeOptions {
    /// Where data sets are.
    pub data: DataDir,
    /// Refuse to resume from anything but the newest checkpoint, whole and with finite numbers.
    pub strict: bool,
    /// Steps of the whole run, if they are to be others than those of its recipe: a run that is over can be lengthened. A
    /// schedule that depends on the number of steps then goes on as that of the longer run.
    pub steps: Option<u64>,
}
