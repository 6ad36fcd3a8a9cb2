//! Characters, bytes and words: both directions, special tokens, and the stored form.

use anther_data::tokenizer::{
    BEGIN, END, MASK, MAX_TOKENS, PADDING, Special, Tokenizer, TokenizerConfig, TokenizerError, TokenizerKind, UNKNOWN,
    count_words,
};
use proptest::prelude::*;

use crate::support::assert_sentence;

fn train(kind: TokenizerKind, size: usize, least: usize, text: &str) -> Tokenizer {
    Tokenizer::train(&TokenizerConfig { kind, size, least }, [text].into_iter()).unwrap()
}

const KINDS: [TokenizerKind; 3] = [TokenizerKind::Characters, TokenizerKind::Bytes, TokenizerKind::Words];

#[test]
fn characters_come_after_the_special_tokens_in_order() {
    let tokenizer = train(TokenizerKind::Characters, 0, 0, "bäca");
    assert_eq!((tokenizer.len(), tokenizer.encode("abcä")), (9, vec![5, 6, 7, 8]));
    assert_eq!(tokenizer.encode("a?ä"), [5, UNKNOWN, 8]);
    assert_eq!(tokenizer.decode(&[BEGIN, 5, UNKNOWN, 8, END, PADDING, MASK, 9, u32::MAX]), "aä");
}

#[test]
fn bytes_are_all_there_is() {
    let tokenizer = train(TokenizerKind::Bytes, 0, 0, "");
    assert_eq!((tokenizer.len(), tokenizer.encode("aä")), (261, vec![102, 200, 169]));
    assert_eq!(tokenizer.decode(&[102, 200]), "a\u{fffd}");
    assert_eq!(tokenizer.decode(&[BEGIN, 102, 261, 99_999, END]), "a");
}

#[test]
fn words_are_ordered_by_frequency_and_then_by_name() {
    let tokenizer = train(TokenizerKind::Words, 8, 1, "b c b a\nc b\n");
    // b 3, then c, which is before the end of a line by its bytes only after it: `<eos>` 2, c 2; a finds no place.
    assert_eq!(tokenizer.len(), 8);
    assert_eq!(tokenizer.encode("b\nc a"), [5, 6, 7, UNKNOWN]);
    assert_eq!(tokenizer.decode(&tokenizer.encode(" b  c\n\nb c")), "b c\n\nb c");
    let twice = train(TokenizerKind::Words, 100, 2, "x y x");
    assert_eq!((twice.len(), twice.encode("x y")), (6, vec![5, UNKNOWN]));
}

#[test]
fn a_text_cannot_say_special_tokens() {
    let text = "<s> <pad> <unk> word <mask> </s> <s> <pad>";
    for kind in KINDS {
        let tokenizer = train(kind, 100, 1, text);
        let forbidden = tokenizer.encode(text).into_iter().filter(|token| [PADDING, BEGIN, END, MASK].contains(token));
        assert_eq!(forbidden.count(), 0, "{kind:?}");
    }
    let words = train(TokenizerKind::Words, 100, 1, text);
    assert_eq!(words.encode(text).iter().filter(|&&token| token == UNKNOWN).count(), 7);
}

#[test]
fn words_are_counted_with_line_ends() {
    assert_eq!(count_words(" \n = Title = \n \n one <unk> @-@ two \n"), 3 + 4 + 4);
    assert_eq!((count_words(""), count_words("no line end"), count_words("a\r\nb\n")), (0, 3, 4));
}

#[test]
fn all_kinds_have_the_same_special_tokens() {
    for kind in KINDS {
        assert_eq!(train(kind, 10, 1, "a b").special(), Special::OURS);
    }
}

#[test]
fn the_stored_form_comes_back() {
    for kind in KINDS {
        let tokenizer = train(kind, 50, 1, "a text \"with\" \\ signs\nand ünï\u{1}code\n");
        let json = tokenizer.to_json();
        let back = Tokenizer::from_json(&json, "memory").unwrap();
        assert_eq!((&back, back.kind(), back.to_json()), (&tokenizer, kind, json));
        assert_eq!(back.encode("a text ünï?"), tokenizer.encode("a text ünï?"));
    }
    assert_ne!(train(TokenizerKind::Words, 50, 1, "a b a"), train(TokenizerKind::Words, 50, 1, "b a b"));
}

#[test]
fn what_cannot_be_trained_is_refused() {
    let train = |kind, size, text: &'static str| {
        Tokenizer::train(&TokenizerConfig { kind, size, least: 1 }, [text].into_iter()).unwrap_err()
    };
    assert_eq!(train(TokenizerKind::Characters, 0, ""), TokenizerError::Empty);
    assert_eq!(train(TokenizerKind::Words, 10, " "), TokenizerError::Empty);
    assert_sentence(&train(TokenizerKind::Words, 5, "a"), &["between 6 and", "but 5"]);
    assert_sentence(&train(TokenizerKind::Words, MAX_TOKENS + 1, "a"), &["4194305"]);
}

#[test]
fn damaged_json_is_an_error() {
    let cases = [
        ("", "EOF"),
        ("[]", "kind"),
        ("7", "invalid type"),
        (r#"{"kind":"letters"}"#, "letters"),
        (r#"{"kind":"characters","characters":"ba"}"#, "ascending"),
        (r#"{"kind":"characters","characters":""}"#, "ascending"),
        (r#"{"kind":"bytes","more":1}"#, "more"),
        (r#"{"kind":"words","words":["a","a"]}"#, "twice"),
        (r#"{"kind":"words","words":["a b"]}"#, "\"a b\""),
        (r#"{"kind":"words","words":[""]}"#, "\"\""),
        (r#"{"kind":"words","words":["<s>"]}"#, "<s>"),
        (r#"{"kind":"words","words":[1]}"#, "integer"),
    ];
    for (json, words) in cases {
        assert_sentence(&Tokenizer::from_json(json, "run/tokenizer.json").unwrap_err(), &["run/tokenizer.json", words]);
    }
}

#[cfg(not(feature = "tokenizers"))]
#[test]
fn byte_pairs_need_the_feature() {
    let config = TokenizerConfig { kind: TokenizerKind::Bpe, ..TokenizerConfig::default() };
    let error = Tokenizer::train(&config, ["a"].into_iter()).unwrap_err();
    assert_sentence(&error, &["feature `tokenizers`", "\"words\""]);
    assert_eq!(Tokenizer::from_json(r#"{"model":{}}"#, "x").unwrap_err(), error);
}

proptest! {
    #[test]
    fn every_text_survives_as_bytes_and_known_characters(text in "\\PC{1,40}|.{1,40}") {
        let bytes = train(TokenizerKind::Bytes, 0, 0, "");
        prop_assert_eq!(bytes.decode(&bytes.encode(&text)), text.clone());
        let characters = train(TokenizerKind::Characters, 0, 0, &text);
        prop_assert_eq!(characters.decode(&characters.encode(&text)), text.clone());
        prop_assert!(bytes.encode(&text).iter().all(|&token| (token as usize) < bytes.len()));
    }

    #[test]
    fn words_survive_but_for_spaces(words in prop::collection::vec("[a-c]{1,2}|\n", 1..30)) {
        let text = words.join(" ");
        let tokenizer = train(TokenizerKind::Words, 100, 1, &text);
        let back = tokenizer.decode(&tokenizer.encode(&text));
        prop_assert_eq!(tokenizer.encode(&back), tokenizer.encode(&text));
        prop_assert_eq!(tokenizer.encode(&text).len(), count_words(&text));
    }
}
