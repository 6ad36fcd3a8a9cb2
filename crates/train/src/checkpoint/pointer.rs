//! `latest` and `best`: one line with the name of a checkpoint and the SHA-256 of its manifest.
//!
//! With the digest in it, a damaged pointer cannot quietly name another checkpoint that exists.

use std::io;
use std::path::Path;

use super::Damage;
use super::store::parse_step;
use crate::fs::Fs;

/// The content of a pointer file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pointer {
    /// A name such as `step-00000500`.
    pub name: String,
    /// Digest of the manifest in it.
    pub sha256: String,
}

impl Pointer {
    pub(super) fn to(name: &str, manifest: &[u8]) -> Self {
        Self { name: name.to_owned(), sha256: anther_data::sha256_hex(manifest) }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        format!("{} {}\n", self.name, self.sha256).into_bytes()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let line = str::from_utf8(bytes).ok()?.strip_suffix('\n')?;
        let (name, digest) = line.split_once(' ')?;
        parse_step(name)?;
        let hex = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
        (digest.len() == 64 && digest.bytes().all(hex))
            .then(|| Self { name: name.to_owned(), sha256: digest.to_owned() })
    }

    /// Reads a pointer; `None` when there is none.
    pub(super) fn read<F: Fs>(fs: &F, path: &Path) -> Result<Option<Self>, Damage> {
        match fs.read(path, 256) {
            Ok(bytes) => Self::decode(&bytes).map(Some).ok_or_else(|| Damage::Pointer { path: path.to_path_buf() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Damage::Read { path: path.to_path_buf(), source }),
        }
    }
}
