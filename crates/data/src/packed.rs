//! Files that may be packed with gzip.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use thiserror::Error;

/// Why the bytes of a file could not be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The operating system refused.
    #[error("{origin} cannot be read: {source}")]
    Io {
        /// The file.
        origin: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The gzip stream is damaged or cut off.
    #[error("{origin} is packed with gzip and damaged: {reason}; fetch it again")]
    Damaged {
        /// The file.
        origin: String,
        /// What the unpacker said.
        reason: String,
    },
    /// More bytes than are allowed, unpacked.
    #[error("{origin} has more than {limit} bytes when it is unpacked, which is more than a file of its kind may have")]
    TooLong {
        /// The file.
        origin: String,
        /// How many are allowed.
        limit: u64,
    },
    /// Bytes that are no text.
    #[error("{origin}, line {line}: it is not UTF-8; convert it, for example with iconv")]
    NotUtf8 {
        /// The file.
        origin: String,
        /// The line, counted from 1.
        line: usize,
    },
    /// A NUL byte: the file is not a text.
    #[error("{origin}, line {line}: there is a NUL byte, so it is probably not a text; remove it")]
    Nul {
        /// The file.
        origin: String,
        /// The line, counted from 1.
        line: usize,
    },
    /// A line that is too long to be one.
    #[error(
        "{origin}, line {line}: the line has more than {limit} bytes, so the file is probably of another kind; divide the line"
    )]
    LongLine {
        /// The file.
        origin: String,
        /// The line, counted from 1.
        line: usize,
        /// How many bytes are allowed.
        limit: usize,
    },
}

/// The bytes of a file, unpacked if it begins like a gzip file, at most `limit` of them.
///
/// # Errors
/// [`ReadError`].
pub fn read_packed(path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
    let origin = path.display().to_string();
    let failed = |source| ReadError::Io { origin: origin.clone(), source };
    let mut file = BufReader::new(File::open(path).map_err(failed)?);
    let mut start = Vec::new();
    file.by_ref().take(2).read_to_end(&mut start).map_err(failed)?;
    let packed = start == [0x1f, 0x8b];
    let mut all = std::io::Cursor::new(start).chain(file);
    let mut bytes = Vec::new();
    let read = if packed {
        let damaged = |error: std::io::Error| ReadError::Damaged { origin: origin.clone(), reason: error.to_string() };
        MultiGzDecoder::new(BufReader::new(all)).take(limit + 1).read_to_end(&mut bytes).map_err(damaged)?
    } else {
        all.by_ref().take(limit + 1).read_to_end(&mut bytes).map_err(failed)?
    };
    if read as u64 > limit {
        return Err(ReadError::TooLong { origin, limit });
    }
    Ok(bytes)
}

/// The same as a text.
///
/// # Errors
/// [`ReadError`], also for bytes that are not UTF-8.
pub fn read_packed_text(path: &Path, limit: u64) -> Result<String, ReadError> {
    String::from_utf8(read_packed(path, limit)?).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        ReadError::NotUtf8 { origin: path.display().to_string(), line }
    })
}
