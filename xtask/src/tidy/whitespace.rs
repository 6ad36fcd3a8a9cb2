//! White space that shows up in diffs and nowhere else.

use super::tree::Tree;
use super::{Problem, Verdict};

/// Endings of the files that are written by hand. Data may need its white space.
const WRITTEN: [&str; 8] = [".rs", ".toml", ".md", ".py", ".sh", ".yml", ".ci/run", ".gitignore"];

/// No white space at the end of a line, no tab in Rust, a line end at the end of the file and no second one.
pub fn check(tree: &Tree) -> Verdict {
    let mut problems = Vec::new();
    let mut files = 0;
    for (path, text) in tree.texts().filter(|(path, _)| WRITTEN.iter().any(|ending| path.ends_with(ending))) {
        files += 1;
        for (index, line) in text.split('\n').enumerate() {
            if line.ends_with(char::is_whitespace) {
                problems.push(Problem::at(path, index + 1, "white space at the end of the line"));
            }
            if path.ends_with(".rs") && line.contains('\t') {
                problems.push(Problem::at(path, index + 1, "a tab; use spaces, or `\\t` in a string"));
            }
        }
        if !text.is_empty() && !text.ends_with('\n') {
            problems.push(Problem::of_file(path, "no line end at the end of the file"));
        }
        if text.ends_with("\n\n") {
            problems.push(Problem::of_file(path, "an empty line at the end of the file"));
        }
    }
    Verdict { problems, seen: format!("{files} files written by hand") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).problems.len()
    }

    #[test]
    fn each_kind_is_found() {
        assert_eq!(count("a.rs", "fn f() {}\n"), 0);
        assert_eq!(count("a.rs", "fn f() {} \n"), 1);
        assert_eq!(count("a.md", "text\r\n"), 1);
        assert_eq!(count("a.rs", "\tfn f() {}\n"), 1);
        assert_eq!(count("a.md", "a\tb\n"), 0);
        assert_eq!(count("a.toml", "a = 1"), 1);
        assert_eq!(count("a.toml", "a = 1\n\n"), 1);
        assert_eq!(count("a.toml", ""), 0);
        assert_eq!(count("data.ts", "1 \t2 "), 0);
    }
}
