//! The envelope of the training state.

use std::path::Path;

use anther_train::codec::{self, CodecError, HEADER, LIMIT, VERSION};
use serde::{Deserialize, Serialize};

use crate::sample::Random;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct State {
    step: u64,
    best: Option<f64>,
    name: String,
    counters: Vec<u32>,
}

fn state() -> State {
    State { step: 500, best: Some(0.25), name: "copy".to_owned(), counters: vec![7, 9] }
}

/// What version 1 of the format wrote for [`state`]; every later program has to read it or say which version it is.
const GOLDEN: &str = "414e5448010000002d000000af27b460\
    f40100000000000001000000000000d03f0400000000000000636f707902000000000000000700000009000000";

fn golden() -> Vec<u8> {
    GOLDEN.as_bytes().chunks(2).map(|hex| u8::from_str_radix(str::from_utf8(hex).unwrap(), 16).unwrap()).collect()
}

fn decode(bytes: &[u8]) -> Result<State, CodecError> {
    codec::decode(bytes, Path::new("run/state.bin"))
}

/// The bytes with a checksum that fits them again.
fn resealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&bytes[..12]);
    hasher.update(&bytes[16..]);
    bytes[12..16].copy_from_slice(&hasher.finalize().to_le_bytes());
    bytes
}

#[test]
fn the_bytes_of_version_one_never_change() {
    assert_eq!(codec::encode(&state()).unwrap(), golden());
    assert_eq!(decode(&golden()).unwrap(), state());
}

#[test]
fn every_bit_flip_and_truncation_is_an_error() {
    let whole = golden();
    for length in 0..whole.len() {
        assert!(decode(&whole[..length]).is_err(), "cut to {length}");
        for bit in 0..8 {
            let mut bytes = whole.clone();
            bytes[length] ^= 1 << bit;
            assert!(decode(&bytes).is_err(), "bit {bit} of byte {length}");
        }
    }
}

#[test]
fn each_fault_has_its_sentence() {
    let change = |at: usize, byte: u8| {
        let mut bytes = golden();
        bytes[at] = byte;
        bytes
    };
    let long = [golden(), vec![0]].concat();
    let mut trailing = long.clone();
    trailing[8] += 1;
    // The list claims 2^24 elements more than there are bytes.
    let claims = change(HEADER + 8 + 9 + 12 + 3, 1);
    let option = change(HEADER + 8, 2);
    let cases = [
        (vec![], "holds 0 bytes"),
        (golden()[..15].to_vec(), "holds 15 bytes"),
        (change(0, b'B'), "not a state file"),
        (change(6, 1), "not a state file"),
        (change(4, 2), "format version 2, this program reads version 1"),
        (change(8, 1), "announces 1 bytes"),
        (long, "it is truncated or damaged"),
        (change(HEADER, 0), "checksum does not match"),
        (change(13, 0), "checksum does not match"),
        (resealed(trailing), "cannot be decoded"),
        (resealed(claims), "cannot be decoded"),
        (resealed(option), "cannot be decoded"),
    ];
    for (bytes, part) in cases {
        let error = decode(&bytes).unwrap_err().to_string();
        assert!(error.contains(part) && error.contains("run/state.bin"), "{error} should say {part}");
    }
    assert_eq!(VERSION, 1);
}

#[test]
fn another_structure_is_an_error() {
    let bytes = codec::encode(&(1_u8, 2_u8)).unwrap();
    assert!(matches!(decode(&bytes), Err(CodecError::Decode { .. })));
    let more: Result<(u8, u8, u8), _> = codec::decode(&bytes, Path::new("x"));
    assert!(matches!(more, Err(CodecError::Decode { .. })));
    let less: Result<u8, _> = codec::decode(&bytes, Path::new("x"));
    assert!(matches!(less, Err(CodecError::Decode { .. })), "trailing bytes are refused");
}

#[test]
fn the_limit_holds_exactly() {
    // A text is its length in eight bytes and its letters.
    let letters = "x".repeat(LIMIT as usize - 8);
    let bytes = codec::encode(&letters).unwrap();
    assert_eq!(bytes.len() as u64, LIMIT + HEADER as u64);
    assert_eq!(codec::decode::<String>(&bytes, Path::new("x")).unwrap(), letters);
    let error = codec::encode(&(letters + "x")).unwrap_err().to_string();
    assert!(error.contains("at most 67108864 bytes"), "{error}");
    let longer = [bytes, vec![0]].concat();
    assert!(matches!(codec::decode::<String>(&longer, Path::new("x")), Err(CodecError::Size { .. })));
}

#[test]
fn hostile_payloads_never_panic_nor_allocate_what_they_claim() {
    let mut random = Random(1);
    for _ in 0..2000 {
        let mut bytes = golden();
        for _ in 0..=random.below(4) {
            let at = HEADER + random.below(bytes.len() - HEADER);
            bytes[at] = random.below(256) as u8;
        }
        if let Ok(state) = decode(&resealed(bytes)) {
            assert!(
                state.name.len() == 4 && state.counters.len() == 2,
                "other lengths cannot fill the payload exactly"
            );
        }
    }
}
