//! Things that mean "not finished", and addresses of the machine that built it.

use super::rust_source::{code_only, words};
use super::tree::{Tree, line_of};
use super::{Problem, Verdict};

/// Not in Rust code; in comments and strings they are only words. In pieces, like the others, so that this file has none.
const CODE: [&str; 4] =
    [concat!("todo", "!("), concat!("unimplemented", "!("), concat!("dbg", "!("), concat!("#[", "ignore")];

/// Not as a whole word in any text that people write.
const WORDS: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// Endings of files that people write.
const WRITTEN: [&str; 7] = [".rs", ".toml", ".md", ".py", ".sh", ".yml", ".ci/run"];

/// Nowhere: where packages come from is a matter of the machine, not of the project.
const REGISTRIES: [&str; 9] = [
    concat!("crates.io", "-index"),
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
    concat!("registry", "+http"),
    concat!("sparse", "+http"),
    concat!("[", "registries"),
    concat!("pypi.org", "/simple"),
    concat!("files.", "pythonhosted.org"),
    concat!("registry.", "npmjs.org"),
];

/// What cargo itself writes for a package from the default registry. Anything else in the lock file is a mirror or a fork.
const DEFAULT_SOURCE: &str = concat!("source = \"registry", "+https://github.com/rust-lang/crates.io", "-index\"");

/// No unfinished code, no reminders, no addresses of registries.
pub fn check(tree: &Tree) -> Verdict {
    let mut problems = Vec::new();
    for (path, text) in tree.texts() {
        let mut found = |at: usize, message: String| problems.push(Problem::at(path, line_of(text, at), message));
        if path.ends_with(".rs") {
            let code = code_only(text);
            for pattern in CODE {
                code.match_indices(pattern).for_each(|(at, _)| found(at, format!("`{pattern}` is left over")));
            }
        }
        if WRITTEN.iter().any(|ending| path.ends_with(ending)) {
            for word in WORDS {
                words(text, word)
                    .for_each(|at| found(at, format!("`{word}` is left over; finish it or write it into the tracker")));
            }
        }
        // The same length, so that lines can still be counted.
        let others = text.replace(DEFAULT_SOURCE, &" ".repeat(DEFAULT_SOURCE.len()));
        for registry in REGISTRIES {
            others
                .match_indices(registry)
                .for_each(|(at, _)| found(at, format!("`{registry}` is the address of a package registry")));
        }
    }
    Verdict { problems, seen: format!("{} text files", tree.texts().count()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).problems.len()
    }

    #[test]
    fn unfinished_code_is_found_in_code_only() {
        for pattern in CODE {
            assert_eq!(count("a.rs", &format!("fn f() {{ {pattern}) }}\n")), 1, "{pattern}");
            assert_eq!(count("a.rs", &format!("// {pattern})\nconst A: &str = \"{pattern}\";\n")), 0, "{pattern}");
        }
    }

    #[test]
    fn reminders_are_found_in_comments_and_documents() {
        for word in WORDS {
            assert_eq!(count("a.rs", &format!("// {word}: later\n")), 1, "{word}");
            assert_eq!(count("docs/a.md", &format!("- {word}\n")), 1, "{word}");
            assert_eq!(count("a.rs", &format!("const {word}_LIST: u8 = 0;\n")), 0, "{word}");
            assert_eq!(count("crates/data/tests/text.txt", word), 0, "{word}");
        }
    }

    #[test]
    fn registries_are_found_and_the_default_source_is_not() {
        for registry in REGISTRIES {
            assert_eq!(count("a.toml", &format!("x = \"{registry}\"\n")), 1, "{registry}");
        }
        assert_eq!(count("Cargo.lock", &format!("name = \"serde\"\n{DEFAULT_SOURCE}\n")), 0);
        let mirror = format!("{}mirror.example/index\"\n", concat!("source = \"registry", "+https://"));
        assert_eq!(count("Cargo.lock", &mirror), 1);
    }
}
