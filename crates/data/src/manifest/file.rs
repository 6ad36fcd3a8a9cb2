//! The files of a manifest, each checked when it is made from what is written.

use std::fmt;

use super::written::{WrittenFile, WrittenJoin, WrittenMember};
use crate::address::Address;

/// The most bytes that are written of the members of one archive: 10 GiB, more than any data set that has a manifest here.
pub const MAX_WRITTEN_BYTES: u64 = 10 << 30;

/// The most entries of an archive whose manifest does not say more: 100,000. Most data sets have less than a hundred.
pub const MAX_ENTRIES: u64 = 100_000;

/// What is known of the size of a file before it is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// It has so many bytes.
    Exact(u64),
    /// It has at most so many: more are never read.
    AtMost(u64),
}

impl Size {
    /// The most bytes that are read.
    #[must_use]
    pub fn limit(self) -> u64 {
        match self {
            Size::Exact(bytes) | Size::AtMost(bytes) => bytes,
        }
    }

    /// Whether a file of so many bytes can be the one that is meant.
    #[must_use]
    pub fn allows(self, bytes: u64) -> bool {
        match self {
            Size::Exact(exact) => bytes == exact,
            Size::AtMost(limit) => bytes <= limit,
        }
    }

    fn read(bytes: Option<u64>, max_bytes: Option<u64>, path: &str) -> Result<Option<Self>, String> {
        match (bytes, max_bytes) {
            (Some(0), _) | (_, Some(0)) => Err(format!("the size of {path:?} is 0 bytes")),
            (Some(_), Some(_)) => {
                Err(format!("{path:?} has both bytes and max_bytes; keep bytes if the size is known"))
            }
            (Some(bytes), None) => Ok(Some(Size::Exact(bytes))),
            (None, Some(limit)) => Ok(Some(Size::AtMost(limit))),
            (None, None) => Ok(None),
        }
    }
}

/// How a file is known to be the right one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// Its SHA-256, 64 lower-case hexadecimal digits.
    Sha256(String),
    /// Its MD5, 32 lower-case hexadecimal digits: it finds accidents, not forgeries, and is for files whose publishers give nothing better.
    Md5(String),
    /// Nobody publishes a sum of it. What comes first is trusted, and written down.
    NonePublished,
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Checksum::Sha256(sum) => write!(f, "sha256:{sum}"),
            Checksum::Md5(sum) => write!(f, "md5:{sum}"),
            Checksum::NonePublished => f.write_str("none-published"),
        }
    }
}

impl Checksum {
    fn read(sha256: Option<String>, md5: Option<String>, path: &str) -> Result<Option<Self>, String> {
        let digits = |name: &str, sum: String, count: usize| {
            let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            let right = sum.len() == count && sum.bytes().all(is_digit);
            if right {
                Ok(sum)
            } else {
                Err(format!("the {name} of {path:?} must be {count} lower-case hexadecimal digits"))
            }
        };
        match (sha256, md5) {
            (Some(_), Some(_)) => Err(format!("{path:?} has both sha256 and md5; keep sha256")),
            (Some(sum), None) => digits("sha256", sum, 64).map(|sum| Some(Checksum::Sha256(sum))),
            (None, Some(sum)) => digits("md5", sum, 32).map(|sum| Some(Checksum::Md5(sum))),
            (None, None) => Ok(None),
        }
    }
}

/// How an archive is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A tape archive in a gzip stream.
    TarGz,
    /// A zip archive with members that are stored or deflated.
    Zip,
    /// One file in a gzip stream.
    Gz,
}

/// What is taken from an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    format: Format,
    max_unpacked: u64,
    max_entries: u64,
    members: Vec<Member>,
}

impl Archive {
    /// How it is packed.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// The most bytes that are unpacked, of a tape archive those of members that are not taken and all headers included.
    #[must_use]
    pub fn max_unpacked(&self) -> u64 {
        self.max_unpacked
    }

    /// The most entries that it may have, those that are not taken included.
    #[must_use]
    pub fn max_entries(&self) -> u64 {
        self.max_entries
    }

    /// What is taken, at least one.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The archive at `path`, with limits and members as they are written.
    fn new(
        path: &str,
        format: Format,
        max_unpacked: Option<u64>,
        max_entries: Option<u64>,
        members: Vec<WrittenMember>,
    ) -> Result<Self, String> {
        let Some(max_unpacked) = max_unpacked.filter(|&bytes| bytes > 0) else {
            return Err(format!("{path:?} is unpacked without max_unpacked, the most bytes that it may unpack to"));
        };
        let max_entries = match max_entries {
            Some(_) if format == Format::Gz => {
                return Err(format!("{path:?} has max_entries, but gzip packs one file; leave it out"));
            }
            Some(0) => return Err(format!("{path:?} may have no entries; raise max_entries")),
            given => given.unwrap_or(MAX_ENTRIES),
        };
        let members: Vec<_> =
            members.into_iter().map(|member| Member::new(member, format)).collect::<Result<_, _>>()?;
        if members.is_empty() || format == Format::Gz && members.len() > 1 {
            let count = if members.is_empty() {
                "no members; list what is taken from it"
            } else {
                "several members, but gzip packs one file"
            };
            return Err(format!("{path:?} has {count}"));
        }
        let limits = members.iter().map(|member| member.size.map_or(max_unpacked, Size::limit));
        let written = limits.fold(0, u64::saturating_add).min(max_unpacked);
        if written > MAX_WRITTEN_BYTES {
            return Err(format!(
                "the members of {path:?} may have {written} bytes, but no more than {MAX_WRITTEN_BYTES} are written; lower max_unpacked, or give each \
                 member bytes or max_bytes"
            ));
        }
        Ok(Archive { format, max_unpacked, max_entries, members })
    }
}

/// A file that is taken from an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    from: Option<String>,
    path: String,
    size: Option<Size>,
    checksum: Option<Checksum>,
}

impl Member {
    /// Its name in the archive, with `**/` before it if it may be in any folder. `None` in a gzip stream, which has no names.
    #[must_use]
    pub fn from(&self) -> Option<&str> {
        self.from.as_deref()
    }

    /// Where it goes, relative to the data directory.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Its size, as far as it is known.
    #[must_use]
    pub fn size(&self) -> Option<Size> {
        self.size
    }

    /// Its own checksum, if there is one.
    #[must_use]
    pub fn checksum(&self) -> Option<&Checksum> {
        self.checksum.as_ref()
    }

    fn new(written: WrittenMember, format: Format) -> Result<Self, String> {
        let WrittenMember { from, path, bytes, max_bytes, sha256, md5 } = written;
        check_path(&path)?;
        match &from {
            None if format != Format::Gz => {
                return Err(format!("the member {path:?} has no from, its name in the archive"));
            }
            Some(_) if format == Format::Gz => {
                return Err(format!("the member {path:?} has a from, but a gzip stream has no names; leave it out"));
            }
            Some(name) if !is_member_name(name) => {
                return Err(format!(
                    "the member {name:?} must be named by its path in the archive, without `..`, or by `**/` and the end of it"
                ));
            }
            _ => {}
        }
        let size = Size::read(bytes, max_bytes, &path)?;
        let checksum = Checksum::read(sha256, md5, &path)?;
        Ok(Member { from, path, size, checksum })
    }
}

/// A file that is made of others, which are gone afterwards: a line that does not end gets its end, then the next part follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    path: String,
    parts: Vec<String>,
}

impl Join {
    /// Where it goes, relative to the data directory.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The paths of what it is made of, in order, each that of a file or a member of the same manifest.
    #[must_use]
    pub fn parts(&self) -> &[String] {
        &self.parts
    }

    pub(super) fn new(written: WrittenJoin) -> Result<Self, String> {
        check_path(&written.path)?;
        if written.parts.is_empty() {
            return Err(format!("the join {:?} has no parts", written.path));
        }
        Ok(Join { path: written.path, parts: written.parts })
    }
}

/// A file that is fetched: part of a data set, or an archive that such files are in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteFile {
    url: String,
    path: String,
    size: Size,
    checksum: Checksum,
    archive: Option<Archive>,
}

impl RemoteFile {
    /// Where the file comes from.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where it goes, relative to the data directory, with `/` between the parts, and where a mirror has it. An archive does not go there, only its
    /// members go to their places.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Its size.
    #[must_use]
    pub fn size(&self) -> Size {
        self.size
    }

    /// How it is known.
    #[must_use]
    pub fn checksum(&self) -> &Checksum {
        &self.checksum
    }

    /// What is taken from it, if it is an archive.
    #[must_use]
    pub fn archive(&self) -> Option<&Archive> {
        self.archive.as_ref()
    }

    /// Whether some of what it brings is known by no checksum at all.
    #[must_use]
    pub fn is_unverified(&self) -> bool {
        let members = self.archive.as_ref().map_or(&[][..], Archive::members);
        self.checksum == Checksum::NonePublished
            && (members.is_empty() || members.iter().any(|member| member.checksum.is_none()))
    }

    pub(super) fn new(written: WrittenFile) -> Result<Self, String> {
        let WrittenFile {
            url,
            path,
            bytes,
            max_bytes,
            sha256,
            md5,
            checksum,
            unpack,
            max_unpacked,
            max_entries,
            members,
        } = written;
        check_path(&path)?;
        if !Address::parse(&url).is_some_and(|address| address.is_trusted()) {
            return Err(format!("the URL {url:?} must begin with https:// and name a host"));
        }
        let size = Size::read(bytes, max_bytes, &path)?
            .ok_or_else(|| format!("{path:?} has neither bytes, its size, nor max_bytes, the most that is read"))?;
        let checksum = match (Checksum::read(sha256, md5, &path)?, checksum.as_deref()) {
            (Some(sum), None) => sum,
            (None, Some("none-published")) => Checksum::NonePublished,
            (Some(_), Some(_)) => return Err(format!("{path:?} has a sum and also checksum; leave checksum out")),
            (None, Some(other)) => {
                return Err(format!(
                    "the checksum of {path:?} is {other:?}; give sha256 or md5, or checksum = \"none-published\" if nobody publishes one"
                ));
            }
            (None, None) => {
                return Err(format!(
                    "{path:?} has no checksum; give sha256 or md5, or checksum = \"none-published\" if nobody publishes one"
                ));
            }
        };
        let format = match unpack.as_deref() {
            None => None,
            Some("tar.gz") => Some(Format::TarGz),
            Some("zip") => Some(Format::Zip),
            Some("gz") => Some(Format::Gz),
            Some(other) => {
                return Err(format!("unpack of {path:?} is {other:?}; it can be \"tar.gz\", \"zip\" or \"gz\""));
            }
        };
        let archive = match format {
            None if members.is_empty() && max_unpacked.is_none() && max_entries.is_none() => None,
            None => {
                return Err(format!(
                    "{path:?} has members or limits of an archive, but no unpack; say how it is packed"
                ));
            }
            Some(format) => Some(Archive::new(&path, format, max_unpacked, max_entries, members)?),
        };
        Ok(RemoteFile { url, path, size, checksum, archive })
    }
}

/// Whether a name can be that of a member: plain, with `**/` before it or not.
fn is_member_name(name: &str) -> bool {
    let plain = name.strip_prefix("**/").unwrap_or(name);
    plain.split('/').all(|part| !part.is_empty() && part != "." && part != ".." && !part.contains(['*', '\\', '\0']))
}

/// Refuses a path that does not mean the same, or does not stay below where it is joined, on every system.
fn check_path(path: &str) -> Result<(), String> {
    let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    if path.split('/').all(|part| !part.is_empty() && !part.starts_with('.') && part.bytes().all(is_name_byte)) {
        return Ok(());
    }
    Err(format!(
        "the path {path:?} must be relative and made of names of letters, digits, dots, hyphens and underscores that do not begin with a dot"
    ))
}
