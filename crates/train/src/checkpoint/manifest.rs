//! `manifest.json`: what a checkpoint consists of, sealed against damage to itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anther_data::sha256_hex;
use serde::{Deserialize, Serialize};

use super::{Damage, MANIFEST_FILE};

/// The format written and the only one read.
pub const MANIFEST_FORMAT: u64 = 1;
/// The most bytes of a manifest, 1 MiB.
pub const MANIFEST_LIMIT: u64 = 1 << 20;

/// The table of contents of a checkpoint.
///
/// In the file a last field `sha256` follows, the digest of every byte before the comma in front of it. The bytes from
/// that comma on have one permitted spelling, so that no bit of the file can change unnoticed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`MANIFEST_FORMAT`].
    pub format: u64,
    /// Optimiser steps done.
    pub step: u64,
    /// Numbers in `model.safetensors`.
    pub parameters: u64,
    /// Every file but this one.
    pub files: Vec<FileEntry>,
    /// Facts for people.
    pub metadata: BTreeMap<String, String>,
}

/// One file of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Its name in the directory.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256 in lower-case hexadecimal.
    pub sha256: String,
}

#[derive(Deserialize)]
struct Probe {
    format: u64,
}

const SEAL_START: &str = ",\n  \"sha256\": \"";
const SEAL_END: &str = "\"\n}\n";
const DIGEST: usize = 64;

impl Manifest {
    /// The bytes of the file, or what is wrong with the content.
    pub(super) fn encode(&self) -> Result<Vec<u8>, String> {
        let mut text = serde_json::to_string_pretty(self).map_err(|error| error.to_string())?;
        text.truncate(text.len() - "\n}".len());
        let seal = sha256_hex(text.as_bytes());
        text.extend([SEAL_START, &seal, SEAL_END]);
        if text.len() as u64 > MANIFEST_LIMIT {
            return Err(format!(
                "{MANIFEST_FILE} would hold {} bytes, at most {MANIFEST_LIMIT} are allowed",
                text.len()
            ));
        }
        Ok(text.into_bytes())
    }

    /// Reads a manifest: size, seal, version and then content. `path` is for the message.
    ///
    /// # Errors
    /// [`Damage::Seal`], [`Damage::NewerManifest`] or [`Damage::Manifest`].
    pub fn decode(bytes: &[u8], path: &Path) -> Result<Self, Damage> {
        let wrong = |reason: String| Damage::Manifest { path: path.to_path_buf(), reason };
        if bytes.len() as u64 > MANIFEST_LIMIT {
            return Err(wrong(format!("it holds more than {MANIFEST_LIMIT} bytes")));
        }
        let body = unseal(bytes).ok_or_else(|| Damage::Seal { path: path.to_path_buf() })?;
        let mut json = body.to_vec();
        json.extend(b"\n}");
        let probe: Probe = serde_json::from_slice(&json).map_err(|error| wrong(error.to_string()))?;
        if probe.format != MANIFEST_FORMAT {
            return Err(Damage::NewerManifest { path: path.to_path_buf(), found: probe.format });
        }
        let manifest: Self = serde_json::from_slice(&json).map_err(|error| wrong(error.to_string()))?;
        let mut names = BTreeSet::from([MANIFEST_FILE]);
        for file in &manifest.files {
            if !is_plain_name(&file.name) || !names.insert(&file.name) {
                return Err(wrong(format!("{:?} is no file name or is there twice", file.name)));
            }
        }
        Ok(manifest)
    }
}

/// The bytes that the seal covers, if it is there and right.
fn unseal(bytes: &[u8]) -> Option<&[u8]> {
    let rest = bytes.strip_suffix(SEAL_END.as_bytes())?;
    let (rest, digest) = rest.split_at_checked(rest.len().checked_sub(DIGEST)?)?;
    let body = rest.strip_suffix(SEAL_START.as_bytes())?;
    (sha256_hex(body).as_bytes() == digest).then_some(body)
}

/// Whether a name is one plain component that every file system takes: a hostile manifest must not reach outside.
pub(super) fn is_plain_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    name.len() <= 100 && name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(plain)
}
