//! Named `f32` tensors to the bytes of a safetensors file and back.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensorError, SafeTensors, View};
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use super::snapshot::{LoadedTensor, NamedTensor, check_tensors};

/// The most bytes of a header, 16 MiB: some hundred thousand tensors.
pub const HEADER_LIMIT: u64 = 16 << 20;

/// Why a safetensors file could not be made or understood.
#[derive(Debug, thiserror::Error)]
pub enum TensorFileError {
    /// The tensors cannot be written as they are.
    #[error("the tensors cannot be written: {reason}")]
    Encode {
        /// What is wrong with which.
        reason: String,
    },
    /// The file is not valid safetensors.
    #[error("{} is not a valid safetensors file: {reason}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The rule that is broken.
        reason: String,
    },
    /// The header is longer than [`HEADER_LIMIT`].
    #[error("{} announces a header of {bytes} bytes, at most {HEADER_LIMIT} are allowed", path.display())]
    HeaderTooLarge {
        /// The file.
        path: PathBuf,
        /// Length announced.
        bytes: u64,
    },
    /// Two tensors have one name.
    #[error("{} has the tensor {name:?} twice", path.display())]
    Duplicate {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// A tensor is not made of 32-bit floats.
    #[error("{}: the tensor {name:?} holds {found}, only F32 is read; convert it first", path.display())]
    Dtype {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Its element type.
        found: String,
    },
}

struct Bytes<'a>(&'a NamedTensor<'a>);

impl View for Bytes<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }
    fn shape(&self) -> &[usize] {
        self.0.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        let mut bytes = vec![0; self.data_len()];
        let (numbers, _) = bytes.as_chunks_mut::<4>();
        for (number, x) in numbers.iter_mut().zip(self.0.data) {
            *number = x.to_le_bytes();
        }
        bytes.into()
    }
    fn data_len(&self) -> usize {
        size_of_val(self.0.data)
    }
}

/// The bytes of a safetensors file, tensors sorted by name. The same tensors give the same bytes.
///
/// The metadata is the single entry `format = pt`, without which Hugging Face's loader refuses a file.
///
/// # Errors
/// [`TensorFileError::Encode`] for a name used twice, a shape that is not the data's, or a header above the limit.
pub fn encode_tensors(tensors: &[NamedTensor]) -> Result<Vec<u8>, TensorFileError> {
    let refused = |reason| TensorFileError::Encode { reason };
    check_tensors(tensors).map_err(refused)?;
    let views = tensors.iter().map(|tensor| (tensor.name, Bytes(tensor)));
    // One entry has one order.
    #[expect(clippy::disallowed_types, reason = "the type that safetensors takes")]
    let metadata = std::collections::HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let bytes = safetensors::serialize(views, Some(metadata)).map_err(|error| refused(error.to_string()))?;
    match header_length(&bytes) {
        Some(length) if length <= HEADER_LIMIT => Ok(bytes),
        _ => Err(refused(format!("their names and shapes take more than {HEADER_LIMIT} bytes"))),
    }
}

/// The tensors in the bytes of a safetensors file, sorted by name; `what` is the file, for the message.
///
/// Stricter than the format in three ways: the header limit, no name twice (JSON would let the last one win), and `F32`
/// only. Values are not looked at: a NaN is a valid number here.
///
/// # Errors
/// See [`TensorFileError`]. No input panics, and memory stays within the size of the input and of its header.
pub fn decode_tensors(bytes: &[u8], what: &Path) -> Result<Vec<LoadedTensor>, TensorFileError> {
    let path = || what.to_path_buf();
    let invalid = |reason: String| TensorFileError::Invalid { path: path(), reason };
    let length = header_length(bytes).ok_or_else(|| invalid(SafeTensorError::HeaderTooSmall.to_string()))?;
    if length > HEADER_LIMIT {
        return Err(TensorFileError::HeaderTooLarge { path: path(), bytes: length });
    }
    let header = usize::try_from(length)
        .ok()
        .and_then(|length| bytes[8..].get(..length))
        .ok_or_else(|| invalid(SafeTensorError::InvalidHeaderLength.to_string()))?;
    if header.first() != Some(&b'{') {
        return Err(invalid("its header does not start with `{`".to_owned()));
    }
    let names = serde_json::Deserializer::from_slice(header)
        .deserialize_map(Names)
        .map_err(|error| invalid(format!("invalid JSON in header: {error}")))?;
    if let Err(name) = names {
        return Err(TensorFileError::Duplicate { path: path(), name });
    }
    let (_, table) = SafeTensors::read_metadata(bytes).map_err(|error| invalid(error.to_string()))?;
    let data = &bytes[8 + header.len()..];
    let mut tensors = Vec::new();
    for name in table.offset_keys() {
        let info = table.info(&name).ok_or_else(|| invalid(format!("the tensor {name:?} is not described")))?;
        if info.dtype != Dtype::F32 {
            return Err(TensorFileError::Dtype { path: path(), name, found: format!("{:?}", info.dtype) });
        }
        let (start, end) = info.data_offsets;
        let raw = data.get(start..end).ok_or_else(|| invalid(format!("the tensor {name:?} ends past the file")))?;
        let (numbers, _) = raw.as_chunks::<4>();
        let data = numbers.iter().map(|&number| f32::from_le_bytes(number)).collect();
        tensors.push(LoadedTensor { name, shape: info.shape.clone(), data });
    }
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(tensors)
}

fn header_length(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk::<8>().map(|length| u64::from_le_bytes(*length))
}

/// Visits the keys of the header; the result is the first that comes twice, as an `Err`.
struct Names;

impl<'de> Visitor<'de> for Names {
    type Value = Result<(), String>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a table of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut seen = BTreeSet::new();
        let mut twice = None;
        while let Some((name, IgnoredAny)) = map.next_entry::<String, IgnoredAny>()? {
            if twice.is_none() && seen.contains(&name) {
                twice = Some(name);
            } else {
                seen.insert(name);
            }
        }
        Ok(twice.map_or(Ok(()), Err))
    }
}
