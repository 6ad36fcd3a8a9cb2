//! What every reader of lines asks of a text before it looks at them.

use crate::ReadError;

/// The most bytes of a line of sentences or lists, without its end: 1 MiB. Real ones are a hundred times shorter, so a longer line says that the file is of
/// another kind; without a limit it would become one sequence of as many tokens.
pub const MAX_LINE_BYTES: usize = 1 << 20;

/// What some editors write before the first character of a file in UTF-8. It is no part of the text.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// The text behind a byte order mark. No line of it has more than `limit` bytes, or a NUL byte, which no text has; `origin` names it in messages.
///
/// # Errors
/// [`ReadError::Nul`] and [`ReadError::LongLine`].
pub(crate) fn checked<'t>(text: &'t str, origin: &str, limit: usize) -> Result<&'t str, ReadError> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    for (line, content) in (1..).zip(text.lines()) {
        if content.as_bytes().contains(&0) {
            return Err(ReadError::Nul { origin: origin.to_owned(), line });
        }
        if content.len() > limit {
            return Err(ReadError::LongLine { origin: origin.to_owned(), line, limit });
        }
    }
    Ok(text)
}

/// A running text without a byte order mark before it.
pub(crate) fn without_mark(mut text: String) -> String {
    if text.starts_with(BYTE_ORDER_MARK) {
        text.drain(..BYTE_ORDER_MARK.len_utf8());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{checked, without_mark};

    #[test]
    fn lines_have_a_limit_and_no_nul_byte() {
        let refused = |text: &str| checked(text, "x", 4).unwrap_err().to_string();
        assert_eq!(checked("four\r\nßß\n\nfour", "x", 4).unwrap(), "four\r\nßß\n\nfour");
        assert!(refused("four\nfives\n").starts_with("x, line 2: the line has more than 4 bytes"));
        assert!(refused("ßßa").starts_with("x, line 1: the line has more than 4 bytes"));
        assert!(refused("a\nb\n\0\n").starts_with("x, line 3: there is a NUL byte"));
    }

    #[test]
    fn only_the_first_mark_is_none_of_the_text() {
        assert_eq!(checked("\u{feff}four", "x", 4).unwrap(), "four");
        for (text, rest) in [("\u{feff}a\u{feff}", "a\u{feff}"), ("\u{feff}\u{feff}", "\u{feff}"), ("a", "a"), ("", "")]
        {
            assert_eq!(without_mark(text.to_owned()), rest);
            assert_eq!(checked(text, "x", 10).unwrap(), rest);
        }
    }
}
