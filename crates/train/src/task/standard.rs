//! What images were standardised by, as a file of a checkpoint: whoever uses the model elsewhere has to do the same, and may not have the data.

use anther_data::images::Standard;

use crate::codec::CodecError;

/// The name of the file.
const FILE: &str = "standard.json";

/// The file of a checkpoint: name and contents.
pub(crate) fn standard_file(standard: &Standard) -> Result<(String, Vec<u8>), CodecError> {
    let json = serde_json::to_vec(standard).map_err(|error| CodecError::Encode { reason: error.to_string() })?;
    Ok((FILE.to_owned(), json))
}

/// What the files of a checkpoint say, or what is wrong with it. Those of older versions say nothing.
pub(crate) fn restored_standard(files: &[(String, Vec<u8>)]) -> Result<Option<Standard>, String> {
    let file = files.iter().find(|(name, _)| name == FILE);
    let read = |(_, bytes): &(String, Vec<u8>)| serde_json::from_slice(bytes);
    file.map(read).transpose().map_err(|error| format!("{FILE}: {error}"))
}
