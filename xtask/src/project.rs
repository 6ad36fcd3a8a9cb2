//! Where the workspace is, and how its programs are called.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Variables that `cargo run` set for this program. A child that inherits them sees another package's name and folder; build
/// scripts that watch them would then run again each time, because a cargo called directly has none.
const OF_CARGO_RUN: [&str; 5] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_", "CARGO_PRIMARY_"];

/// The workspace that this program belongs to.
pub struct Project {
    root: PathBuf,
    /// Variables for every child, on top of the inherited ones.
    env: Vec<(&'static str, OsString)>,
}

impl Project {
    /// Finds the root from the folder of this package: from `cargo run`, or from the build when the program is called by itself.
    pub fn find() -> Result<Project> {
        let package = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let package = PathBuf::from(package);
        let root = package.parent().filter(|root| root.join("Cargo.toml").is_file());
        let root = root.with_context(|| {
            format!("{} is not a folder of the workspace; call this through `cargo xtask`", package.display())
        })?;
        Ok(Project { root: root.to_owned(), env: Vec::new() })
    }

    /// The folder of the workspace's `Cargo.toml`.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Gives every child one more variable.
    pub fn set_env(&mut self, name: &'static str, value: impl Into<OsString>) {
        self.env.push((name, value.into()));
    }

    /// A program with the environment that children get, in the caller's current directory.
    pub fn command(&self, program: impl Into<OsString>) -> Command {
        let mut command = Command::new(program.into());
        for (name, _) in std::env::vars_os() {
            if is_of_cargo_run(&name.to_string_lossy()) {
                command.env_remove(name);
            }
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Cargo, in the root of the workspace.
    pub fn cargo(&self) -> Command {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let mut command = self.command(cargo);
        command.current_dir(&self.root);
        command
    }

    /// What `cargo metadata` says with these extra arguments.
    pub fn metadata(&self, args: &[&str]) -> Result<Value> {
        let mut command = self.cargo();
        command.args(["metadata", "--format-version", "1"]).args(args);
        let output = command.output().with_context(|| format!("{} did not start", show(&command)))?;
        if !output.status.success() {
            bail!("{} {}: {}", show(&command), ended(output.status), String::from_utf8_lossy(&output.stderr).trim());
        }
        serde_json::from_slice(&output.stdout).context("cargo metadata did not write JSON")
    }
}

fn is_of_cargo_run(name: &str) -> bool {
    OF_CARGO_RUN.iter().any(|prefix| name.starts_with(prefix))
}

/// Runs a command to its end with the caller's streams; anything but success is an error that names the command.
pub fn must_succeed(mut command: Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{} did not start", show(&command)))?;
    if !status.success() {
        bail!("{} {}", show(&command), ended(status));
    }
    Ok(())
}

/// The command as one would type it, in backticks.
pub fn show(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_stem().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    let words: Vec<String> = words.map(|word| word.to_string_lossy().into_owned()).collect();
    format!("`{}`", words.join(" "))
}

/// How a program ended, as the rest of a sentence.
pub fn ended(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("ended with exit code {code}"),
        None => format!("was killed ({status})"),
    }
}

/// The exit code that stands for a child's end: its own, or 128 + n when signal n killed it, as shells do.
pub fn exit_code(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        if let Some(signal) = status.signal() {
            return u8::try_from(128 + signal).unwrap_or(u8::MAX);
        }
    }
    // A code that does not fit must not become a success by losing its upper bits.
    status.code().map_or(1, |code| u8::try_from(code).unwrap_or(u8::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    fn wait_status(raw: i32) -> ExitStatus {
        use std::os::unix::process::ExitStatusExt;
        ExitStatus::from_raw(raw)
    }

    #[cfg(unix)]
    #[test]
    fn exit_codes_are_passed_on_and_signals_are_128_and_more() {
        assert_eq!(exit_code(wait_status(0)), 0);
        assert_eq!(exit_code(wait_status(101 << 8)), 101);
        assert_eq!(exit_code(wait_status(2)), 130);
        assert_eq!(exit_code(wait_status(9)), 137);
        assert_eq!(ended(wait_status(3 << 8)), "ended with exit code 3");
        assert!(ended(wait_status(9)).contains("killed"));
    }

    #[test]
    fn children_do_not_inherit_the_name_of_this_package() {
        assert!(is_of_cargo_run("CARGO_PKG_NAME"));
        assert!(is_of_cargo_run("CARGO_MANIFEST_DIR"));
        assert!(!is_of_cargo_run("CARGO_HOME"));
        assert!(!is_of_cargo_run("CARGO_TARGET_DIR"));
        assert!(!is_of_cargo_run("CARGO_TERM_COLOR"));
    }

    #[test]
    fn a_failing_command_is_named() {
        let project = Project::find().unwrap();
        let mut cargo = project.cargo();
        cargo.arg("--no-such-flag").stderr(std::process::Stdio::null());
        let message = must_succeed(cargo).unwrap_err().to_string();
        assert!(message.contains("--no-such-flag") && message.contains("exit code 1"), "{message}");
    }

    #[test]
    fn the_root_is_the_workspace() {
        let project = Project::find().unwrap();
        let manifest = std::fs::read_to_string(project.root().join("Cargo.toml")).unwrap();
        assert!(manifest.contains("[workspace]"));
    }
}
