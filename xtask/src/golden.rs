//! `cargo xtask golden [--reference DIR]`: where the golden numbers come from.
//!
//! A golden file is made by a program outside the repository, and names it with its hash. Without the programs, the files can still be
//! checked for being whole; with them, for being what the programs say.

mod compare;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use sha2::{Digest, Sha256};
use xshell::Shell;

use crate::project::{Project, must_succeed};
use crate::tidy::MAX_BYTES;
use crate::tidy::tree::{File, Tree};

/// Writes all golden files again: `python3 make.py --reference DIR --out FOLDER`, each under its own name in that folder.
const MAKE: &str = "crates/testkit/golden/make.py";

/// The program that made a golden file, as the file says.
#[derive(Debug, PartialEq, Eq)]
struct Generator {
    script: String,
    sha256: String,
    /// Whether it names packages that it needs beside numpy.
    has_packages: bool,
}

/// Checks all golden files and prints them; the exit code is 1 if one is not in order.
pub fn main(project: &Project, reference: Option<&Path>) -> Result<u8> {
    let tree = Tree::of_repository(project.root())?;
    let files: Vec<&File> = tree.files().iter().filter(|file| is_golden(&file.path)).collect();
    let mut problems = Vec::new();
    let mut committed = BTreeMap::new();
    for file in &files {
        match check(file) {
            Ok((generator, value)) => {
                println!("{}  {} B  {} {}", file.path, file.bytes, generator.script, &generator.sha256[..12]);
                if let Some(reference) = reference {
                    problems.extend(
                        check_script(reference, &generator).err().map(|error| format!("{}: {error:#}", file.path)),
                    );
                }
                if let Some((other, _)) = committed.insert(file_name(&file.path), (file.path.as_str(), value)) {
                    problems.push(format!(
                        "{}: {other} has the same name; their generator could not tell them apart",
                        file.path
                    ));
                }
            }
            Err(error) => problems.push(format!("{}: {error:#}", file.path)),
        }
    }
    if let Some(reference) = reference {
        problems.extend(check_numbers(project, reference, &committed)?);
    }
    for problem in &problems {
        println!("FAIL {problem}");
    }
    println!("golden: {} files, {} problems", files.len(), problems.len());
    Ok(u8::from(!problems.is_empty()))
}

/// `crates/NAME/tests/golden/FILE.json`.
fn is_golden(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    matches!(parts[..], ["crates", _, "tests", "golden", name] if name.ends_with(".json"))
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// What can be said about a golden file by itself.
fn check(file: &File) -> Result<(Generator, Value)> {
    if file.bytes > MAX_BYTES {
        bail!("{} bytes, over {MAX_BYTES}; use fewer or smaller cases", file.bytes);
    }
    let text = file.text.as_deref().context("it is not text")?;
    let value: Value = serde_json::from_str(text).context("it is not JSON")?;
    Ok((generator(&value)?, value))
}

/// The top-level entry `"generator": {"script": "NAME.py", "sha256": "…"}`.
fn generator(value: &Value) -> Result<Generator> {
    let entry = |name: &str| {
        value["generator"][name].as_str().with_context(|| format!("it has no string \"generator\".\"{name}\""))
    };
    let (script, sha256) = (entry("script")?, entry("sha256")?);
    if script.is_empty() || script.contains(['/', '\\']) {
        bail!("its generator's script `{script}` is not the name of a file");
    }
    let is_hash = sha256.len() == 64 && sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !is_hash {
        bail!("its generator's sha256 `{sha256}` is not 64 hexadecimal digits in lower case");
    }
    let has_packages = value["generator"]["packages"].is_object();
    Ok(Generator { script: script.to_owned(), sha256: sha256.to_owned(), has_packages })
}

/// Whether the program in the folder is still the one that made the file. One that needs packages of its own may be elsewhere.
fn check_script(reference: &Path, generator: &Generator) -> Result<()> {
    let path = reference.join(&generator.script);
    if generator.has_packages && !path.exists() {
        return Ok(());
    }
    let contents = std::fs::read(&path).with_context(|| format!("its generator {} cannot be read", path.display()))?;
    let found = sha256(&contents);
    if found != generator.sha256 {
        bail!(
            "its generator {} has changed: its sha256 is {found}, the file says {}",
            path.display(),
            generator.sha256
        );
    }
    Ok(())
}

fn sha256(contents: &[u8]) -> String {
    Sha256::digest(contents).iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Runs the generators again and compares; says so where that is not possible.
fn check_numbers(
    project: &Project,
    reference: &Path,
    committed: &BTreeMap<&str, (&str, Value)>,
) -> Result<Vec<String>> {
    if !project.root().join(MAKE).is_file() {
        println!("skipped: the numbers are not made again, there is no {MAKE}");
        return Ok(Vec::new());
    }
    let mut python = project.command("python3");
    if !runs(python.args(["-c", "import numpy"])) {
        println!("skipped: the numbers are not made again, there is no python3 with numpy");
        return Ok(Vec::new());
    }
    let shell = Shell::new()?;
    let out = shell.create_temp_dir().context("there is no folder for temporary files")?;
    let mut make = project.command("python3");
    make.current_dir(project.root()).arg(MAKE);
    make.arg("--reference").arg(std::path::absolute(reference)?).arg("--out").arg(out.path());
    must_succeed(make)?;
    compare_folders(committed, out.path())
}

fn runs(command: &mut Command) -> bool {
    let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Every committed file was made again with the same numbers, and nothing else was made. One whose generator names packages that it needs may be left out.
fn compare_folders(committed: &BTreeMap<&str, (&str, Value)>, out: &Path) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    let mut made: BTreeMap<String, PathBuf> = BTreeMap::new();
    for entry in std::fs::read_dir(out)? {
        let path = entry?.path();
        if let Some(name) = path.file_name().filter(|_| path.extension().is_some_and(|ending| ending == "json")) {
            made.insert(name.to_string_lossy().into_owned(), path.clone());
        }
    }
    for (name, (path, value)) in committed {
        let Some(again) = made.remove(*name) else {
            if value["generator"]["packages"].is_object() {
                println!("skipped: {path} is not made again, its generator needs packages of its own");
                continue;
            }
            problems.push(format!("{path}: {MAKE} no longer makes it"));
            continue;
        };
        let text = std::fs::read_to_string(&again)?;
        let again: Value =
            serde_json::from_str(&text).with_context(|| format!("what {MAKE} wrote for {name} is not JSON"))?;
        problems.extend(compare::difference(value, &again).map(|difference| format!("{path}: {difference}")));
    }
    problems.extend(made.into_keys().map(|name| format!("{name}: {MAKE} makes it, but it is not committed")));
    Ok(problems)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const HASH: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn file(text: &str) -> File {
        File { path: "crates/a/tests/golden/b.json".to_owned(), bytes: text.len() as u64, text: Some(text.to_owned()) }
    }

    #[test]
    fn golden_files_are_known_by_their_place() {
        assert!(is_golden("crates/attention/tests/golden/p5.json"));
        assert!(!is_golden("crates/attention/tests/golden/p5.toml"));
        assert!(!is_golden("crates/attention/tests/p5.json"));
        assert!(!is_golden("crates/attention/tests/golden/old/p5.json"));
    }

    #[test]
    fn a_file_must_parse_and_name_its_generator() {
        let good = json!({"generator": {"script": "ref.py", "sha256": HASH}, "cases": []}).to_string();
        assert_eq!(
            check(&file(&good)).unwrap().0,
            Generator { script: "ref.py".to_owned(), sha256: HASH.to_owned(), has_packages: false }
        );

        let bad = [
            ("{", "not JSON"),
            ("{}", "\"script\""),
            (r#"{"generator": {"script": "ref.py"}}"#, "\"sha256\""),
            (r#"{"generator": {"script": "ref.py", "sha256": "abc"}}"#, "64 hexadecimal"),
            (&good.replace("ref.py", "../ref.py"), "not the name of a file"),
            (&good.replace('f', "F"), "64 hexadecimal"),
        ];
        for (text, expected) in bad {
            let message = format!("{:#}", check(&file(text)).unwrap_err());
            assert!(message.contains(expected), "{text}: {message}");
        }
    }

    #[test]
    fn a_large_file_is_refused() {
        let mut large = file("{}");
        large.bytes = MAX_BYTES + 1;
        assert!(check(&large).unwrap_err().to_string().contains("over"));
    }

    #[test]
    fn a_changed_generator_is_found() {
        let shell = Shell::new().unwrap();
        let folder = shell.create_temp_dir().unwrap();
        let generator = Generator { script: "ref.py".to_owned(), sha256: HASH.to_owned(), has_packages: false };
        assert!(check_script(folder.path(), &generator).unwrap_err().to_string().contains("cannot be read"));
        let elsewhere = Generator { script: "ref.py".to_owned(), sha256: HASH.to_owned(), has_packages: true };
        check_script(folder.path(), &elsewhere).unwrap();
        std::fs::write(folder.path().join("ref.py"), "abc").unwrap();
        check_script(folder.path(), &generator).unwrap();
        std::fs::write(folder.path().join("ref.py"), "abcd").unwrap();
        assert!(check_script(folder.path(), &generator).unwrap_err().to_string().contains("has changed"));
    }

    #[test]
    fn files_made_again_must_be_the_same_files_with_the_same_numbers() {
        let shell = Shell::new().unwrap();
        let folder = shell.create_temp_dir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let committed = BTreeMap::from([("a.json", ("crates/x/tests/golden/a.json", json!({"y": [1.0, 2.0]})))]);
        let compare = || compare_folders(&committed, folder.path()).unwrap();

        assert!(compare()[0].contains("no longer makes it"));
        write("a.json", r#"{"y": [1.0, 2.0]}"#);
        write("notes.txt", "");
        assert_eq!(compare(), [""; 0]);
        write("b.json", "{}");
        assert!(compare()[0].contains("not committed"));
        std::fs::remove_file(folder.path().join("b.json")).unwrap();
        write("a.json", r#"{"y": [1.0, 2.5]}"#);
        assert!(compare()[0].contains("y[1]"), "{:?}", compare());

        let other = json!({"generator": {"packages": {"torch": "2"}}});
        let committed = BTreeMap::from([("c.json", ("crates/x/tests/golden/c.json", other))]);
        std::fs::remove_file(folder.path().join("a.json")).unwrap();
        assert_eq!(compare_folders(&committed, folder.path()).unwrap(), [""; 0]);
    }
}
