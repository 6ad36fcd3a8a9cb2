//! Texts that nothing can be learned from: exit code 1 and a sentence that names the file.

use crate::support::Place;

#[test]
fn every_unusable_text_is_refused_by_name() {
    let place = Place::with_text();
    place.write("empty.txt", "");
    place.write("bytes.txt", [b"fine so far ".as_slice(), b"\xff\xfe"].concat());
    place.write("nul.txt", "before\0after");
    place.write("short.txt", "too short for sixteen");
    std::fs::create_dir(place.path("folder")).unwrap();
    let absent = place.path("absent.txt").display().to_string();
    let cases: &[(&str, &[&str])] = &[
        ("empty.txt", &["empty.txt is empty"]),
        ("bytes.txt", &["bytes.txt is not UTF-8 at byte 12"]),
        ("nul.txt", &["nul.txt has a NUL byte at byte 6"]),
        ("short.txt", &["a context of 16 needs 17"]),
        ("folder", &["folder is not a regular file but a directory"]),
        ("absent.txt", &["absent.txt was not found", "cargo xtask fetch", "--data-dir"]),
        (&absent, &["absent.txt does not exist"]),
        ("../absent.txt", &["../absent.txt"]),
    ];
    for (file, words) in cases {
        println!("{file}");
        let edit = format!("data.path={file:?}");
        place.run(&["train", "tiny.toml", "--set", &edit, "--out", "run"]).refuses(1, words);
        assert!(!place.path("run").exists(), "a refusal left a run behind");
    }
}

#[test]
fn a_data_set_that_is_not_here_says_how_to_get_it() {
    let place = Place::new();
    let ran = place.run(&["train", "shakespeare-char", "--data-dir", "nowhere"]);
    ran.refuses(1, &["tinyshakespeare/input.txt was not found in nowhere", "cargo xtask fetch tinyshakespeare"]);
}
