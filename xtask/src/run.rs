//! `cargo xtask run ARGS`: any command of `anther`, built first.

use std::ffi::OsString;

use anyhow::Result;

use crate::app;
use crate::project::Project;

/// Builds the command line and runs it with these arguments.
pub fn main(project: &Project, args: Vec<OsString>) -> Result<u8> {
    app::build_and_run(project, args)
}
