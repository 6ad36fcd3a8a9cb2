//! Taking files out of archives that nobody has to trust.
//!
//! The manifest says which members are taken and where each goes, so no name of an archive ever becomes a path; names that try to lead elsewhere are refused all the
//! same, because an archive that has them is not what it seems. Nothing is read beyond the limits of the manifest, nor more than honest packing explains.

mod tar_gz;
mod zip_file;

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use super::FetchError;
use super::sums::{Summing, Sums};
use crate::manifest::{Archive, Format, Member};

/// The most bytes that an archive may unpack to for each of its own. Texts come to ten, and what is made to fill a disk to a thousand.
const MAX_RATIO: u64 = 200;

/// Up to here, 1 MiB, no ratio is asked for: it is no harm, and small archives are mostly padding.
const FREE_OF_RATIO: u64 = 1 << 20;

/// Why an archive could not be unpacked.
pub(super) enum Fault {
    /// The archive is wrong, in words.
    Archive(String),
    /// A file cannot be written.
    Disk(FetchError),
}

/// Unpacks the members of an archive to `folder`, which exists and is empty: the first to `0`, the second to `1` and so on. Gives what they are.
pub(super) fn unpack(path: &Path, archive: &Archive, folder: &Path) -> Result<Vec<Sums>, Fault> {
    let file = File::open(path).map_err(|error| Fault::Disk(FetchError::disk(path, error)))?;
    let packed = file.metadata().map_err(|error| Fault::Disk(FetchError::disk(path, error)))?.len();
    let mut taking = Taking::new(archive, folder, packed);
    match archive.format() {
        Format::TarGz => tar_gz::unpack(file, &mut taking)?,
        Format::Zip => zip_file::unpack(file, &mut taking)?,
        Format::Gz => {
            let mut stream = MultiGzDecoder::new(BufReader::new(file));
            taking.take(0, &mut stream, None)?;
        }
    }
    taking.finish()
}

/// What has been taken so far.
struct Taking<'a> {
    archive: &'a Archive,
    folder: &'a Path,
    taken: Vec<Option<Sums>>,
    /// Bytes of the archive itself.
    packed: u64,
    /// Bytes that may still be unpacked.
    left: u64,
}

impl<'a> Taking<'a> {
    fn new(archive: &'a Archive, folder: &'a Path, packed: u64) -> Self {
        let left = archive.max_unpacked().min(by_ratio(packed));
        Taking { archive, folder, taken: vec![None; archive.members().len()], packed, left }
    }

    /// The fault of an archive that unpacks to more than it may.
    fn too_much(&self) -> Fault {
        let limit = self.archive.max_unpacked();
        Fault::Archive(if limit > by_ratio(self.packed) {
            format!("it unpacks to more than {MAX_RATIO} times its own {} bytes, as no honest data do", self.packed)
        } else {
            format!("it unpacks to more than the {limit} bytes that the manifest allows")
        })
    }

    /// Checks the number of entries that have been seen.
    fn check_entries(&self, entries: u64) -> Result<(), Fault> {
        let limit = self.archive.max_entries();
        if entries > limit {
            return Err(Fault::Archive(format!("it has more than {limit} entries; if it should, raise max_entries")));
        }
        Ok(())
    }

    /// Looks at the name of an entry, and finds the member that it is. `kind` says what an entry is that is no regular file.
    fn wanted(&self, name: &[u8], kind: Option<&str>) -> Result<Option<usize>, Fault> {
        let shown = String::from_utf8_lossy(name).into_owned();
        let name = std::str::from_utf8(name).map_err(|_| Fault::Archive(format!("the name {shown:?} is not UTF-8")))?;
        let leads_out = name.split(['/', '\\']).any(|part| part == "..");
        let is_absolute = name.starts_with(['/', '\\']) || name.as_bytes().get(1) == Some(&b':');
        if leads_out || is_absolute {
            return Err(Fault::Archive(format!("the name {name:?} leads out of the archive")));
        }
        let mut plain = name;
        while let Some(rest) = plain.strip_prefix("./") {
            plain = rest;
        }
        let folded = plain.to_ascii_lowercase();
        let members = self.archive.members();
        let is = |member: &&Member, name: &str, fold: fn(&str) -> String| {
            let from = fold(member.from().unwrap_or_default());
            match from.strip_prefix("**/") {
                Some(end) => name.strip_suffix(end).is_some_and(|before| before.is_empty() || before.ends_with('/')),
                None => name == from,
            }
        };
        let Some(index) = members.iter().position(|member| is(&member, &folded, str::to_ascii_lowercase)) else {
            return Ok(None);
        };
        let from = members[index].from().unwrap_or_default();
        if let Some(kind) = kind {
            return Err(Fault::Archive(format!("the member {name:?} is {kind}, not a file")));
        }
        if !is(&&members[index], plain, str::to_owned) {
            return Err(Fault::Archive(format!("the member {name:?} differs from {from:?} in upper and lower case")));
        }
        if self.taken[index].is_some() {
            return Err(Fault::Archive(format!("it has several members {from:?}")));
        }
        Ok(Some(index))
    }

    /// Writes a member, of so many bytes if the archive says it.
    fn take(&mut self, index: usize, reader: &mut impl Read, says: Option<u64>) -> Result<(), Fault> {
        let member = &self.archive.members()[index];
        let size = member.size();
        let name = member.from().unwrap_or_else(|| member.path()).to_owned();
        let limit = size.map_or(u64::MAX, crate::manifest::Size::limit);
        if says.is_some_and(|says| says > limit) {
            return Err(Fault::Archive(format!(
                "the member {name:?} has more than the {limit} bytes that the manifest allows"
            )));
        }
        let path: PathBuf = self.folder.join(index.to_string());
        let failed = |error| Fault::Disk(FetchError::disk(&path, error));
        let mut file = File::create_new(&path).map_err(failed)?;
        let mut sums = Summing::default();
        let mut buffer = vec![0; 1 << 16];
        let mut got = 0;
        loop {
            let read = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(damaged(&error)),
            };
            got += read as u64;
            if got > limit {
                return Err(Fault::Archive(format!(
                    "the member {name:?} has more than the {limit} bytes that the manifest allows"
                )));
            }
            self.spend(read as u64)?;
            sums.update(&buffer[..read]);
            file.write_all(&buffer[..read]).map_err(failed)?;
        }
        if says.is_some_and(|says| says != got) {
            return Err(Fault::Archive(format!(
                "the member {name:?} has {got} bytes, but the archive says {}; it is cut off",
                says.unwrap_or(0)
            )));
        }
        if size.is_some_and(|size| !size.allows(got)) {
            return Err(Fault::Archive(format!("the member {name:?} has {got} bytes instead of {limit}")));
        }
        file.sync_all().map_err(failed)?;
        let sums = sums.finish();
        if let Some(Err((kind, expected, got))) = member.checksum().map(|sum| sums.against(sum)) {
            return Err(Fault::Archive(format!("the member {name:?} has {kind} {got} instead of {expected}")));
        }
        self.taken[index] = Some(sums);
        Ok(())
    }

    /// Counts unpacked bytes.
    fn spend(&mut self, bytes: u64) -> Result<(), Fault> {
        self.left = self.left.checked_sub(bytes).ok_or_else(|| self.too_much())?;
        Ok(())
    }

    /// What was taken, if it is all.
    fn finish(self) -> Result<Vec<Sums>, Fault> {
        let missing = |(member, taken): (&Member, &Option<Sums>)| {
            taken.is_none().then(|| member.from().unwrap_or_default().to_owned())
        };
        let missing: Vec<String> = self.archive.members().iter().zip(&self.taken).filter_map(missing).collect();
        if missing.is_empty() {
            return Ok(self.taken.into_iter().flatten().collect());
        }
        Err(Fault::Archive(format!("it has no member {}", missing.join(", "))))
    }
}

/// The most bytes that an archive of so many may unpack to, whatever its manifest says.
fn by_ratio(packed: u64) -> u64 {
    packed.saturating_mul(MAX_RATIO).max(FREE_OF_RATIO)
}

/// What a decoder says, as a fault of the archive.
fn damaged(error: &io::Error) -> Fault {
    if error.kind() == ErrorKind::UnexpectedEof {
        return Fault::Archive("it is cut off".into());
    }
    Fault::Archive(format!("it is damaged: {error}"))
}
