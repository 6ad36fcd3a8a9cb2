//! Scripts for shells.

use std::process::Stdio;

use crate::support::Place;

#[test]
fn every_shell_learns_the_flags() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = Place::new().ok(&["completions", shell]).stdout;
        for word in ["anther", "resume", "temperature"] {
            assert!(script.contains(word), "the script for {shell} has no {word}");
        }
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    // The script is larger than what a pipe holds, and its only reader is gone at once.
    let mut child =
        Place::new().command(&["completions", "zsh"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}
