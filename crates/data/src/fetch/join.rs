//! Making one file of several.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;

use super::FetchError;
use super::part::make_folder_of;
use super::sums::{Summing, Sums};
use crate::manifest::Join;

/// Writes the parts one after the other to `temporary`, each ending with the end of a line, and moves that to its place below `directory`.
pub(super) fn join(join: &Join, directory: &Path, temporary: &Path) -> Result<Sums, FetchError> {
    let failed = |error| FetchError::disk(temporary, error);
    let mut out = File::create(temporary).map_err(failed)?;
    let mut sums = Summing::default();
    let mut buffer = vec![0; 1 << 16];
    for part in join.parts() {
        let path = directory.join(part);
        let mut file = File::open(&path).map_err(|error| FetchError::disk(&path, error))?;
        let mut last = b'\n';
        loop {
            let read = file.read(&mut buffer).map_err(|error| FetchError::disk(&path, error))?;
            let Some(&end) = buffer[..read].last() else { break };
            last = end;
            sums.update(&buffer[..read]);
            out.write_all(&buffer[..read]).map_err(failed)?;
        }
        if last != b'\n' {
            sums.update(b"\n");
            out.write_all(b"\n").map_err(failed)?;
        }
    }
    out.sync_all().map_err(failed)?;
    let destination = directory.join(join.path());
    make_folder_of(&destination)?;
    fs::rename(temporary, &destination).map_err(|error| FetchError::disk(&destination, error))?;
    Ok(sums.finish())
}
