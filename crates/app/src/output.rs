//! The two streams: results on one, everything for the eyes on the other.

use std::fs::{OpenOptions, remove_file};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use crate::failure::Failure;

/// Writes a result, and a line end if it has none, to the standard output.
///
/// A reader that has gone, as `head` does, is no error: it has what it wanted.
///
/// # Errors
/// Whatever else the system refuses, such as a full disk.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let end = if text.ends_with('\n') { "" } else { "\n" };
    let written = write!(stdout, "{text}{end}").and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::from(anyhow::anyhow!("the result cannot be written to the standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes a JSON object as one line to the standard output.
///
/// # Errors
/// As [`print()`].
pub fn print_json(value: &serde_json::Value) -> Result<(), Failure> {
    print(&value.to_string())
}

/// Whether a file can be written, asked before the work whose result it is to hold. Leaves the place as it was.
///
/// # Errors
/// Whatever the system refuses.
pub fn check_place(path: &Path) -> Result<(), Failure> {
    let is_there = path.exists();
    if let Err(error) = OpenOptions::new().append(true).create(true).open(path) {
        return Err(Failure::from(anyhow::anyhow!(
            "the file {} cannot be written: {error}; name one in a directory that can be written to",
            path.display()
        )));
    }
    if !is_there {
        // One that stays is overwritten in the end.
        let _ = remove_file(path);
    }
    Ok(())
}

/// Writes a line for the eyes to the error stream; nobody can be told if that fails.
pub fn tell(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Tells why a command failed.
pub fn complain(failure: &Failure) {
    tell(&format!("error: {failure}"));
}

/// Tells what did not stop the command but must be known.
pub fn warn(message: &str) {
    tell(&format!("warning: {message}"));
}
