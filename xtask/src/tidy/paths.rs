//! Paths of somebody's machine have no place in a repository.

use super::rust_source::is_word;
use super::tree::{Tree, line_of};
use super::{Problem, Verdict};

/// How such paths begin. In pieces, so that this file does not contain them.
const STARTS: [&str; 5] =
    [concat!("/", "home/"), concat!("/", "root/"), concat!("/", "work/"), concat!("/", "Users/"), concat!("C:", "\\")];

/// No absolute path of a machine in any text file.
pub fn check(tree: &Tree) -> Verdict {
    let mut problems = Vec::new();
    for (path, text) in tree.texts() {
        for start in STARTS {
            for (at, _) in text.match_indices(start).filter(|(at, _)| is_absolute(text, *at)) {
                let message =
                    format!("a path of one machine, `{start}…`; write it relative to the root of the repository");
                problems.push(Problem::at(path, line_of(text, at), message));
            }
        }
    }
    Verdict { problems, seen: format!("{} text files", tree.texts().count()) }
}

/// After a word or a dot it is the middle of a relative path or of a web address.
fn is_absolute(text: &str, at: usize) -> bool {
    !text.as_bytes()[..at].last().is_some_and(|byte| is_word(*byte) || *byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_a_machine_are_found() {
        for start in STARTS {
            let text = format!("first line\nsee \"{start}someone/file\"\n");
            let problems = check(&Tree::of(&[("docs/a.md", &text)])).problems;
            assert_eq!(problems.len(), 1, "{start}");
            assert_eq!(problems[0].line, Some(2));
        }
    }

    #[test]
    fn relative_paths_and_addresses_are_not() {
        let text = STARTS[..4]
            .iter()
            .map(|start| format!("crates{start}x https://example.org{start}y ..{start}z\n"))
            .collect::<String>();
        assert_eq!(check(&Tree::of(&[("a.md", &text)])).problems, []);
    }
}
