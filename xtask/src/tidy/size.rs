//! Files that grew too long to read, or too large to carry.

use super::tree::Tree;
use super::{Problem, Verdict};

/// Rust files longer than this give a reason at their top.
const MAX_LINES: usize = 600;

/// How far down the reason may be.
const REASON_WITHIN: usize = 15;

/// No file is larger: a repository never gets smaller again.
pub const MAX_BYTES: u64 = 1_000_000;

/// No Rust file over 600 lines, unless one of its first lines is a comment that begins with `Long because`.
pub fn lines(tree: &Tree) -> Verdict {
    let mut problems = Vec::new();
    let mut longest = 0;
    for (path, text) in tree.rust() {
        let count = text.lines().count();
        longest = longest.max(count);
        if count > MAX_LINES && !gives_a_reason(text) {
            let message = format!(
                "{count} lines; split it, or say why not in a comment `// Long because …` in its first {REASON_WITHIN} lines"
            );
            problems.push(Problem::of_file(path, message));
        }
    }
    Verdict { problems, seen: format!("{} Rust files, the longest has {longest} lines", tree.rust().count()) }
}

fn gives_a_reason(text: &str) -> bool {
    let mut top = text.lines().take(REASON_WITHIN);
    top.any(|line| line.starts_with("//! Long because ") || line.starts_with("// Long because "))
}

/// No file over a megabyte.
pub fn bytes(tree: &Tree) -> Verdict {
    let too_large = tree.files().iter().filter(|file| file.bytes > MAX_BYTES);
    let problem = |bytes| format!("{bytes} bytes, over {MAX_BYTES}; large data is fetched, not committed");
    let problems = too_large.map(|file| Problem::of_file(&file.path, problem(file.bytes))).collect();
    let total: u64 = tree.files().iter().map(|file| file.bytes).sum();
    Verdict { problems, seen: format!("{} files, {} kB", tree.files().len(), total / 1000) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems_of(text: &str) -> usize {
        lines(&Tree::of(&[("a.rs", text)])).problems.len()
    }

    #[test]
    fn a_long_file_needs_a_reason_at_its_top() {
        assert_eq!(problems_of(&"x\n".repeat(600)), 0);
        assert_eq!(problems_of(&"x\n".repeat(601)), 1);
        assert_eq!(problems_of(&format!("//! A.\n//!\n//! Long because a table is.\n{}", "x\n".repeat(601))), 0);
        assert_eq!(problems_of(&format!("{}// Long because too late.\n", "x\n".repeat(601))), 1);
        assert_eq!(lines(&Tree::of(&[("a.md", &"x\n".repeat(601))])).problems.len(), 0);
    }

    #[test]
    fn a_large_file_is_a_problem() {
        let limit = usize::try_from(MAX_BYTES).unwrap();
        assert_eq!(bytes(&Tree::of(&[("a.bin", &"x".repeat(limit))])).problems.len(), 0);
        assert_eq!(bytes(&Tree::of(&[("a.bin", &"x".repeat(limit + 1))])).problems.len(), 1);
    }
}
