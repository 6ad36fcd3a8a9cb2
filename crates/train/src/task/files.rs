//! Where the files that a recipe names are.

use std::path::{Component, Path, PathBuf};

use anther_data::tokenizer::{MAX_JSON_BYTES, Tokenizer};
use anther_data::{DataDir, DataError, read_packed_text};

use super::TaskError;

/// The path as it is if there is something there, otherwise below the data directory.
pub(super) fn find(path: &str, data: &DataDir) -> Result<PathBuf, DataError> {
    let plain = Path::new(path);
    let relative = matches!(plain.components().next(), Some(Component::CurDir | Component::ParentDir));
    // A path that is no place below a data directory can only be meant as it is, and fails by its own name.
    if plain.exists() || plain.is_absolute() || relative {
        return Ok(plain.to_path_buf());
    }
    data.find(plain)
}

/// The tokenizer in a file.
pub(super) fn tokenizer(path: &str, data: &DataDir) -> Result<Tokenizer, TaskError> {
    let path = find(path, data)?;
    let json = read_packed_text(&path, MAX_JSON_BYTES as u64)?;
    Ok(Tokenizer::from_json(&json, &path.display().to_string())?)
}
