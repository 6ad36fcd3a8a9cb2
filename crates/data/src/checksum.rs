//! SHA-256 of bytes.

use sha2::{Digest, Sha256};

/// SHA-256 of some bytes as 64 lower-case hexadecimal digits.
///
/// ```
/// let sum = anther_data::sha256_hex(b"");
/// assert!(sum.starts_with("e3b0c44298fc1c14"));
/// ```
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
