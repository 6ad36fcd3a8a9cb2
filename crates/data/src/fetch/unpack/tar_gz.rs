//! Tape archives in a gzip stream.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::rc::Rc;

use flate2::bufread::MultiGzDecoder;
use tar::EntryType;

use super::{Fault, Taking, damaged};

/// A stream that ends with an error when more than so many bytes have been read from it.
struct Limited<R> {
    inner: R,
    left: u64,
    exceeded: Rc<Cell<bool>>,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        match self.left.checked_sub(read as u64) {
            Some(left) => self.left = left,
            None => {
                self.exceeded.set(true);
                return Err(io::Error::other("more bytes than are allowed"));
            }
        }
        Ok(read)
    }
}

/// Takes the members. The whole stream is read, so that a second member of the same name, or a stream that is cut off, is noticed.
pub(super) fn unpack(file: File, taking: &mut Taking<'_>) -> Result<(), Fault> {
    let exceeded = Rc::new(Cell::new(false));
    // Headers and members that are passed over count too: their bytes cost time, if no disk.
    let limit = taking.archive.max_unpacked();
    let stream =
        Limited { inner: MultiGzDecoder::new(BufReader::new(file)), left: limit, exceeded: Rc::clone(&exceeded) };
    let result = take_all(stream, taking);
    if exceeded.get() {
        return Err(Fault::Archive(format!("it unpacks to more than the {limit} bytes that the manifest allows")));
    }
    result
}

fn take_all(stream: impl Read, taking: &mut Taking<'_>) -> Result<(), Fault> {
    let mut archive = tar::Archive::new(stream);
    for entry in archive.entries().map_err(|error| damaged(&error))? {
        let mut entry = entry.map_err(|error| damaged(&error))?;
        let kind = match entry.header().entry_type() {
            EntryType::Regular | EntryType::Continuous => None,
            EntryType::Symlink => Some("a symbolic link"),
            EntryType::Link => Some("a link to another file"),
            EntryType::Directory => Some("a folder"),
            EntryType::Char | EntryType::Block => Some("a device"),
            _ => Some("something special"),
        };
        let wanted = taking.wanted(&entry.path_bytes(), kind)?;
        if let Some(index) = wanted {
            let size = entry.size();
            taking.take(index, &mut entry, Some(size))?;
        }
    }
    // Behind the last entry there is padding, and the checksum of the stream.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(|error| damaged(&error))?;
    Ok(())
}
