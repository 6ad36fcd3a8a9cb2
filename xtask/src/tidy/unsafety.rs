//! `unsafe` in one crate, and forbidden in all others.

use super::rust_source::{code_only, words};
use super::tree::{Tree, line_of};
use super::{Problem, Verdict};

/// The one crate that may.
const HOME: &str = "crates/kernels/";

/// What every other crate says in its root.
const FORBID: &str = "#![forbid(unsafe_code)]";

/// The word `unsafe` only in the kernels; every other crate root forbids it. Says how many blocks there are.
pub fn check(tree: &Tree) -> Verdict {
    let mut problems = Vec::new();
    let mut blocks = 0;
    let mut roots = 0;
    for (path, text) in tree.rust() {
        let code = code_only(text);
        let home = path.starts_with(HOME);
        for at in words(&code, "unsafe") {
            if home {
                let after = code[at + "unsafe".len()..].trim_start();
                blocks += usize::from(after.starts_with('{'));
            } else {
                problems.push(Problem::at(path, line_of(text, at), format!("`unsafe` outside {HOME}")));
            }
        }
        if is_crate_root(path) && !home {
            roots += 1;
            if !code.contains(FORBID) {
                problems.push(Problem::of_file(path, format!("this crate root does not say `{FORBID}`")));
            }
        }
    }
    Verdict { problems, seen: format!("{blocks} unsafe blocks in {HOME}, forbidden in {roots} crate roots") }
}

/// `src/lib.rs`, `src/main.rs` and `src/bin/NAME.rs` of a package.
fn is_crate_root(path: &str) -> bool {
    let Some((_, file)) = path.split_once("src/") else {
        return false;
    };
    file == "lib.rs" || file == "main.rs" || file.strip_prefix("bin/").is_some_and(|name| !name.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsafe_code_outside_the_kernels_is_a_problem() {
        let text =
            "#![forbid(unsafe_code)]\n// unsafe in words is fine\nfn f() { let s = \"unsafe\"; unsafe { g() } }\n";
        let problems = check(&Tree::of(&[("crates/tensor/src/lib.rs", text)])).problems;
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].line, Some(3));
        assert_eq!(check(&Tree::of(&[("crates/tensor/tests/main.rs", "unsafe fn f() {}\n")])).problems.len(), 1);
    }

    #[test]
    fn blocks_in_the_kernels_are_counted() {
        let text = "unsafe fn f() {}\nfn g() { unsafe { f() } unsafe\n{ f() } }\n";
        let verdict = check(&Tree::of(&[("crates/kernels/src/lib.rs", text)]));
        assert_eq!(verdict.problems, []);
        assert!(verdict.seen.starts_with("2 unsafe blocks"), "{}", verdict.seen);
    }

    #[test]
    fn a_crate_root_forbids_it() {
        let commented = "// #![forbid(unsafe_code)]\n";
        for path in ["crates/a/src/lib.rs", "crates/a/src/main.rs", "crates/a/src/bin/b.rs", "xtask/src/main.rs"] {
            assert_eq!(check(&Tree::of(&[(path, commented)])).problems.len(), 1, "{path}");
            assert_eq!(check(&Tree::of(&[(path, "#![forbid(unsafe_code)]\n")])).problems.len(), 0, "{path}");
        }
        assert_eq!(check(&Tree::of(&[("crates/a/src/part.rs", "")])).problems.len(), 0);
    }
}
