//! An op without a case is an op whose gradient nobody has checked.

use std::collections::BTreeSet;
use std::ops::Range;

use super::rust_source::{code_only, string_literal, words};
use super::tree::{Tree, line_of};
use super::{Problem, Verdict};

/// Every name that an op in a crate's `src` can have is the name of a case among the tests.
///
/// A case is written `case!("name", …)` in a file called `cases.rs` or in a folder called `cases`.
pub fn check(tree: &Tree) -> Verdict {
    let mut problems = Vec::new();
    let mut ops = Vec::new();
    let mut cases = BTreeSet::new();
    for (path, text) in tree.rust().filter(|(path, _)| path.starts_with("crates/")) {
        if path.contains("/src/") && !path.starts_with("crates/testkit/") {
            match op_names(text) {
                Ok(names) => ops.extend(names.into_iter().map(|(line, name)| (path, line, name))),
                Err(line) => problems.push(Problem::at(
                    path,
                    line,
                    "this op's name is no literal: write it in a function `name` or as `name: \"…\"` in this file",
                )),
            }
        }
        if path.contains("/tests/") && (path.contains("/cases/") || path.ends_with("/cases.rs")) {
            cases.extend(case_names(text));
        }
    }
    for (path, line, name) in ops.iter().filter(|(_, _, name)| !cases.contains(*name)) {
        problems.push(Problem::at(
            path,
            *line,
            format!("the op `{name}` has no case; write a case!(\"{name}\", …) in the crate's tests/cases"),
        ));
    }
    Verdict { problems, seen: format!("{} names of ops, {} of cases", ops.len(), cases.len()) }
}

/// Lines and names: of a file that implements an op, all literals in functions `name` and all that are written `name: "…"`.
///
/// One op may have several names, one for each kind, and may get them from a function beside it or carry them in a field. `Err` is
/// the line of an op with no literal anywhere.
fn op_names(text: &str) -> Result<Vec<(usize, &str)>, usize> {
    let code = code_only(text);
    // Ops that a unit test defines for itself are not part of the crate.
    let code = code.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let Some(first) = words(code, "impl").find(|at| implements_op(&code[*at..])) else {
        return Ok(Vec::new());
    };
    let mut names = Vec::new();
    for at in words(code, "name") {
        let after = &code[at + "name".len()..];
        if code[..at].ends_with("fn ") {
            names.extend(literals(text, code, body(code, at)));
        } else if after.starts_with(": ") {
            let start = at + "name: ".len();
            names.extend(string_literal(text, code, start).map(|name| (line_of(text, start), name)));
        }
    }
    if names.is_empty() { Err(line_of(text, first)) } else { Ok(names) }
}

/// Whether the code begins with `impl<…> Op<…> for`; a bound like `O: Op<T>` is none.
fn implements_op(code: &str) -> bool {
    let header = code.split_once('{').map_or(code, |(header, _)| header);
    words(header, "Op").any(|at| {
        let after = &header[at + "Op".len()..];
        after.starts_with('<') && after[end_of_block(after, '<', '>')..].starts_with(" for ")
    })
}

/// The body of the function whose name is at this offset, if it returns a name; otherwise nothing.
fn body(code: &str, at: usize) -> Range<usize> {
    match code[at..].split_once('{') {
        Some((signature, _)) if signature.contains("-> &'static str") && !signature.contains(';') => {
            let start = at + signature.len();
            start..start + end_of_block(&code[start..], '{', '}')
        }
        _ => at..at,
    }
}

/// Lines and contents of the string literals in a part of the code.
fn literals<'a>(text: &'a str, code: &str, part: Range<usize>) -> Vec<(usize, &'a str)> {
    let mut found = Vec::new();
    let mut from = part.start;
    while let Some(quote) = code[from..part.end].find('"') {
        let Some(literal) = string_literal(text, code, from + quote) else {
            break;
        };
        found.push((line_of(text, from + quote), literal));
        from += quote + literal.len() + 2;
    }
    found
}

/// The length of the block that begins with the first byte, an opening bracket.
fn end_of_block(code: &str, open: char, close: char) -> usize {
    let mut depth = 0usize;
    for (at, character) in code.char_indices() {
        if character == open {
            depth += 1;
        } else if character == close {
            depth = depth.saturating_sub(1);
        }
        if depth == 0 {
            return at + character.len_utf8();
        }
    }
    code.len()
}

fn case_names(text: &str) -> Vec<String> {
    let code = code_only(text);
    let opening = "case!(";
    let calls = code.match_indices(opening).map(|(at, _)| at + opening.len());
    calls.filter_map(|at| string_literal(text, &code, at)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OP: &str = r#"
struct Scale;
impl<T: Element> Op<T> for Scale {
    type Saved = ();

    fn name(&self) -> &'static str {
        "scale"
    }
}
"#;

    const KINDS: &str = r#"
fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Add => "add", // "not this"
        Kind::Sub => { "sub" }
    }
}
impl<T: Element> Op<T> for Binary {
    fn name(&self) -> &'static str {
        name(self.kind)
    }
    fn forward(&self) { panic!("nor this") }
}
"#;

    fn problems(files: &[(&str, &str)]) -> Vec<String> {
        check(&Tree::of(files)).problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_op_without_a_case_is_a_problem() {
        let found = problems(&[("crates/tensor/src/ops/scale.rs", OP)]);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("crates/tensor/src/ops/scale.rs:7: the op `scale` has no case"), "{found:?}");
    }

    #[test]
    fn a_case_is_found_in_its_place_only() {
        let op = ("crates/tensor/src/ops/scale.rs", OP);
        let case = "fn f() { case!(\n    \"scale\", 1); }\n";
        assert_eq!(problems(&[op, ("crates/tensor/tests/cases/scale.rs", case)]), [""; 0]);
        assert_eq!(problems(&[op, ("crates/tensor/tests/it/cases.rs", case)]), [""; 0]);
        assert_eq!(problems(&[op, ("crates/tensor/tests/it/other.rs", case)]).len(), 1);
        assert_eq!(problems(&[op, ("crates/tensor/tests/cases/a.rs", "// case!(\"scale\")\n")]).len(), 1);
        assert_eq!(problems(&[op, ("crates/tensor/tests/cases/a.rs", "case!(\"scaled\")\n")]).len(), 1);
    }

    #[test]
    fn every_kind_needs_its_case() {
        let op = ("crates/tensor/src/ops/binary.rs", KINDS);
        let found = problems(&[op, ("crates/tensor/tests/cases/binary.rs", "case!(\"add\", 1);\n")]);
        assert_eq!(found.len(), 1);
        assert!(found[0].contains(":5: the op `sub`"), "{found:?}");
    }

    #[test]
    fn a_name_that_cannot_be_read_is_a_problem() {
        let op = "impl<T> Op<T> for A { fn name(&self) -> &'static str { NAMES[0] } }\n";
        let found = problems(&[("crates/tensor/src/ops/a.rs", op)]);
        assert_eq!(found.len(), 1);
        assert!(found[0].contains(":1: this op's name"), "{found:?}");
    }

    #[test]
    fn a_name_in_a_field_needs_a_case() {
        let op = "impl<T: Element> Op<T> for Swap {\n fn name(&self) -> &'static str { self.name }\n}\nfn f() { Swap { name: \"split\" } }\n";
        let found = problems(&[("crates/tensor/src/ops/heads.rs", op)]);
        assert_eq!(found.len(), 1);
        assert!(found[0].contains(":4: the op `split`"), "{found:?}");
    }

    #[test]
    fn a_bound_is_no_implementation() {
        let bound = "impl<T: Element, O: Op<T>> Recorded<T> for Record<O> { fn name(&self) -> &'static str { self.op.name() } }\n";
        assert_eq!(problems(&[("crates/tensor/src/tape.rs", bound)]), [""; 0]);
    }

    #[test]
    fn other_names_and_ops_of_unit_tests_do_not_count() {
        let other = "impl Layer<f32> for A { fn name(&self) -> &'static str { \"a\" } }\n";
        let of_test = format!("#[cfg(test)]\nmod tests {{ {OP} }}\n");
        let declared = "trait Op<T> { fn name(&self) -> &'static str; fn other(&self) { \"x\" } }\n";
        let files = [("crates/a/src/a.rs", other), ("crates/a/src/b.rs", &of_test), ("crates/a/src/c.rs", declared)];
        assert_eq!(problems(&files), [""; 0]);
        assert_eq!(problems(&[("crates/testkit/src/a.rs", OP)]), [""; 0]);
    }
}
