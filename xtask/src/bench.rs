//! `cargo xtask bench [ARGS]`: the benchmark programs of all crates.

use std::ffi::OsString;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::project::{Project, exit_code, show};

/// Runs every `[[bench]]` of the workspace with these arguments.
///
/// They are named one by one: asked for all benchmarks, cargo would also run the unit tests of the libraries, which do not know the
/// arguments.
pub fn main(project: &Project, args: &[OsString]) -> Result<u8> {
    let selection = selection(&project.metadata(&["--no-deps"])?);
    if selection.is_empty() {
        println!("no crate has a [[bench]]");
        return Ok(0);
    }
    let mut cargo = project.cargo();
    cargo.arg("bench").args(selection).arg("--").args(args);
    let status = cargo.status().with_context(|| format!("{} did not start", show(&cargo)))?;
    Ok(exit_code(status))
}

/// `--package P … --bench B …` for all benchmark targets in the metadata; nothing if there are none.
fn selection(metadata: &Value) -> Vec<String> {
    let mut packages = Vec::new();
    let mut benches = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let targets = package["targets"].as_array().into_iter().flatten();
        let names: Vec<&str> = targets
            .filter(|target| target["kind"][0] == "bench")
            .filter_map(|target| target["name"].as_str())
            .collect();
        if let (false, Some(name)) = (names.is_empty(), package["name"].as_str()) {
            packages.extend(["--package".to_owned(), name.to_owned()]);
            benches.extend(names.iter().flat_map(|name| ["--bench".to_owned(), (*name).to_owned()]));
        }
    }
    packages.extend(benches);
    packages
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_benchmarks_are_selected() {
        let metadata = json!({"packages": [
            {"name": "plain", "targets": [{"kind": ["lib"], "name": "plain"}]},
            {"name": "fast", "targets": [{"kind": ["lib"], "name": "fast"}, {"kind": ["bench"], "name": "one"}, {"kind": ["bench"], "name": "two"}]},
        ]});
        assert_eq!(selection(&metadata), ["--package", "fast", "--bench", "one", "--bench", "two"]);
        assert!(selection(&json!({"packages": []})).is_empty());
    }
}
