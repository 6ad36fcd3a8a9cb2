//! Manifests: the ones of the project, and every way to be wrong.

use std::fs;

use anther_data::manifest::{FileState, Manifest, ManifestError};
use anther_data::sha256_hex;

use crate::support::{assert_sentence, real_data, workspace_root};

const GOOD: &str = r#"name = "demo-1"
licence = "public domain"
[[files]]
url = "https://example.org/input.txt"
bytes = 5
sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
path = "demo/input.txt"
"#;

/// The error that the good manifest gives with one piece replaced.
#[track_caller]
fn error(old: &str, new: &str) -> ManifestError {
    assert!(GOOD.contains(old));
    match Manifest::parse(&GOOD.replace(old, new), "demo-1.toml") {
        Ok(_) => panic!("{new:?} instead of {old:?} was accepted"),
        Err(error) => error,
    }
}

#[test]
fn a_good_manifest() {
    let manifest = Manifest::parse(GOOD, "demo-1.toml").unwrap();
    assert_eq!((manifest.name(), manifest.licence()), ("demo-1", "public domain"));
    let file = &manifest.files()[0];
    assert_eq!((file.url(), file.bytes(), file.path()), ("https://example.org/input.txt", 5, "demo/input.txt"));
    assert_eq!(file.sha256(), sha256_hex(b"hello"));
}

#[test]
fn the_manifests_of_the_project_are_valid() {
    let directory = workspace_root().join("datasets");
    let names = Manifest::names(&directory).unwrap();
    assert!(names.contains(&"tinyshakespeare".to_owned()));
    for name in names {
        Manifest::named(&directory, &name).unwrap();
    }
}

#[test]
fn tiny_shakespeare_is_the_file_of_its_manifest() {
    let Some(data) = real_data() else { return };
    let manifest = Manifest::named(&workspace_root().join("datasets"), "tinyshakespeare").unwrap();
    assert_eq!(manifest.files()[0].state(&data).unwrap(), FileState::Matches);
}

#[test]
fn paths_that_could_leave_the_folder_are_refused() {
    for path in [
        "../input.txt",
        "demo/../../input.txt",
        "/etc/passwd",
        "C:/input.txt",
        "demo\\\\input.txt",
        "demo//input.txt",
        "demo/",
        "./input.txt",
        ".hidden",
        "demo/.ssh",
        "demo/a b",
        "",
    ] {
        let error = error("demo/input.txt", path);
        assert!(matches!(error, ManifestError::Invalid { .. }), "{path:?}: {error}");
        assert_sentence(&error, &["demo-1.toml", "path"]);
    }
}

#[test]
fn addresses_that_are_not_encrypted_are_refused() {
    for url in ["http://example.org/", "ftp://example.org/", "file:///etc/passwd", "input.txt", "https://"] {
        assert_sentence(&error("https://example.org/input.txt", url), &[url, "https://"]);
    }
    let local = GOOD.replace("https://example.org/", "http://127.0.0.1:8000/");
    assert!(Manifest::parse(&local, "demo-1.toml").is_ok());
}

#[test]
fn other_values_are_checked() {
    for name in ["", "Demo", "de mo", "../demo", "démo"] {
        assert_sentence(&error("demo-1", name), &["name"]);
    }
    assert_sentence(&error("public domain", " "), &["licence"]);
    assert_sentence(&error("bytes = 5", "bytes = 0"), &["0 bytes"]);
    assert_sentence(&error("2cf24dba", "2CF24DBA"), &["sha256"]);
    assert_sentence(&error("2cf24dba", ""), &["sha256"]);
}

#[test]
fn a_path_is_given_once() {
    let second = GOOD[GOOD.find("[[").unwrap()..].replace("demo/input.txt", "demo/INPUT.txt");
    let error = Manifest::parse(&format!("{GOOD}{second}"), "demo-1.toml").unwrap_err();
    assert_sentence(&error, &["demo/INPUT.txt", "twice"]);
    let error = Manifest::parse("name = \"a\"\nlicence = \"b\"\nfiles = []", "a.toml").unwrap_err();
    assert_sentence(&error, &["no files"]);
}

#[test]
fn keys_are_checked_and_lines_are_named() {
    let unknown = error("bytes = 5", "bytes = 5\nsize = 5");
    assert!(matches!(unknown, ManifestError::Syntax { line: 6, .. }), "{unknown}");
    assert_sentence(&unknown, &["demo-1.toml", "line 6", "size"]);
    assert!(matches!(error("bytes = 5", "bytes = -5"), ManifestError::Syntax { line: 5, .. }));
    assert!(matches!(error("bytes = 5\n", ""), ManifestError::Syntax { .. }));
    assert!(matches!(error("bytes = 5", "bytes ="), ManifestError::Syntax { line: 5, .. }));
    assert!(matches!(error("licence = \"public domain\"\n", ""), ManifestError::Syntax { .. }));
}

#[test]
fn directories_of_manifests() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("demo-1.toml"), GOOD).unwrap();
    fs::write(folder.path().join("another.toml"), GOOD).unwrap();
    fs::write(folder.path().join("README.md"), "").unwrap();
    assert_eq!(Manifest::names(folder.path()).unwrap(), ["another", "demo-1"]);
    assert_eq!(Manifest::named(folder.path(), "demo-1").unwrap().name(), "demo-1");
    let unknown = Manifest::named(folder.path(), "../demo-1").unwrap_err();
    assert!(matches!(unknown, ManifestError::Unknown { .. }));
    assert_sentence(&unknown, &["another, demo-1"]);
    assert_sentence(&Manifest::named(folder.path(), "another").unwrap_err(), &["demo-1", "name of the file"]);
    assert!(matches!(Manifest::names(&folder.path().join("none")), Err(ManifestError::Io { .. })));
}

#[test]
fn states_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = Manifest::parse(GOOD, "demo-1.toml").unwrap();
    let state = || manifest.files()[0].state(folder.path());
    assert_eq!(state().unwrap(), FileState::Missing);
    fs::create_dir(folder.path().join("demo")).unwrap();
    let path = folder.path().join("demo/input.txt");
    for (content, want) in [("hello", FileState::Matches), ("hallo", FileState::Differs), ("hell", FileState::Differs)]
    {
        fs::write(&path, content).unwrap();
        assert_eq!(state().unwrap(), want, "{content}");
    }
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(state().is_err());
}
