//! Small structures to bytes and back: the training state that goes into `state.bin`.
//!
//! The payload is bincode (fixed-size integers, little-endian) behind 16 bytes of our own:
//!
//! | bytes | what |
//! |---|---|
//! | 0..4 | the letters `ANTH` |
//! | 4..6 | format version, [`VERSION`] |
//! | 6..8 | zero |
//! | 8..12 | length of the payload |
//! | 12..16 | CRC-32 of bytes 0..12 and the payload |
//!
//! This is the only module that names bincode, so that another encoding costs one file and one version. Weights never
//! pass through here: they are safetensors.

use std::path::{Path, PathBuf};

use bincode::Options;
use serde::{Serialize, de::DeserializeOwned};

/// The format written and the only one read.
pub const VERSION: u16 = 1;
/// The most bytes a payload may have, 64 MiB: no hostile length can ask for more memory than that.
pub const LIMIT: u64 = 64 << 20;
/// Bytes in front of the payload.
pub const HEADER: usize = 16;

const MAGIC: [u8; 4] = *b"ANTH";

/// Why bytes could not be made or understood.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// The value cannot be written.
    #[error("the training state cannot be encoded: {reason}; at most {limit} bytes are allowed", limit = LIMIT)]
    Encode {
        /// What the encoder said.
        reason: String,
    },
    /// The file is shorter than a header or longer than the limit.
    #[error("{} holds {bytes} bytes, but a state file has {HEADER} to {limit}; restore it from another checkpoint",
        path.display(), limit = LIMIT + HEADER as u64)]
    Size {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// The file does not start as it should.
    #[error("{} is not a state file: it does not start with a valid header", path.display())]
    Magic {
        /// The file.
        path: PathBuf,
    },
    /// The file was written in a format of another version.
    #[error("{} has format version {found}, this program reads version {VERSION}; use the program that wrote it", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u16,
    },
    /// The header announces another length than the file has.
    #[error("{} announces {announced} bytes of content and holds {found}; it is truncated or damaged", path.display())]
    Length {
        /// The file.
        path: PathBuf,
        /// Length in the header.
        announced: u32,
        /// Length that is there.
        found: u64,
    },
    /// The checksum differs.
    #[error("{} is damaged: its checksum does not match its content", path.display())]
    Checksum {
        /// The file.
        path: PathBuf,
    },
    /// The content is not the structure asked for.
    #[error("{} cannot be decoded: {reason}", path.display())]
    Decode {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        reason: String,
    },
}

fn options(limit: u64) -> impl Options {
    bincode::DefaultOptions::new().with_limit(limit).with_fixint_encoding().with_little_endian().reject_trailing_bytes()
}

/// The value with its header, ready to be written. The same value gives the same bytes.
///
/// # Errors
/// [`CodecError::Encode`] for a value larger than [`LIMIT`] or one that bincode cannot express.
///
/// ```
/// use std::path::Path;
/// let bytes = anther_train::codec::encode(&(3_u32, "warm".to_owned()))?;
/// let back: (u32, String) = anther_train::codec::decode(&bytes, Path::new("state.bin"))?;
/// assert_eq!(back, (3, "warm".to_owned()));
/// # Ok::<(), anther_train::codec::CodecError>(())
/// ```
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, CodecError> {
    let payload = options(LIMIT).serialize(value).map_err(|error| CodecError::Encode { reason: error.to_string() })?;
    let length = u32::try_from(payload.len()).map_err(|error| CodecError::Encode { reason: error.to_string() })?;
    let mut bytes = Vec::with_capacity(HEADER + payload.len());
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend([0, 0]);
    bytes.extend(length.to_le_bytes());
    let sum = checksum(&bytes, &payload);
    bytes.extend(sum.to_le_bytes());
    bytes.extend(payload);
    Ok(bytes)
}

/// The value in `bytes`; `what` is the file they came from, for the message.
///
/// Size, header, version, length and checksum are verified before anything is decoded.
///
/// # Errors
/// One variant of [`CodecError`] for each of them, and [`CodecError::Decode`] when the content is not a `T` or is longer.
pub fn decode<T: DeserializeOwned>(bytes: &[u8], what: &Path) -> Result<T, CodecError> {
    let path = || what.to_path_buf();
    let size = bytes.len() as u64;
    let Some((header, payload)) = bytes.split_first_chunk::<HEADER>() else {
        return Err(CodecError::Size { path: path(), bytes: size });
    };
    if payload.len() as u64 > LIMIT {
        return Err(CodecError::Size { path: path(), bytes: size });
    }
    if header[..4] != MAGIC || header[6..8] != [0, 0] {
        return Err(CodecError::Magic { path: path() });
    }
    let found = u16::from_le_bytes([header[4], header[5]]);
    if found != VERSION {
        return Err(CodecError::Version { path: path(), found });
    }
    let announced = u32::from_le_bytes([header[8], header[9], header[10], header[11]]);
    if u64::from(announced) != payload.len() as u64 {
        return Err(CodecError::Length { path: path(), announced, found: payload.len() as u64 });
    }
    let sum = u32::from_le_bytes([header[12], header[13], header[14], header[15]]);
    if sum != checksum(&header[..12], payload) {
        return Err(CodecError::Checksum { path: path() });
    }
    // The payload's own length is a tighter limit than LIMIT: a list cannot claim more than is there.
    options(payload.len() as u64)
        .deserialize(payload)
        .map_err(|error| CodecError::Decode { path: path(), reason: error.to_string() })
}

fn checksum(header: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(header);
    hasher.update(payload);
    hasher.finalize()
}
