//! Named `f32` tensors to the bytes of a safetensors file and back.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use anther_transformer::hugging_face::{ForeignTensor, Numbers};
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
    let float = |entry: Entry<'_>| match numbers(entry.dtype, entry.raw) {
        Some(data) if entry.dtype == Dtype::F32 => Ok(LoadedTensor { name: entry.name, shape: entry.shape, data }),
        _ => Err(TensorFileError::Dtype {
            path: what.to_path_buf(),
            name: entry.name,
            found: format!("{:?}", entry.dtype),
        }),
    };
    entries(bytes, what)?.into_iter().map(float).collect()
}

/// As [`decode_tensors`] for a file of another program: numbers of 16 bits are widened, which is exact, and tensors of other types come without numbers.
///
/// # Errors
/// As [`decode_tensors`], but for types.
pub fn decode_foreign_tensors(bytes: &[u8], what: &Path) -> Result<Vec<ForeignTensor>, TensorFileError> {
    let foreign = |Entry { name, shape, dtype, raw }: Entry<'_>| {
        let numbers = numbers(dtype, raw).map_or_else(|| Numbers::Other(format!("{dtype:?}")), Numbers::F32);
        ForeignTensor { name, shape, numbers }
    };
    Ok(entries(bytes, what)?.into_iter().map(foreign).collect())
}

/// A tensor as it lies in a file.
struct Entry<'a> {
    name: String,
    shape: Vec<usize>,
    dtype: Dtype,
    raw: &'a [u8],
}

/// Numbers of 32 or 16 bits.
fn numbers(dtype: Dtype, raw: &[u8]) -> Option<Vec<f32>> {
    let (words, (halves, _)) = (raw.as_chunks::<4>().0, raw.as_chunks::<2>());
    Some(match dtype {
        Dtype::F32 => words.iter().map(|&number| f32::from_le_bytes(number)).collect(),
        Dtype::BF16 => halves.iter().map(|&[low, high]| f32::from_le_bytes([0, 0, low, high])).collect(),
        Dtype::F16 => halves.iter().map(|&half| widened(u16::from_le_bytes(half))).collect(),
        _ => return None,
    })
}

/// The number that 16 bits of IEEE 754 say: a sign, five bits of exponent, ten of fraction.
fn widened(half: u16) -> f32 {
    let (exponent, fraction) = (half >> 10 & 31, half & 1023);
    let magnitude = match exponent {
        0 => f32::from(fraction) * 2f32.powi(-24),
        31 if fraction == 0 => f32::INFINITY,
        31 => f32::NAN,
        _ => f32::from(1024 + fraction) * 2f32.powi(i32::from(exponent) - 25),
    };
    if half >> 15 == 1 { -magnitude } else { magnitude }
}

/// The tensors of a file, sorted by name.
fn entries<'a>(bytes: &'a [u8], what: &Path) -> Result<Vec<Entry<'a>>, TensorFileError> {
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
        let (start, end) = info.data_offsets;
        let raw = data.get(start..end).ok_or_else(|| invalid(format!("the tensor {name:?} ends past the file")))?;
        tensors.push(Entry { name, shape: info.shape.clone(), dtype: info.dtype, raw });
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
