//! Zip archives.

use std::fs::File;
use std::io::BufReader;

use zip::ZipArchive;
use zip::result::ZipError;

use super::{Fault, Taking, damaged};

/// The bits of a Unix mode that say what kind of file it is, and what they are for a regular one.
const KIND: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;

/// Takes the members.
pub(super) fn unpack(file: File, taking: &mut Taking<'_>) -> Result<(), Fault> {
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

/// What the reader says, as a fault of the archive.
fn refused(error: ZipError) -> Fault {
    match error {
        ZipError::Io(error) => damaged(&error),
        other => Fault::Archive(format!("it is damaged or of another kind: {other}")),
    }
}
