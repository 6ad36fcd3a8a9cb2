//! Reading texts: the split, and files that are no texts.

use std::fs;

use anther_data::text::CharText;
use anther_data::{DataError, Split};

use crate::support::assert_sentence;

fn load(bytes: &[u8]) -> Result<CharText, DataError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text.txt");
    fs::write(&path, bytes).unwrap();
    CharText::load(&path, 0.9)
}

#[test]
fn the_first_part_is_for_training_and_the_vocabulary_for_both() {
    let text = load("aabbccddeeffggé".as_bytes()).unwrap();
    // 15 characters: floor(13.5) for training.
    assert_eq!(&**text.tokens(Split::Train), [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6]);
    assert_eq!(&**text.tokens(Split::Validation), [6, 7]);
    assert_eq!(text.vocabulary().characters().last(), Some(&'é'));
}

#[test]
fn a_file_and_the_same_text_in_memory_agree() {
    let (file, memory) = (load(b"hello world").unwrap(), CharText::from_text("hello world", 0.9).unwrap());
    assert_eq!(file.vocabulary(), memory.vocabulary());
    for split in [Split::Train, Split::Validation] {
        assert_eq!(**file.tokens(split), **memory.tokens(split));
    }
}

#[test]
fn a_byte_order_mark_before_a_text_is_none_of_it() {
    let (marked, plain) =
        (load("\u{feff}hello\u{feff}".as_bytes()).unwrap(), load("hello\u{feff}".as_bytes()).unwrap());
    assert_eq!(marked.vocabulary(), plain.vocabulary());
    assert_eq!(**marked.tokens(Split::Train), **plain.tokens(Split::Train));
    assert!(matches!(load("\u{feff}".as_bytes()), Err(DataError::EmptyText { .. })));
    // Places are those of the file.
    assert!(matches!(load("\u{feff}a\0".as_bytes()), Err(DataError::Nul { offset: 4, .. })));
}

#[test]
fn fractions_must_leave_something_for_both() {
    for fraction in [0.0, 1.0, -0.5, 1.5, f64::NAN, f64::INFINITY] {
        let error = CharText::from_text("abc", fraction).unwrap_err();
        assert!(matches!(error, DataError::Fraction { .. }), "{fraction}");
    }
    // The fraction is looked at before the file is.
    assert!(matches!(CharText::load("no/such/file", 2.0), Err(DataError::Fraction { .. })));
}

#[test]
fn paths_that_are_no_files() {
    let folder = tempfile::tempdir().unwrap();
    let missing = CharText::load(folder.path().join("input.txt"), 0.9).unwrap_err();
    assert!(matches!(missing, DataError::Missing { .. }));
    assert_sentence(&missing, &["input.txt", "does not exist"]);
    let directory = CharText::load(folder.path(), 0.9).unwrap_err();
    assert!(matches!(directory, DataError::NotAFile { kind: "directory", .. }));
    assert_sentence(&directory, &["directory"]);
    let below_a_file = folder.path().join("file");
    fs::write(&below_a_file, "x").unwrap();
    assert!(matches!(CharText::load(below_a_file.join("y"), 0.9), Err(DataError::Io { .. })));
}

#[test]
fn bytes_that_are_no_text() {
    assert!(matches!(load(b""), Err(DataError::EmptyText { .. })));
    let wrong = load(b"good \xff bad").unwrap_err();
    assert!(matches!(wrong, DataError::NotUtf8 { offset: 5, .. }));
    assert_sentence(&wrong, &["text.txt", "byte 5", "UTF-8"]);
    // Cut off in the middle of a character.
    assert!(matches!(load(&"aé".as_bytes()[..2]), Err(DataError::NotUtf8 { offset: 1, .. })));
    let nul = load("é\0".as_bytes()).unwrap_err();
    assert!(matches!(nul, DataError::Nul { offset: 2, .. }));
    assert_sentence(&nul, &["text.txt", "NUL", "byte 2"]);
}
