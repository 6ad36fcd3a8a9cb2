//! The tokenizer 13a: that of the script mteval-v13a of WMT, as sacreBLEU has it.

use super::is_space;

/// Splits a line into tokens: punctuation stands alone, but for periods and commas between digits, apostrophes, and dashes that follow no digit.
///
/// ```
/// use anther_data::metrics::tokenize_13a;
/// assert_eq!(tokenize_13a("It cost $1,000.50, in 1999-2000."), ["It", "cost", "$", "1,000.50", ",", "in", "1999", "-", "2000", "."]);
/// ```
#[must_use]
pub fn tokenize_13a(line: &str) -> Vec<String> {
    let line = line.trim_end_matches(is_space).replace("<skipped>", "").replace("-\n", "").replace('\n', " ");
    let line = line.replace("&quot;", "\"").replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">");
    let mut spaced = vec![' '];
    for c in line.chars() {
        if stands_alone(c) { spaced.extend([' ', c, ' ']) } else { spaced.push(c) }
    }
    spaced.push(' ');
    let digit = |c: char| c.is_ascii_digit();
    let point = |c: char| matches!(c, '.' | ',');
    // Each pass looks at two characters, and goes on behind both where they match.
    let spaced = pairs(&spaced, |a, b| !digit(a) && point(b), |a, b| [a, ' ', b, ' ']);
    let spaced = pairs(&spaced, |a, b| point(a) && !digit(b), |a, b| [' ', a, ' ', b]);
    let spaced = pairs(&spaced, |a, b| digit(a) && b == '-', |a, b| [a, ' ', b, ' ']);
    let text: String = spaced.into_iter().collect();
    text.split(is_space).filter(|token| !token.is_empty()).map(str::to_owned).collect()
}

/// ASCII punctuation but for `'`, `,`, `-` and `.`.
fn stands_alone(c: char) -> bool {
    matches!(c, '{'..='~' | '['..='`' | ' '..='&' | '('..='+' | ':'..='@' | '/')
}

/// Replaces pairs of characters that match, from the left and without overlap.
fn pairs(text: &[char], matches: impl Fn(char, char) -> bool, replace: impl Fn(char, char) -> [char; 4]) -> Vec<char> {
    let mut out = Vec::with_capacity(text.len() + text.len() / 4);
    let mut at = 0;
    while at < text.len() {
        match text.get(at + 1) {
            Some(&next) if matches(text[at], next) => {
                out.extend(replace(text[at], next));
                at += 2;
            }
            _ => {
                out.push(text[at]);
                at += 1;
            }
        }
    }
    out
}
