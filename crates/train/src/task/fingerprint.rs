//! A digest of what the batches of a task depend on.

use sha2::{Digest, Sha256};

/// SHA-256 of some data, given part by part.
#[derive(Default)]
pub(super) struct Fingerprint(Sha256);

impl Fingerprint {
    /// Adds bytes.
    pub(super) fn bytes(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.update(bytes);
    }

    /// Adds a sequence of tokens with its length.
    pub(super) fn tokens(&mut self, tokens: &[u32]) {
        self.bytes((tokens.len() as u64).to_le_bytes());
        for part in tokens.chunks(4096) {
            self.bytes(part.iter().flat_map(|token| token.to_le_bytes()).collect::<Vec<u8>>());
        }
    }

    /// The digest in hexadecimal digits.
    pub(super) fn finish(self) -> String {
        self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
