//! The sums of a file, made in one pass.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use md5::Md5;
use sha2::{Digest, Sha256};

use crate::manifest::Checksum;

/// What a file turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sums {
    pub bytes: u64,
    pub sha256: String,
    pub md5: String,
}

impl Sums {
    /// Reads a file in pieces of 64 KiB.
    pub fn of_file(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut sums = Summing::default();
        let mut buffer = vec![0; 1 << 16];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => return Ok(sums.finish()),
                Ok(read) => sums.update(&buffer[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The kind of checksum, the sum that is expected and the one that the file has, if they differ.
    pub fn against<'a>(&'a self, expected: &'a Checksum) -> Result<(), (&'static str, &'a str, &'a str)> {
        match expected {
            Checksum::Sha256(sum) if *sum != self.sha256 => Err(("SHA-256", sum, &self.sha256)),
            Checksum::Md5(sum) if *sum != self.md5 => Err(("MD5", sum, &self.md5)),
            _ => Ok(()),
        }
    }
}

/// Sums that are not finished.
#[derive(Default)]
pub(super) struct Summing {
    bytes: u64,
    sha256: Sha256,
    md5: Md5,
}

impl Summing {
    pub fn update(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.sha256.update(bytes);
        self.md5.update(bytes);
    }

    pub fn finish(self) -> Sums {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Sums { bytes: self.bytes, sha256: hex(&self.sha256.finalize()), md5: hex(&self.md5.finalize()) }
    }
}
