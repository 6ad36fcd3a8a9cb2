//! What several modules need.

use std::path::PathBuf;

/// The directory of the real data sets, or a visible line that says that a test is skipped.
///
/// A relative `ANTHER_DATA` is taken from the root of the workspace, because cargo runs tests in the folder of their package.
pub fn real_data() -> Option<PathBuf> {
    match std::env::var_os("ANTHER_DATA").filter(|value| !value.is_empty()) {
        Some(value) => Some(workspace_root().join(value)),
        None => {
            println!("skipped: ANTHER_DATA is not set");
            None
        }
    }
}

/// The root of the workspace.
pub fn workspace_root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Checks that an error is one clear sentence that has certain words in it.
#[track_caller]
pub fn assert_sentence(error: &impl std::fmt::Display, words: &[&str]) {
    let sentence = error.to_string();
    assert!(!sentence.contains('\n'), "more than one line: {sentence}");
    for word in words {
        assert!(sentence.contains(word), "{word:?} is not in: {sentence}");
    }
}
