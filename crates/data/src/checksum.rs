//! SHA-256 of bytes and of files.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

/// SHA-256 of some bytes as 64 lower-case hexadecimal digits.
///
/// ```
/// let sum = anther_data::sha256_hex(b"");
/// assert!(sum.starts_with("e3b0c44298fc1c14"));
/// ```
pub fn sha256_hex(bytes: &[u8]) -> String {
    Running::default().with(bytes).finish()
}

/// SHA-256 of a file, read in pieces of 64 KiB.
///
/// # Errors
/// Whatever the operating system says.
pub fn sha256_file(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut sum = Running::default();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(sum.finish()),
            Ok(read) => sum = sum.with(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A sum that is not finished.
#[derive(Default)]
pub(crate) struct Running(Sha256);

impl Running {
    /// The sum with `bytes` after what it has seen.
    pub(crate) fn with(mut self, bytes: &[u8]) -> Self {
        self.0.update(bytes);
        self
    }

    /// The 64 digits.
    pub(crate) fn finish(self) -> String {
        self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
