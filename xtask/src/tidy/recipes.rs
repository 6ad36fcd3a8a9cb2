//! A recipe that the README does not name is a recipe that nobody finds.

use super::tree::Tree;
use super::{Problem, Verdict};

const README: &str = "README.md";

/// Every recipe is named in the README.
pub fn check(tree: &Tree) -> Verdict {
    let readme = tree.text(README).unwrap_or_default();
    let recipes: Vec<(&str, &str)> =
        tree.files().iter().filter_map(|file| Some((file.path.as_str(), recipe(&file.path)?))).collect();
    let missing = recipes.iter().filter(|(_, name)| !is_named(readme, name));
    let problems = missing
        .map(|(path, name)| Problem::of_file(path, format!("{README} does not name the recipe `{name}`")))
        .collect();
    Verdict { problems, seen: format!("{} recipes", recipes.len()) }
}

/// The name of the recipe in `crates/app/recipes/NAME.toml`.
fn recipe(path: &str) -> Option<&str> {
    path.strip_prefix("crates/app/recipes/")?.strip_suffix(".toml").filter(|name| !name.contains('/'))
}

/// Whether the name is there by itself, not as a part of a longer name.
fn is_named(readme: &str, name: &str) -> bool {
    let is_part =
        |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let bytes = readme.as_bytes();
    readme.match_indices(name).any(|(at, _)| !is_part(bytes[..at].last()) && !is_part(bytes.get(at + name.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_must_be_named_by_its_whole_name() {
        let recipe = ("crates/app/recipes/copy.toml", "");
        let count = |readme| check(&Tree::of(&[recipe, ("README.md", readme)])).problems.len();
        assert_eq!(count("`copy` and `sort`\n"), 0);
        assert_eq!(count("`copy-long`\n"), 1);
        assert_eq!(count(""), 1);
        assert_eq!(check(&Tree::of(&[recipe])).problems.len(), 1);
    }
}
