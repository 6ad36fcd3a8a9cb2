//! Character vocabularies: order, both directions, and the stored form.

use anther_data::DataError;
use anther_data::text::CharVocabulary;

use crate::support::assert_sentence;

fn vocabulary(text: &str) -> CharVocabulary {
    CharVocabulary::from_text(text).unwrap()
}

#[test]
fn characters_are_sorted_by_code_point_and_distinct() {
    assert_eq!(vocabulary("bäca\nA😀b").characters(), ['\n', 'A', 'a', 'b', 'c', 'ä', '😀']);
}

#[test]
fn decoding_undoes_encoding() {
    let text = "Größe, 😀 and\ttabs\r\n";
    let vocabulary = vocabulary(text);
    let tokens = vocabulary.encode(text).unwrap();
    assert_eq!(tokens.len(), text.chars().count());
    assert_eq!(vocabulary.decode(&tokens).unwrap(), text);
    assert_eq!(vocabulary.encode("").unwrap(), [0_u32; 0]);
}

#[test]
fn the_unknown_is_named() {
    let vocabulary = vocabulary("abc");
    let error = vocabulary.encode("ab\u{e9}x").unwrap_err();
    assert!(matches!(error, DataError::UnknownCharacter { character: 'é', index: 2, size: 3 }));
    assert_sentence(&error, &["character number 2", "'é'", "3 characters"]);
    // A control character must not break the sentence in two.
    assert_sentence(&vocabulary.encode("\n").unwrap_err(), &["'\\n'"]);
    let error = vocabulary.decode(&[0, 3]).unwrap_err();
    assert!(matches!(error, DataError::UnknownToken { token: 3, index: 1, size: 3 }));
    assert_sentence(&error, &["token number 1 is 3", "0 to 2"]);
}

#[test]
fn an_empty_text_has_no_vocabulary() {
    assert!(matches!(CharVocabulary::from_text(""), Err(DataError::EmptyText { .. })));
}

#[test]
fn the_stored_form_is_checked() {
    let stored = serde_json::to_string(&vocabulary("cab\n")).unwrap();
    assert_eq!(stored, "\"\\nabc\"");
    assert_eq!(serde_json::from_str::<CharVocabulary>(&stored).unwrap(), vocabulary("abc\n"));
    for (wrong, index) in [("\"\"", 0), ("\"aab\"", 1), ("\"acb\"", 2)] {
        let error = serde_json::from_str::<CharVocabulary>(wrong).unwrap_err();
        assert_sentence(&error, &[&format!("number {index} breaks")]);
    }
}
