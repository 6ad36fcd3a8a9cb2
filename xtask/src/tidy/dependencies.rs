//! Every dependency has its reason in writing.

use std::collections::BTreeMap;

use super::tree::Tree;
use super::{Problem, Verdict};

const REASONS: &str = "docs/dependencies.md";

/// Every dependency in a `Cargo.toml` has a row in `docs/dependencies.md`, and every row has a dependency.
pub fn check(tree: &Tree) -> Verdict {
    let mut problems = Vec::new();
    let mut wanted = BTreeMap::new();
    for (path, text) in tree.texts().filter(|(path, _)| *path == "Cargo.toml" || path.ends_with("/Cargo.toml")) {
        for (line, name) in declared(text) {
            wanted.entry(name).or_insert((path, line));
        }
    }
    let mut documented = BTreeMap::new();
    for (line, name) in rows(tree.text(REASONS).unwrap_or_default()) {
        if documented.insert(name, line).is_some() {
            problems.push(Problem::at(REASONS, line, format!("a second row for `{name}`")));
        }
    }
    for (name, (path, line)) in &wanted {
        if !documented.contains_key(name) {
            problems.push(Problem::at(
                path,
                *line,
                format!("`{name}` has no row in {REASONS}: what it is for, and its licence"),
            ));
        }
    }
    for (name, line) in &documented {
        if !wanted.contains_key(name) {
            problems.push(Problem::at(
                REASONS,
                *line,
                format!("`{name}` is no dependency of any Cargo.toml; remove the row"),
            ));
        }
    }
    Verdict { problems, seen: format!("{} dependencies, {} rows", wanted.len(), documented.len()) }
}

/// Lines and names in the tables of dependencies of a manifest.
///
/// A reader for the forms that manifests here have: `name = …`, `name.workspace = true` and `[dependencies.name]`.
fn declared(manifest: &str) -> Vec<(usize, &str)> {
    let mut names = Vec::new();
    let mut inside = false;
    let mut depth = 0i32;
    for (index, line) in manifest.lines().enumerate() {
        let line = line.split_once('#').map_or(line, |(before, _)| before).trim();
        if depth == 0 && line.starts_with('[') {
            let header = line.trim_matches(['[', ']']);
            inside = header.ends_with("dependencies");
            if let Some((_, name)) = header.rsplit_once("dependencies.") {
                names.push((index + 1, name.trim_matches('"')));
            }
            continue;
        }
        if inside
            && depth == 0
            && let Some((key, _)) = line.split_once('=')
        {
            let name = key.split_once('.').map_or(key, |(name, _)| name);
            names.push((index + 1, name.trim().trim_matches('"')));
        }
        // A value may go on over lines that look like keys.
        depth += line
            .bytes()
            .map(|byte| i32::from(matches!(byte, b'[' | b'{')) - i32::from(matches!(byte, b']' | b'}')))
            .sum::<i32>();
    }
    names
}

/// Lines and names of the table rows that begin with a name in backticks.
fn rows(document: &str) -> Vec<(usize, &str)> {
    let lines = document.lines().enumerate();
    lines.filter_map(|(index, line)| Some((index + 1, row(line)?))).collect()
}

fn row(line: &str) -> Option<&str> {
    let cell = line.strip_prefix('|')?.split('|').next()?.trim();
    cell.strip_prefix('`')?.strip_suffix('`')
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"
[package]
name = "a"

[workspace.dependencies]
# A comment = not a name
serde = { version = "1", features = [
    "derive",
    x = 1,
] }
own = { path = "crates/own" }

[dependencies]
rayon.workspace = true # for speed

[target.'cfg(unix)'.dev-dependencies]
tempfile = "3"

[dependencies.image]
version = "0.25"

[features]
other = []
"#;

    #[test]
    fn all_forms_of_declaration_are_read() {
        let names: Vec<&str> = declared(MANIFEST).into_iter().map(|(_, name)| name).collect();
        assert_eq!(names, ["serde", "own", "rayon", "tempfile", "image"]);
    }

    #[test]
    fn a_dependency_without_a_row_is_a_problem_and_so_is_a_row_without_a_dependency() {
        let manifest = ("crates/a/Cargo.toml", "[dependencies]\nserde = \"1\"\nrayon = \"1\"\n");
        let check = |document: &str| check(&Tree::of(&[manifest, (REASONS, document)])).problems;
        let good = "| crate | reason |\n|---|---|\n| `serde` | a |\n| `rayon` | b, not `clap` |\n";
        assert_eq!(check(good), []);

        let missing = check("| `serde` | a |\n");
        assert_eq!(missing.len(), 1);
        assert_eq!((missing[0].path.as_str(), missing[0].line), ("crates/a/Cargo.toml", Some(3)));

        let extra = check(&format!("{good}| `clap` | c |\n"));
        assert_eq!(extra.len(), 1);
        assert_eq!((extra[0].path.as_str(), extra[0].line), (REASONS, Some(5)));

        assert_eq!(check(&format!("{good}| `serde` | again |\n")).len(), 1);
        assert_eq!(check("").len(), 2);
    }
}
