//! The key that was probably meant.

use strsim::levenshtein;
use toml::{Table, Value};

/// The dotted paths of all keys of a table and the tables inside it.
pub(super) fn key_paths(table: &Table) -> Vec<String> {
    let mut paths = Vec::new();
    for (key, value) in table {
        paths.push(key.clone());
        if let Value::Table(inner) = value {
            paths.extend(key_paths(inner).into_iter().map(|path| format!("{key}.{path}")));
        }
    }
    paths
}

/// The known path or name most similar to `key`, if any is similar enough to be worth a question. The first one of equals.
///
/// ```
/// let names = ["copy", "sort"].map(String::from);
/// assert_eq!(anther_train::settings::nearest("sord", names).as_deref(), Some("sort"));
/// ```
#[must_use]
pub fn nearest(key: &str, known: impl IntoIterator<Item = String>) -> Option<String> {
    let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
    // Keys are short, but a hostile one need not be.
    let key: String = key.chars().take(256).collect();
    let name = last(&key);
    let score = |path: &String| {
        let (whole, end) = (levenshtein(&key, path), levenshtein(&name, &last(path)));
        // The right name in the wrong table is the likeliest slip, and a whole path may only differ little.
        let near = end <= name.chars().count().div_ceil(3);
        near.then_some((end, whole))
    };
    let scored = known.into_iter().filter_map(|path| Some((score(&path)?, path)));
    scored.min_by_key(|(score, _)| *score).map(|(_, path)| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_key_is_suggested_only_if_it_is_near() {
        let known = || ["train.steps", "train.seed", "model.heads"].map(String::from);
        assert_eq!(nearest("train.stepz", known()).as_deref(), Some("train.steps"));
        assert_eq!(nearest("model.steps", known()).as_deref(), Some("train.steps"));
        assert_eq!(nearest("steps", known()).as_deref(), Some("train.steps"));
        assert_eq!(nearest("train.banana", known()), None);
    }
}
