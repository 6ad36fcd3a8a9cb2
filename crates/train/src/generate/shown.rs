//! Text that appears token by token.

use crate::task::{SymbolError, Symbols};

/// Tokens that may be held back because they seem to end amid a character: no character has more bytes than four.
const HELD_BACK: usize = 4;

/// Which tokens have been turned into text. A token alone may be a part of a character or need a space before it, so each text is the difference between that of
/// some tokens with the new ones and without.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shown {
    /// Where the tokens begin that are read again.
    from: usize,
    /// Tokens whose text is out.
    until: usize,
}

impl Shown {
    /// As if the text of these tokens were out: what comes next continues it.
    pub(super) fn after(prompt: &[u32]) -> Self {
        Shown { from: 0, until: prompt.len() }
    }

    /// The text that the tokens after those shown before add; nothing yet if they end amid a character and more are to come.
    ///
    /// # Errors
    /// As [`Symbols::decode`].
    pub(super) fn next(&mut self, symbols: &Symbols, tokens: &[u32], last: bool) -> Result<String, SymbolError> {
        let before = symbols.decode(&tokens[self.from..self.until])?;
        let after = symbols.decode(&tokens[self.from..])?;
        let waits = after.ends_with('\u{fffd}') && tokens.len() - self.until < HELD_BACK && !last;
        if waits || after.len() <= before.len() {
            return Ok(String::new());
        }
        (self.from, self.until) = (self.until, tokens.len());
        Ok(after.get(before.len()..).unwrap_or_default().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use anther_data::tokenizer::{Tokenizer, TokenizerConfig, TokenizerKind};

    use super::*;

    fn symbols(kind: TokenizerKind, text: &str) -> Symbols {
        Symbols::Text(Tokenizer::train(&TokenizerConfig { kind, size: 300, least: 1 }, [text].into_iter()).unwrap())
    }

    /// The texts that appear when the tokens after `prompt` come one by one.
    fn pieces(symbols: &Symbols, tokens: &[u32], prompt: usize) -> Vec<String> {
        let mut shown = Shown::after(&tokens[..prompt]);
        let piece = |end| shown.next(symbols, &tokens[..end], end == tokens.len()).unwrap();
        (prompt + 1..=tokens.len()).map(piece).collect()
    }

    #[test]
    fn a_character_of_several_bytes_appears_when_it_is_whole() {
        let symbols = symbols(TokenizerKind::Bytes, "");
        let tokens = symbols.encode("aé😀b").unwrap();
        assert_eq!(pieces(&symbols, &tokens, 1), ["", "é", "", "", "", "😀", "b"]);
        // Also if the prompt ends amid it, whose first byte is out already as a sign for damage.
        assert_eq!(pieces(&symbols, &tokens, 0).concat(), "aé😀b");
    }

    #[test]
    fn bytes_that_never_become_a_character_do_not_hold_up_the_rest() {
        let symbols = symbols(TokenizerKind::Bytes, "");
        let tokens = [200_u32; 9].map(|byte| byte + 5);
        let all = pieces(&symbols, &[&tokens[..], &[5 + 97]].concat(), 0);
        assert!(all[..5].concat().contains('\u{fffd}') && all.concat().ends_with('a'), "{all:?}");
        assert_eq!(pieces(&symbols, &[5 + 97, 5 + 0xf0, 5 + 0x9f], 1), ["", "\u{fffd}"]);
    }

    #[test]
    fn words_have_spaces_between_them_but_not_at_the_end_of_a_line() {
        let symbols = symbols(TokenizerKind::Words, "to be or not\n");
        let tokens = symbols.encode("to be\nor unknown not").unwrap();
        assert_eq!(pieces(&symbols, &tokens, 1), [" be", "\n", "or", "", " not"]);
    }

    #[test]
    fn joined_pieces_are_the_text_of_all_tokens() {
        let text = "it's 1945 – “Größe” 😀😀\n\n  and spaces ";
        for kind in [TokenizerKind::Bytes, TokenizerKind::Characters, TokenizerKind::Words] {
            let symbols = symbols(kind, text);
            let tokens = symbols.encode(text).unwrap();
            assert_eq!(pieces(&symbols, &tokens, 0).concat(), symbols.decode(&tokens).unwrap(), "{kind:?}");
        }
        let numbers = Symbols::Numbers(12);
        assert_eq!(pieces(&numbers, &[3, 11, 0], 1), ["11 ", "0 "]);
    }
}
