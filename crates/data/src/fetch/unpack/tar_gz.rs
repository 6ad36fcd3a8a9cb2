//! Tape archives in a gzip stream.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::rc::Rc;

use flate2::bufread::MultiGzDecoder;
use tar::{EntryType, PaxExtensions};

use super::{Fault, Taking, damaged};

/// The most bytes of an entry that says something about the next, such as a name that no header holds: 64 KiB. It is held in memory.
const MAX_ABOUT_BYTES: u64 = 64 << 10;

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
    let inner = MultiGzDecoder::new(BufReader::new(file));
    let stream = Limited { inner, left: taking.left, exceeded: Rc::clone(&exceeded) };
    let result = take_all(stream, taking);
    if exceeded.get() { Err(taking.too_much()) } else { result }
}

fn take_all(stream: impl Read, taking: &mut Taking<'_>) -> Result<(), Fault> {
    let mut archive = tar::Archive::new(stream);
    let mut before = About::default();
    let mut members = 0;
    // Raw, because the library would hold what entries say about the next in memory, as much as they have.
    for entry in archive.entries().map_err(|error| damaged(&error))?.raw(true) {
        let mut entry = entry.map_err(|error| damaged(&error))?;
        let size = entry.size();
        if before.take(&mut entry)? {
            continue;
        }
        members += 1;
        taking.check_entries(members)?;
        let about = std::mem::take(&mut before);
        if !about.agrees_with(size) {
            let what = format!("an entry has {size} bytes by its header, but another size by what stands before it");
            return Err(Fault::Archive(what));
        }
        let in_header = entry.header().path_bytes().into_owned();
        let kind = match entry.header().entry_type() {
            EntryType::Regular | EntryType::Continuous => None,
            EntryType::Symlink => Some("a symbolic link"),
            EntryType::Link => Some("a link to another file"),
            EntryType::Directory => Some("a folder"),
            EntryType::Char | EntryType::Block => Some("a device"),
            _ => Some("something special"),
        };
        if let Some(index) = taking.wanted(about.name().unwrap_or(&in_header), kind)? {
            taking.take(index, &mut entry, Some(size))?;
        }
    }
    // Behind the last entry there is padding, and the checksum of the stream.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(|error| damaged(&error))?;
    Ok(())
}

/// What entries say about the one that follows them.
#[derive(Default)]
struct About {
    /// Its name, as GNU writes it.
    long_name: Option<Vec<u8>>,
    /// Records of POSIX.
    records: Option<Vec<u8>>,
}

impl About {
    /// Takes what an entry says about the next; whether it is such an entry.
    fn take(&mut self, entry: &mut tar::Entry<'_, impl Read>) -> Result<bool, Fault> {
        let slot = match entry.header().entry_type() {
            EntryType::GNULongName => Some(&mut self.long_name),
            EntryType::XHeader => Some(&mut self.records),
            EntryType::GNULongLink | EntryType::XGlobalHeader => None,
            _ => return Ok(false),
        };
        if entry.size() > MAX_ABOUT_BYTES {
            let what = format!("it says more than {MAX_ABOUT_BYTES} bytes about an entry, as no honest archive does");
            return Err(Fault::Archive(what));
        }
        if let Some(slot) = slot {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).map_err(|error| damaged(&error))?;
            if slot.replace(bytes).is_some() {
                return Err(Fault::Archive("it gives an entry two names".into()));
            }
        }
        Ok(true)
    }

    /// The name, unless it is the one of the header.
    fn name(&self) -> Option<&[u8]> {
        let long_name = self.long_name.as_deref().map(|name| name.strip_suffix(b"\0").unwrap_or(name));
        long_name.or_else(|| self.record(b"path"))
    }

    /// Whether the size is that of the header: readers that disagree about it see different archives.
    fn agrees_with(&self, size: u64) -> bool {
        self.record(b"size").is_none_or(|says| says == size.to_string().as_bytes())
    }

    /// Records that cannot be understood are of other programs.
    fn record(&self, key: &[u8]) -> Option<&[u8]> {
        let mut records = PaxExtensions::new(self.records.as_deref()?).filter_map(Result::ok);
        records.find(|record| record.key_bytes() == key).map(|record| record.value_bytes())
    }
}
