//! Builds the command line and becomes it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::project::{Project, ended, show};

/// Builds `anther` in release mode, then hands this process over to it with `args`, in the caller's current directory.
///
/// Returns the binary's exit code where a process cannot be replaced; elsewhere it only returns if something failed before.
pub fn build_and_run(project: &Project, args: Vec<OsString>) -> Result<u8> {
    build_with(project, &[], args)
}

/// [`build_and_run`] with cargo features that are off by default.
pub fn build_with(project: &Project, features: &[&str], args: Vec<OsString>) -> Result<u8> {
    let binary = build(project, features)?;
    let mut command = project.command(binary);
    command.args(args);
    hand_over(command)
}

/// Builds the binary and returns where cargo put it.
///
/// Cargo itself says where: a target folder may come from a variable or from any of its configuration files.
fn build(project: &Project, features: &[&str]) -> Result<PathBuf> {
    let mut cargo = project.cargo();
    cargo.args(["build", "--release", "--package", "anther", "--message-format", "json-render-diagnostics"]);
    if !features.is_empty() {
        cargo.args(["--features", &features.join(",")]);
    }
    // Progress and warnings stay visible on the error stream; only the messages for programs are read here.
    let output = cargo.stderr(Stdio::inherit()).output().with_context(|| format!("{} did not start", show(&cargo)))?;
    if !output.status.success() {
        bail!("the command line did not build: {} {}", show(&cargo), ended(output.status));
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    executable(&messages, "anther")
        .context("cargo built the package `anther` but named no binary `anther`; does crates/app still have it?")
}

/// The path of the binary of that name among cargo's messages, one JSON object a line.
pub fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).find_map(|message| {
        let target = &message["target"];
        let ours = target["name"] == name && target["kind"][0] == "bin";
        if ours { message["executable"].as_str().map(PathBuf::from) } else { None }
    })
}

/// Replaces this process: a signal then reaches the one process there is, and its exit code or deadly signal is seen unchanged.
#[cfg(unix)]
fn hand_over(mut command: Command) -> Result<u8> {
    use std::os::unix::process::CommandExt;
    let error = command.exec();
    Err(error).with_context(|| format!("{} did not start", show(&command)))
}

#[cfg(not(unix))]
fn hand_over(mut command: Command) -> Result<u8> {
    let status = command.status().with_context(|| format!("{} did not start", show(&command)))?;
    Ok(crate::project::exit_code(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binary_is_found_among_other_messages() {
        let messages = r#"
{"reason":"compiler-artifact","target":{"kind":["lib"],"name":"anther"},"executable":null}
{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"other"},"executable":"/t/release/other"}
not JSON
{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"anther"},"executable":"/t/release/anther"}
{"reason":"build-finished","success":true}
"#;
        assert_eq!(executable(messages, "anther"), Some(PathBuf::from("/t/release/anther")));
    }

    #[test]
    fn no_binary_is_no_path() {
        assert_eq!(executable(r#"{"reason":"build-finished","success":true}"#, "anther"), None);
    }
}
