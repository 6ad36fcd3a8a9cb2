//! Which files of a data set are there.

use std::io;
use std::path::Path;

use super::record::Record;
use super::sums::Sums;
use crate::manifest::{Checksum, Join, Manifest, RemoteFile, Size};

/// Whether a file is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileState {
    /// There is no such file.
    Missing,
    /// It is the file of the manifest, or the one that was fetched for it.
    Matches,
    /// It is another file.
    Differs,
    /// There is a file, but neither the manifest nor a record of a fetch says which one it should be.
    Unrecorded,
}

/// How closely files are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Files that were fetched are known by their sizes.
    Quick,
    /// Every file is read, and its checksum compared.
    Thorough,
}

/// A file that is there when a data set is complete.
pub(super) struct Target<'a> {
    pub path: &'a str,
    size: Option<Size>,
    checksum: Option<&'a Checksum>,
    /// What the record calls the way it came.
    pub declared: String,
}

impl<'a> Target<'a> {
    /// The file itself, an archive too.
    pub fn of_file(file: &'a RemoteFile) -> Self {
        let checksum = Some(file.checksum()).filter(|sum| **sum != Checksum::NonePublished);
        Target { path: file.path(), size: Some(file.size()), checksum, declared: file.checksum().to_string() }
    }

    /// What a file brings: itself, or the members that are taken from it.
    pub fn brought_by(file: &'a RemoteFile) -> Vec<Self> {
        let Some(archive) = file.archive() else { return vec![Target::of_file(file)] };
        let member = |member: &'a crate::manifest::Member| {
            let from = member.from().unwrap_or_default();
            let declared =
                member.checksum().map_or_else(|| format!("{} of {}", from, file.checksum()), ToString::to_string);
            Target { path: member.path(), size: member.size(), checksum: member.checksum(), declared }
        };
        archive.members().iter().map(member).collect()
    }

    pub fn of_join(join: &'a Join) -> Self {
        Target {
            path: join.path(),
            size: None,
            checksum: None,
            declared: format!("join of {}", join.parts().join(" ")),
        }
    }

    /// Whether an archive is at `path`, whole: what nobody publishes a checksum of is known by the record.
    pub fn is_at(&self, path: &Path, record: &Record) -> io::Result<bool> {
        Ok(self.state_at(path, record, Look::Thorough)? == FileState::Matches)
    }

    /// Whether the file is below `directory`.
    pub fn state(&self, directory: &Path, record: &Record, look: Look) -> io::Result<FileState> {
        self.state_at(&directory.join(self.path), record, look)
    }

    fn state_at(&self, path: &Path, record: &Record, look: Look) -> io::Result<FileState> {
        let bytes = match std::fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(FileState::Missing),
            Err(error) => return Err(error),
            Ok(found) if !found.is_file() => return Err(io::Error::other("it is not a regular file")),
            Ok(found) => found.len(),
        };
        if self.size.is_some_and(|size| !size.allows(bytes)) {
            return Ok(FileState::Differs);
        }
        let matches = |is_it| if is_it { FileState::Matches } else { FileState::Differs };
        if let Some(entry) = record.get(self.path).filter(|entry| entry.declared == self.declared) {
            let same = bytes == entry.bytes && (look == Look::Quick || Sums::of_file(path)?.sha256 == entry.sha256);
            return Ok(matches(same));
        }
        match self.checksum {
            Some(sum) => Ok(matches(Sums::of_file(path)?.against(sum).is_ok())),
            None => Ok(FileState::Unrecorded),
        }
    }
}

/// The files of a complete data set: those that are fetched and not joined, then those that are joined.
pub(super) fn targets(manifest: &Manifest) -> Vec<Target<'_>> {
    let joined = |path: &str| manifest.joins().iter().any(|join| join.parts().iter().any(|part| part == path));
    let fetched = manifest.files().iter().flat_map(Target::brought_by).filter(|target| !joined(target.path));
    fetched.chain(manifest.joins().iter().map(Target::of_join)).collect()
}
