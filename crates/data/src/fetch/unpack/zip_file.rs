//! Zip archives.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Seek};

use zip::ZipArchive;
use zip::result::ZipError;

use super::{Fault, Taking, damaged};

/// The bits of a Unix mode that say what kind of file it is, and what they are for a regular one.
const KIND: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;

/// What each entry of the directory of an archive begins with, as a big-endian number.
const ENTRY: u32 = u32::from_be_bytes(*b"PK\x01\x02");

/// Takes the members.
pub(super) fn unpack(mut file: File, taking: &mut Taking<'_>) -> Result<(), Fault> {
    // The library holds the whole directory in memory, so what could be an entry is counted before, wherever it is.
    taking.check_entries(entries(&file).map_err(|error| damaged(&error))?)?;
    file.rewind().map_err(|error| damaged(&error))?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(refused)?;
    if archive.has_duplicate_names() {
        return Err(Fault::Archive("it has several members of the same name".into()));
    }
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(refused)?;
        let other = entry.unix_mode().is_some_and(|mode| !matches!(mode & KIND, 0 | REGULAR));
        let kind = match () {
            () if entry.is_dir() => Some("a folder"),
            () if entry.is_symlink() => Some("a symbolic link"),
            () if other => Some("something special"),
            () if entry.encrypted() => Some("encrypted"),
            () => None,
        };
        let wanted = taking.wanted(entry.name_raw(), kind)?;
        drop(entry);
        if let Some(member) = wanted {
            let mut entry = archive.by_index(index).map_err(refused)?;
            let size = entry.size();
            taking.take(member, &mut entry, Some(size))?;
        }
    }
    Ok(())
}

/// How often a file has what an entry begins with.
fn entries(mut file: impl Read) -> io::Result<u64> {
    let (mut found, mut last) = (0, 0);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = match file.read(&mut buffer) {
            Ok(0) => return Ok(found),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        for &byte in &buffer[..read] {
            last = last << 8 | u32::from(byte);
            found += u64::from(last == ENTRY);
        }
    }
}

/// What the reader says, as a fault of the archive.
fn refused(error: ZipError) -> Fault {
    match error {
        ZipError::Io(error) => damaged(&error),
        other => Fault::Archive(format!("it is damaged or of another kind: {other}")),
    }
}
