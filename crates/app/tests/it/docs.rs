//! What the documents say is so: every key of a recipe is explained with its default, and every command that they show is one.

use std::fs;
use std::path::Path;
use std::process::Command;

use anther_data::images::Augment;
use anther_train::recipe::{Presets, Recipe};
use anther_transformer::AttentionConfig;

fn document(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The cells of the row of `docs/recipes.md` that explains `key` in the section of `table`.
fn row(page: &str, table: &str, key: &str) -> Option<(String, usize)> {
    let section = page.split("\n## ").find(|section| section.starts_with(&format!("`[{table}]`")))?;
    let quoted = format!("`{key}`");
    section.lines().filter(|line| line.starts_with('|')).find_map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").collect();
        let place = cells[0].split(", ").position(|name| name.trim() == quoted)?;
        Some((cells[1].trim().to_owned(), place))
    })
}

/// The attention of that name in the place of a recipe's.
fn attention(name: &str) -> Presets<'_> {
    Presets { attention: Some(name), ..Presets::default() }
}

#[test]
fn every_key_of_a_recipe_is_explained_with_its_default() {
    let page = document("docs/recipes.md");
    let defaults = Recipe::default().to_toml().unwrap().parse::<toml::Table>().unwrap();
    let mut explained = 0;
    let pairs = ["data.task=reverse-map", "data.n=4", "model.kind=encoder-decoder"];
    let pairs = Recipe::read("", "pairs", &pairs).unwrap().to_toml().unwrap().parse::<toml::Table>().unwrap();
    // Of the other kind of model only its table differs.
    let pairs = tables("", &pairs).into_iter().filter(|(name, _)| name == "model");
    let classes = ["data.task=listops", "data.shortest=4", "data.longest=200", "model.kind=classifier"];
    let classes = Recipe::read("", "classes", &classes).unwrap().to_toml().unwrap().parse::<toml::Table>().unwrap();
    let classes = tables("", &classes).into_iter().filter(|(name, _)| name == "model");
    let augment = toml::Table::try_from(Augment::default()).unwrap();
    let augment = [("data.augment".to_owned(), augment)];
    for (name, table) in tables("", &defaults).into_iter().chain(pairs).chain(classes).chain(augment) {
        let has_one_default = |key: &str| name != "model" || key != "kind";
        for (key, value) in table.iter().filter(|(key, value)| !value.is_table() && has_one_default(key)) {
            let (default, place) = row(&page, &name, key).unwrap_or_else(|| panic!("{name}.{key} is not explained"));
            let default = default.split(", ").nth(place).unwrap_or_else(|| panic!("{name}.{key} has no default"));
            let written: toml::Value =
                format!("x = {}", default.trim_matches('`')).parse::<toml::Table>().unwrap()["x"].clone();
            assert_eq!(&written, value, "the default of {name}.{key}");
            explained += 1;
        }
    }
    // The keys without a default, which a table of defaults does not hold.
    for (table, key) in [
        ("data", "name"),
        ("data", "size"),
        ("data", "mean"),
        ("data", "std"),
        ("data", "path"),
        ("data", "source"),
        ("data", "target"),
        ("data", "joint"),
        ("data", "decoder_start"),
        ("data", "max_tokens"),
        ("data", "train"),
        ("data", "validation"),
        ("data", "test"),
        ("data", "tokenizer_file"),
        ("data.tokenizer", "kind"),
        ("data.tokenizer", "size"),
        ("data.tokenizer", "least"),
        ("model", "embedding_norm"),
        ("data", "rule"),
        ("data", "rules"),
        ("model", "feed_forward"),
        ("model", "head_hidden"),
        ("model", "init_std"),
        ("model", "embedding_std"),
        ("model.attention", "scale"),
        ("model.attention", "window"),
        ("model.attention.project", "kv_heads"),
        ("model.attention.project", "hidden"),
        ("train", "target"),
    ] {
        assert!(row(&page, table, key).is_some(), "{table}.{key} is not explained");
    }
    assert_eq!(row(&page, "model", "kind"), Some(("`\"causal-lm\"`".to_owned(), 0)));
    assert!(explained >= 65, "only {explained} keys were found");
}

/// A table and the tables inside it, with their paths. Those of a list are one table, with its path in brackets.
fn tables(path: &str, table: &toml::Table) -> Vec<(String, toml::Table)> {
    let mut all = Vec::new();
    if !path.is_empty() {
        all.push((path.to_owned(), table.clone()));
    }
    for (key, value) in table {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match value {
            toml::Value::Table(table) => all.extend(tables(&path, table)),
            toml::Value::Array(list) => {
                all.extend(list.iter().filter_map(toml::Value::as_table).flat_map(|t| tables(&format!("[{path}]"), t)));
            }
            _ => {}
        }
    }
    all
}

#[test]
fn every_preset_is_listed_and_its_keys_are_explained() {
    let page = document("docs/recipes.md");
    let mut explained = 0;
    for preset in AttentionConfig::preset_names() {
        assert!(page.contains(&format!("`{preset}`")), "the preset {preset} is not listed");
        let recipe = Recipe::read_with("", "none", attention(preset), &[] as &[&str]).unwrap();
        let recipe = recipe.to_toml().unwrap().parse::<toml::Table>().unwrap();
        for (name, table) in tables("", &recipe).into_iter().filter(|(name, _)| name.contains("model.attention")) {
            for (key, _) in table.iter().filter(|(_, value)| !value.is_table()) {
                assert!(row(&page, &name, key).is_some(), "{name}.{key}, which {preset} sets, is not explained");
                explained += 1;
            }
        }
    }
    assert!(explained >= 100, "only {explained} keys were found");
}

#[test]
fn every_command_of_the_readme_parses() {
    let readme = document("README.md");
    let commands = readme.lines().filter_map(|line| line.trim().strip_prefix("cargo xtask ")).map(|line| {
        let line = line.split('#').next().expect("split gives at least one part");
        line.split_whitespace().map(|word| word.trim_matches('"').to_owned()).collect::<Vec<_>>()
    });
    let mut checked = 0;
    for words in commands {
        let ours: Vec<&str> = match words[0].as_str() {
            "run" => words[1..].iter().map(String::as_str).collect(),
            "train" => words.iter().map(String::as_str).collect(),
            "test" | "bench" | "fetch" => continue,
            other => panic!("README.md shows `cargo xtask {other}`, which this test does not know"),
        };
        // `--help` stops before anything runs, and after every flag before it has been understood.
        let out = Command::new(env!("CARGO_BIN_EXE_anther")).args(&ours).arg("--help").output().unwrap();
        assert!(out.status.success(), "{ours:?}: {}", String::from_utf8_lossy(&out.stderr));
        checked += 1;
    }
    assert!(checked >= 4, "only {checked} commands were found");
}

#[test]
fn every_command_of_the_pages_parses() {
    let mut checked = 0;
    for page in ["docs/tasks.md", "docs/results.md", "docs/runs.md", "docs/hugging-face.md"] {
        let text = document(page);
        let commands = text.lines().filter_map(|line| line.strip_prefix("    anther "));
        for command in commands.map(|line| line.split(" < ").next().expect("split gives at least one part")) {
            // What stands between quotes is one word.
            let parts = command.split(['"', '\'']).enumerate();
            let words: Vec<&str> = parts
                .flat_map(|(i, part)| match i % 2 {
                    0 => part.split_whitespace().collect(),
                    _ => vec![part],
                })
                .collect();
            let out = Command::new(env!("CARGO_BIN_EXE_anther")).args(&words).arg("--help").output().unwrap();
            assert!(out.status.success(), "{page}: {words:?}: {}", String::from_utf8_lossy(&out.stderr));
            checked += 1;
        }
    }
    assert!(checked >= 20, "only {checked} commands were found");
}

#[test]
fn the_recipe_of_the_readme_is_the_one_that_is_compiled_in() {
    let recipe = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes/nt-expressive.toml")).unwrap();
    assert!(document("README.md").contains(&format!("```toml\n{recipe}```")), "README.md shows another nt-expressive");
}
