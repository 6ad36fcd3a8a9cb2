//! Just enough of Rust's lexical grammar to tell code from comments and literals.

/// `source` with the contents of comments, strings and characters replaced by spaces.
///
/// Every byte of code keeps its offset and every line its number, so a place found here is the same place in `source`. The quotes
/// around literals stay. A word found in the result is code; a rule that only looks there never trips on its own patterns.
pub fn code_only(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let after_word = at > 0 && is_word(bytes[at - 1]);
        at = match bytes[at] {
            b'/' if rest.starts_with(b"//") => {
                let end = find(bytes, at, b"\n").unwrap_or(bytes.len());
                blank(&mut code, at, end)
            }
            b'/' if rest.starts_with(b"/*") => {
                let end = end_of_block_comment(bytes, at);
                blank(&mut code, at, end)
            }
            b'"' => {
                let end = end_of_string(bytes, at + 1, b'"');
                blank(&mut code, at + 1, end) + 1
            }
            b'r' if !after_word || is_literal_prefix(bytes, at) => match raw_string(bytes, at) {
                Some((start, end, close)) => blank(&mut code, start, end) + close,
                None => at + 1,
            },
            b'\'' if is_character(source, at) => {
                let end = end_of_string(bytes, at + 1, b'\'');
                blank(&mut code, at + 1, end) + 1
            }
            _ => at + 1,
        };
    }
    // Only whole literals and comments were replaced, by ASCII, so this changes nothing.
    String::from_utf8_lossy(&code).into_owned()
}

/// The string literal that begins at `from` or after white space there, as it is written between its quotes.
///
/// `code` is `code_only(source)`.
pub fn string_literal<'a>(source: &'a str, code: &str, from: usize) -> Option<&'a str> {
    let start = from + (code[from..].len() - code[from..].trim_start().len());
    let inside = code[start..].strip_prefix('"')?;
    let end = start + 1 + inside.find('"')?;
    source.get(start + 1..end)
}

/// Offsets at which `word` stands in `code` with no letter, digit or `_` on either side.
pub fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let bytes = code.as_bytes();
        let before = *at > 0 && is_word(bytes[at - 1]);
        let after = bytes.get(at + word.len()).is_some_and(|byte| is_word(*byte));
        !before && !after
    })
}

/// Whether the byte can be part of an identifier.
pub fn is_word(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric() || !byte.is_ascii()
}

/// Replaces all but line ends and returns `end`.
fn blank(code: &mut [u8], start: usize, end: usize) -> usize {
    let end = end.min(code.len());
    for byte in &mut code[start.min(end)..end] {
        if *byte != b'\n' {
            *byte = b' ';
        }
    }
    end
}

fn find(bytes: &[u8], from: usize, pattern: &[u8]) -> Option<usize> {
    bytes[from..].windows(pattern.len()).position(|window| window == pattern).map(|position| from + position)
}

/// Block comments nest.
fn end_of_block_comment(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0;
    let mut at = start;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    bytes.len()
}

/// The offset of the closing quote, or the end of the file.
fn end_of_string(bytes: &[u8], from: usize, quote: u8) -> usize {
    let mut at = from;
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at.min(bytes.len())
}

/// Whether the `r` at this offset follows the `b` or `c` of `br"…"` and `cr"…"`.
fn is_literal_prefix(bytes: &[u8], at: usize) -> bool {
    matches!(bytes[at - 1], b'b' | b'c') && (at < 2 || !is_word(bytes[at - 2]))
}

/// Start and end of the contents of the raw string at `at`, and the length of what closes it; `None` for a raw identifier.
fn raw_string(bytes: &[u8], at: usize) -> Option<(usize, usize, usize)> {
    let hashes = bytes[at + 1..].iter().take_while(|byte| **byte == b'#').count();
    let quote = at + 1 + hashes;
    if bytes.get(quote) != Some(&b'"') {
        return None;
    }
    let mut close = vec![b'"'];
    close.resize(1 + hashes, b'#');
    let end = find(bytes, quote + 1, &close).unwrap_or(bytes.len());
    Some((quote + 1, end, close.len()))
}

/// Whether the `'` at this offset opens a character; otherwise it opens a lifetime.
fn is_character(source: &str, at: usize) -> bool {
    let mut next = source[at + 1..].chars();
    match next.next() {
        Some('\\') => true,
        Some(_) => next.next() == Some('\''),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_in_place() {
        let cases = [
            ("a = \"x // y\"; // z \"\nb;", "a = \"      \";       \nb;"),
            ("a /* p /* q */ r */ b / c", "a                   b / c"),
            ("/* \n */ a", "   \n    a"),
            ("a // b", "a     "),
        ];
        for (source, expected) in cases {
            assert_eq!(code_only(source), expected, "{source}");
        }
    }

    #[test]
    fn raw_strings_end_at_their_own_hashes() {
        assert_eq!(code_only(r##"f(r#"a "b" \"#, br"\", r"c")"##), r##"f(r#"       "#, br" ", r" ")"##);
        assert_eq!(code_only("r#type + for\"x\""), "r#type + for\" \"");
    }

    #[test]
    fn lifetimes_are_code_and_characters_are_not() {
        let source = "fn f<'a>(x: &'a u8) { g('\"', '\\'', 'é', b'x'); unsafe_word(\"é\") }";
        assert_eq!(code_only(source), "fn f<'a>(x: &'a u8) { g(' ', '  ', '  ', b' '); unsafe_word(\"  \") }");
    }

    #[test]
    fn escapes_do_not_end_a_string() {
        assert_eq!(code_only(r#"("a\"b", "\\", c)"#), r#"("    ", "  ", c)"#);
    }

    #[test]
    fn what_is_not_closed_ends_with_the_file() {
        assert_eq!(code_only("a \"b\\"), "a \"  ");
        assert_eq!(code_only("a /* b"), "a     ");
        assert_eq!(code_only("a r#\"b\""), "a r#\"  ");
        assert_eq!(code_only("a '"), "a '");
    }

    #[test]
    fn words_are_whole() {
        let code = "unsafe unsafe_code (unsafe) not_unsafe unsafe";
        assert_eq!(words(code, "unsafe").collect::<Vec<_>>(), [0, 20, 39]);
    }

    #[test]
    fn a_literal_is_read_where_it_stands() {
        let source = "case!(\n    \"mat\\\"mul\", x) /* \"no\" */";
        let code = code_only(source);
        assert_eq!(string_literal(source, &code, 6), Some("mat\\\"mul"));
        assert_eq!(string_literal(source, &code, 0), None);
    }
}
