//! Malformed safetensors files: the list of the format's audit and some more.

use std::path::Path;

use anther_train::checkpoint::{NamedTensor, decode_tensors, encode_tensors};

use crate::sample::Random;

fn file(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(vec![0; data]);
    bytes
}

fn entry(name: &str, dtype: &str, shape: &str, from: u64, to: u64) -> String {
    format!("\"{name}\":{{\"dtype\":\"{dtype}\",\"shape\":{shape},\"data_offsets\":[{from},{to}]}}")
}

fn table(entries: &[String]) -> String {
    format!("{{{}}}", entries.join(","))
}

#[test]
fn malformed_files_are_refused() {
    let a = || entry("a", "F32", "[2]", 0, 8);
    let raw = |length: u64, rest: &[u8]| [&length.to_le_bytes()[..], rest].concat();
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(500), "]".repeat(500));
    let many = format!("[{}]", vec!["1"; 4000].join(","));
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty file", vec![], "header too small"),
        ("seven bytes", vec![0; 7], "header too small"),
        ("no header", raw(0, b""), "does not start with `{`"),
        ("header past the end", raw(100, b"{}"), "invalid header length"),
        ("header of 16 MiB and one byte", raw((16 << 20) + 1, b"{}"), "at most 16777216"),
        ("header of 2^64 - 1 bytes", raw(u64::MAX, b"{}"), "at most 16777216"),
        ("not UTF-8", raw(4, b"{\"\xff}"), "invalid"),
        ("not UTF-8 in a name", raw(8, b"{\"\xff\":1}"), "invalid"),
        ("bad JSON", file("{\"a\":", 0), "invalid JSON"),
        ("no object", file("[]", 0), "does not start with `{`"),
        ("leading space", file(" {}", 0), "does not start with `{`"),
        ("two objects", file("{}{}", 0), "invalid"),
        ("deep nesting", file(&deep, 0), "recursion limit"),
        ("same name twice", file(&table(&[a(), a()]), 8), "has the tensor \"a\" twice"),
        ("same name, other place", file(&table(&[a(), entry("a", "F32", "[2]", 8, 16)]), 16), "twice"),
        ("escaped spelling of the same name", file(&table(&[a(), a().replacen('a', "\\u0061", 1)]), 8), "twice"),
        ("metadata twice", file("{\"__metadata__\":{},\"__metadata__\":{}}", 0), "twice"),
        ("metadata of numbers", file("{\"__metadata__\":{\"k\":1}}", 0), "invalid"),
        ("overlap", file(&table(&[a(), entry("b", "F32", "[2]", 4, 12)]), 12), "invalid offset"),
        ("hole", file(&table(&[a(), entry("b", "F32", "[1]", 12, 16)]), 16), "invalid offset"),
        ("hole at the start", file(&table(&[entry("a", "F32", "[1]", 4, 8)]), 8), "invalid offset"),
        ("reversed offsets", file(&table(&[entry("a", "F32", "[1]", 4, 0)]), 4), "invalid"),
        ("past the end", file(&table(&[a()]), 7), "not a valid safetensors file"),
        ("trailing bytes", file(&table(&[a()]), 9), "not a valid safetensors file"),
        ("shape is not the size", file(&table(&[entry("a", "F32", "[3]", 0, 8)]), 8), "invalid shape"),
        ("shape overflows", file(&table(&[entry("a", "F32", "[4294967296,4294967296,4]", 0, 8)]), 8), "overflow"),
        ("size overflows", file(&table(&[entry("a", "F32", "[9223372036854775807]", 0, 8)]), 8), "overflow"),
        ("negative dimension", file(&table(&[entry("a", "F32", "[-2]", 0, 8)]), 8), "invalid"),
        ("fractional dimension", file(&table(&[entry("a", "F32", "[2.0]", 0, 8)]), 8), "invalid"),
        ("dimension above 2^64", file(&table(&[entry("a", "F32", "[18446744073709551616]", 0, 8)]), 8), "invalid"),
        ("offset above 2^64", file(&table(&[a().replace("[0,8]", "[0,18446744073709551616]")]), 8), "invalid"),
        ("three offsets", file(&table(&[a().replace("[0,8]", "[0,8,8]")]), 8), "invalid"),
        ("unknown dtype", file(&table(&[entry("a", "F33", "[2]", 0, 8)]), 8), "invalid"),
        ("half floats", file(&table(&[entry("a", "F16", "[4]", 0, 8)]), 8), "holds F16, only F32"),
        ("integers", file(&table(&[entry("a", "I64", "[1]", 0, 8)]), 8), "holds I64, only F32"),
        ("no shape", file("{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,0]}}", 0), "invalid"),
        ("tensor that is a number", file("{\"a\":1}", 0), "invalid"),
        ("thousands of dimensions", file(&table(&[entry("a", "F32", &many, 0, 8)]), 8), "invalid shape"),
        ("NUL in the padding", file("{}\0\0", 0), "invalid"),
    ];
    assert!(cases.len() >= 24);
    for (name, bytes, part) in cases {
        let error = decode_tensors(&bytes, Path::new("some.safetensors")).expect_err(name).to_string();
        assert!(error.to_lowercase().contains(&part.to_lowercase()), "{name}: {error} should say {part}");
        assert!(error.contains("some.safetensors"), "{name}: {error}");
    }
}

#[test]
fn odd_but_valid_files_are_read() {
    let padded = file(&(table(&[entry("a", "F32", "[]", 0, 4)]) + "     "), 4);
    let tensors = decode_tensors(&padded, Path::new("x")).unwrap();
    assert_eq!((tensors[0].shape.len(), &tensors[0].data[..]), (0, &[0.0][..]));
    let empty = file(&table(&[entry("b", "F32", "[0,9]", 0, 0), entry("a", "F32", "[3,0]", 0, 0)]), 0);
    let names: Vec<String> = decode_tensors(&empty, Path::new("x")).unwrap().into_iter().map(|t| t.name).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(decode_tensors(&file("{}", 0), Path::new("x")).unwrap(), []);
}

#[test]
fn the_file_is_what_other_programs_expect() {
    let bytes = encode_tensors(&[
        NamedTensor { name: "b", shape: &[1, 2], data: &[1.0, -2.5] },
        NamedTensor { name: "a.\"ü\"", shape: &[], data: &[f32::NAN] },
    ])
    .unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    assert_eq!(header["__metadata__"]["format"], "pt");
    assert_eq!(header["b"], serde_json::json!({"dtype": "F32", "shape": [1, 2], "data_offsets": [4, 12]}));
    assert_eq!(header["a.\"ü\""]["shape"], serde_json::json!([]));
    assert_eq!(bytes[8 + length + 4..], [0, 0, 128, 63, 0, 0, 32, 192]);
    assert_eq!(length % 8, 0, "data starts at a multiple of eight");
    let tensors = decode_tensors(&bytes, Path::new("x")).unwrap();
    assert!(tensors[0].data[0].is_nan(), "values are not judged here");
    assert_eq!(tensors[1].data, [1.0, -2.5]);
}

#[test]
fn two_thousand_mutations_give_a_table_or_an_error() {
    let data: Vec<f32> = (0..12).map(|x| x as f32).collect();
    let valid = encode_tensors(&[
        NamedTensor { name: "w", shape: &[3, 2], data: &data[..6] },
        NamedTensor { name: "v", shape: &[6], data: &data[6..] },
    ])
    .unwrap();
    let mut random = Random(8);
    let mut accepted = 0;
    for _ in 0..2000 {
        let mut bytes = valid.clone();
        for _ in 0..=random.below(3) {
            let at = random.below(bytes.len());
            match random.below(4) {
                0 => bytes[at] ^= 1 << random.below(8),
                1 => bytes.truncate(at.max(1)),
                2 => bytes.insert(at, random.below(256) as u8),
                _ => bytes[at] = b"0123456789{}[],:\"\\"[random.below(18)],
            }
        }
        if let Ok(tensors) = decode_tensors(&bytes, Path::new("x")) {
            accepted += 1;
            for tensor in tensors {
                assert_eq!(tensor.shape.iter().product::<usize>(), tensor.data.len());
            }
        }
    }
    assert!((100..1500).contains(&accepted), "{accepted}: without a checksum a change of values is accepted");
}
