//! `cargo xtask fetch [ARGS]`: downloads data sets with the command line's own downloader.
//!
//! Downloads are a feature that is off by default, because training needs no TLS; here it is on.

use std::ffi::OsString;

use anyhow::Result;

use crate::app;
use crate::project::Project;

/// Builds the command line with downloads and runs its `fetch`.
pub fn main(project: &Project, mut args: Vec<OsString>) -> Result<u8> {
    args.insert(0, OsString::from("fetch"));
    app::build_with(project, &["fetch"], args)
}
