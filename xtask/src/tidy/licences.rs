//! Only licences that the project can live with, in everything that is built.

use serde_json::Value;

use super::tree::Tree;
use super::{Problem, Verdict};

/// The list of licences is here, so that cargo-deny and this rule cannot disagree.
const LIST: &str = "deny.toml";

/// Every package in the graph has a licence that `deny.toml` allows.
pub fn check(tree: &Tree, metadata: &Value) -> Verdict {
    let allowed = allowed(tree.text(LIST).unwrap_or_default());
    let mut problems = Vec::new();
    if allowed.is_empty() {
        problems.push(Problem::of_file(LIST, "no `allow = [...]` under `[licenses]`"));
    }
    let packages = metadata["packages"].as_array().map_or(&[][..], Vec::as_slice);
    for package in packages {
        let name =
            format!("{} {}", package["name"].as_str().unwrap_or("?"), package["version"].as_str().unwrap_or("?"));
        let complaint = match package["license"].as_str() {
            None => format!("the package {name} declares no licence"),
            Some(expression) => match evaluate(expression, &allowed) {
                Ok(true) => continue,
                Ok(false) => format!("the licence of {name}, `{expression}`, is not among those that {LIST} allows"),
                Err(why) => format!("the licence of {name}, `{expression}`, is no licence expression: {why}"),
            },
        };
        problems.push(Problem::of_file("Cargo.lock", complaint));
    }
    Verdict { problems, seen: format!("{} packages, {} licences allowed", packages.len(), allowed.len()) }
}

/// The strings of `allow = [...]` in the table `[licenses]`.
fn allowed(deny: &str) -> Vec<&str> {
    let table = deny.split_once("[licenses]").map_or("", |(_, rest)| rest);
    let list = table.split_once("allow = [").map_or("", |(_, rest)| rest);
    let list = list.split_once(']').map_or("", |(list, _)| list);
    let lines = list.lines().map(|line| line.split_once('#').map_or(line, |(before, _)| before));
    lines.flat_map(|line| line.split('"').skip(1).step_by(2)).collect()
}

/// Whether a choice that the SPDX expression offers is allowed in all its parts.
///
/// `AND` binds tighter than `OR`; `A WITH B` is one licence. The old form `A/B` means `A OR B`.
fn evaluate(expression: &str, allowed: &[&str]) -> Result<bool, String> {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser { tokens: &tokens, allowed };
    let result = parser.any()?;
    match parser.tokens.first() {
        None => Ok(result),
        Some(token) => Err(format!("`{token}` is too much")),
    }
}

struct Parser<'a> {
    tokens: &'a [&'a str],
    allowed: &'a [&'a str],
}

impl<'a> Parser<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first)
    }

    fn skip(&mut self, token: &str) -> bool {
        let there = self.tokens.first() == Some(&token);
        if there {
            self.tokens = &self.tokens[1..];
        }
        there
    }

    fn any(&mut self) -> Result<bool, String> {
        let mut result = self.all()?;
        while self.skip("OR") {
            result |= self.all()?;
        }
        Ok(result)
    }

    fn all(&mut self) -> Result<bool, String> {
        let mut result = self.one()?;
        while self.skip("AND") {
            result &= self.one()?;
        }
        Ok(result)
    }

    fn one(&mut self) -> Result<bool, String> {
        if self.skip("(") {
            let result = self.any()?;
            return if self.skip(")") { Ok(result) } else { Err("a parenthesis is not closed".to_owned()) };
        }
        let licence = self.name()?;
        if self.skip("WITH") {
            let exception = self.name()?;
            return Ok(self.allowed.contains(&format!("{licence} WITH {exception}").as_str()));
        }
        Ok(self.allowed.contains(&licence))
    }

    fn name(&mut self) -> Result<&'a str, String> {
        match self.next() {
            None => Err("it ends too early".to_owned()),
            Some(token @ ("OR" | "AND" | "WITH" | "(" | ")")) => {
                Err(format!("`{token}` stands where a licence should"))
            }
            Some(token) => Ok(token),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ALLOWED: [&str; 4] = ["MIT", "Apache-2.0", "Unicode-3.0", "Apache-2.0 WITH LLVM-exception"];

    #[test]
    fn expressions_mean_what_spdx_says() {
        let cases = [
            ("MIT", true),
            ("GPL-3.0", false),
            ("GPL-3.0 OR MIT", true),
            ("GPL-3.0 AND MIT", false),
            ("MIT/Apache-2.0", true),
            ("Unlicense / MIT", true),
            ("(MIT OR GPL-3.0) AND Unicode-3.0", true),
            ("MIT AND GPL-3.0 OR Apache-2.0", true),
            ("MIT AND (GPL-3.0 OR ISC)", false),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("MIT WITH LLVM-exception", false),
            ("GPL-3.0 OR Apache-2.0 WITH LLVM-exception AND MIT", true),
        ];
        for (expression, expected) in cases {
            assert_eq!(evaluate(expression, &ALLOWED), Ok(expected), "{expression}");
        }
    }

    #[test]
    fn what_is_no_expression_is_an_error() {
        for expression in ["", "MIT OR", "OR MIT", "(MIT", "MIT)", "MIT Apache-2.0", "MIT WITH AND"] {
            assert!(evaluate(expression, &ALLOWED).is_err(), "{expression}");
        }
    }

    #[test]
    fn the_list_is_read_from_its_table_only() {
        let deny = "[bans]\nallow = [\"x\"]\n[licenses]\nversion = 2\nallow = [\n  \"MIT\", # \"GPL-3.0\"\n  \"ISC\",\n]\n[sources]\nallow = [\"y\"]\n";
        assert_eq!(allowed(deny), ["MIT", "ISC"]);
        assert!(allowed("[bans]\n").is_empty());
    }

    #[test]
    fn a_package_with_another_licence_or_none_is_a_problem() {
        let tree = Tree::of(&[(LIST, "[licenses]\nallow = [\"MIT\"]\n")]);
        let metadata = json!({"packages": [
            {"name": "good", "version": "1.0.0", "license": "MIT OR GPL-3.0"},
            {"name": "bad", "version": "2.0.0", "license": "GPL-3.0"},
            {"name": "none", "version": "3.0.0", "license": null},
        ]});
        let problems = check(&tree, &metadata).problems;
        assert_eq!(problems.len(), 2);
        assert!(problems[0].message.contains("bad 2.0.0"));
        assert!(problems[1].message.contains("none 3.0.0 declares no licence"));
        assert_eq!(check(&Tree::of(&[]), &json!({"packages": []})).problems.len(), 1);
    }
}
