//! Manifests as they are written, before anything but their keys is checked.

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenManifest {
    pub name: String,
    pub licence: String,
    pub files: Vec<WrittenFile>,
    #[serde(default)]
    pub joins: Vec<WrittenJoin>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenFile {
    pub url: String,
    pub path: String,
    pub bytes: Option<u64>,
    pub max_bytes: Option<u64>,
    pub sha256: Option<String>,
    pub md5: Option<String>,
    pub checksum: Option<String>,
    pub unpack: Option<String>,
    pub max_unpacked: Option<u64>,
    pub max_entries: Option<u64>,
    #[serde(default)]
    pub members: Vec<WrittenMember>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenMember {
    pub from: Option<String>,
    pub path: String,
    pub bytes: Option<u64>,
    pub max_bytes: Option<u64>,
    pub sha256: Option<String>,
    pub md5: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenJoin {
    pub path: String,
    pub parts: Vec<String>,
}
