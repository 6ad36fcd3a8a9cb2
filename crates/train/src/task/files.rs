//! Files that recipes of several tasks name.

use anther_data::tokenizer::{MAX_JSON_BYTES, Tokenizer};
use anther_data::{DataDir, read_packed_text};

use super::TaskError;

/// The tokenizer in a file.
pub(crate) fn tokenizer(path: &str, data: &DataDir) -> Result<Tokenizer, TaskError> {
    let path = data.named(path, None)?;
    let json = read_packed_text(&path, MAX_JSON_BYTES as u64)?;
    Ok(Tokenizer::from_json(&json, &path.display().to_string())?)
}
