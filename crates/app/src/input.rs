//! What the program is given to read: whole texts, up to a limit.

use std::io::Read;

use crate::failure::Failure;

/// A mistake of usage about something that was to be read.
pub fn refused(what: &str, why: &str) -> Failure {
    Failure::usage(anyhow::anyhow!("{what} cannot be used: {why}"))
}

/// All of a text of at most so many bytes; `what` names it in messages.
///
/// # Errors
/// A mistake of usage if it cannot be read, is not UTF-8, or is longer.
pub fn text(from: impl Read, what: &str, limit: u64) -> Result<String, Failure> {
    let mut text = String::new();
    let read = from.take(limit + 1).read_to_string(&mut text).map_err(|error| refused(what, &error.to_string()))?;
    if read as u64 > limit {
        return Err(refused(what, &format!("it has more than {limit} bytes; give it in parts")));
    }
    Ok(text)
}
