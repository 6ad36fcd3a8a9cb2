//! Manifests with a right seal and a wrong content: damage cannot make them, an attacker can.

use std::fs;
use std::path::Path;

use anther_train::checkpoint::{Damage, Manifest};

use crate::sample::{seal, store_with, unsealed};

#[test]
fn wrong_content_behind_a_right_seal_is_refused() {
    let (dir, store) = store_with(&[500]);
    let path = dir.path().join("step-00000500/manifest.json");
    let body = unsealed(&path);
    let sha = body.split("\"sha256\": \"").nth(1).unwrap()[..64].to_owned();
    let step = path.parent().unwrap();
    fs::write(dir.path().join("outside"), "secret").unwrap();
    fs::copy(step.join("state.bin"), step.join("other.bin")).unwrap();
    let model_bytes = format!("\"bytes\": {},", step.join("model.safetensors").metadata().unwrap().len());
    type Change<'a> = (&'a str, Box<dyn Fn(&str) -> String + 'a>);
    let replace = |from: &'static str, to: &'static str| -> Box<dyn Fn(&str) -> String> {
        Box::new(move |body| {
            assert!(body.contains(from), "{body}");
            body.replacen(from, to, 1)
        })
    };
    let cases: Vec<Change> = vec![
        ("has format 2, this program reads format 1", replace("\"format\": 1", "\"format\": 2")),
        ("has format 0", replace("\"format\": 1", "\"format\": 0")),
        ("missing field `format`", replace("\"format\": 1,", "")),
        ("unknown field `more`", replace("\"format\": 1,", "\"format\": 1, \"more\": true,")),
        ("belongs to step 501", replace("\"step\": 500", "\"step\": 501")),
        ("invalid value", replace("\"step\": 500", "\"step\": -1")),
        ("counts 8 parameters, there are 7", replace("\"parameters\": 7", "\"parameters\": 8")),
        ("no file name", replace("\"vocabulary.json\"", "\"../outside\"")),
        ("no file name", replace("\"vocabulary.json\"", "\"/etc/passwd\"")),
        ("no file name", replace("\"vocabulary.json\"", "\"..\"")),
        ("no file name", replace("\"vocabulary.json\"", "\"a\\\\b\"")),
        ("no file name", replace("\"vocabulary.json\"", "\"C:x\"")),
        ("no file name", replace("\"vocabulary.json\"", "\"\"")),
        ("is there twice", replace("\"vocabulary.json\"", "\"state.bin\"")),
        ("is there twice", replace("\"vocabulary.json\"", "\"manifest.json\"")),
        ("does not list state.bin", replace("\"state.bin\"", "\"other.bin\"")),
        // A size that cannot be is not allocated either.
        (
            "should hold 18446744073709551615",
            Box::new(|body| body.replacen(&model_bytes, "\"bytes\": 18446744073709551615,", 1)),
        ),
        ("at most 67108880 are allowed", replace("\"bytes\": 4", "\"bytes\": 67108881")),
        ("SHA-256 is not the one", Box::new(|body| body.replacen(&sha, &sha.to_uppercase(), 1))),
        ("SHA-256 is not the one", Box::new(|body| body.replacen(&sha, "", 1))),
        (
            "invalid type",
            Box::new(|body| body.replacen("\"format\": 1", &format!("\"format\": {}", "[".repeat(9999)), 1)),
        ),
        ("it holds", Box::new(|body| body.replacen("\"format\"", &format!("{}\"format\"", " ".repeat(1 << 20)), 1))),
    ];
    for (part, change) in cases {
        fs::write(&path, seal(&change(&body))).unwrap();
        let error = store.load_step(500).unwrap_err().to_string();
        assert!(error.contains("step-00000500/"), "{error} should name a file");
        assert!(error.contains(part), "{error} should say {part}");
    }
    fs::write(&path, seal(&body)).unwrap();
    store.load_latest(true).unwrap();
}

#[test]
fn a_broken_file_behind_a_right_manifest_is_refused() {
    use sha2::{Digest, Sha256};
    let (dir, store) = store_with(&[500]);
    let manifest = dir.path().join("step-00000500/manifest.json");
    for (name, content, part) in [
        ("model.safetensors", &b"1234567"[..], "model.safetensors is not a valid safetensors file"),
        ("optim.safetensors", b"", "optim.safetensors is not a valid safetensors file"),
        ("recipe.toml", b"\xff\xfe", "recipe.toml is not UTF-8 text"),
    ] {
        let (whole, sealed) = (fs::read(manifest.with_file_name(name)).unwrap(), fs::read(&manifest).unwrap());
        let hex = |bytes: &[u8]| -> String { Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect() };
        let body = unsealed(&manifest).replace(&hex(&whole), &hex(content));
        let body = body.replace(&format!("\"bytes\": {},", whole.len()), &format!("\"bytes\": {},", content.len()));
        fs::write(&manifest, seal(&body)).unwrap();
        fs::write(manifest.with_file_name(name), content).unwrap();
        let error = store.load_step(500).unwrap_err().to_string();
        assert!(error.contains(part), "{error} should say {part}");
        fs::write(manifest.with_file_name(name), whole).unwrap();
        fs::write(&manifest, sealed).unwrap();
    }
}

#[test]
fn arbitrary_bytes_are_no_manifest() {
    let end = format!(",\n  \"sha256\": \"{}\"\n}}\n", "0".repeat(64));
    for bytes in [&b""[..], b"{}", b"\"\n}\n", end.as_bytes(), &[0xff; 300]] {
        assert!(matches!(Manifest::decode(bytes, Path::new("m")), Err(Damage::Seal { .. })));
    }
}
