//! Manifests: the ones of the project, and every way to be wrong.

use std::fs;

use anther_data::manifest::{
    Checksum, Format, MAX_ENTRIES, MAX_MANIFEST_BYTES, MAX_WRITTEN_BYTES, Manifest, ManifestError, Size,
};
use anther_data::sha256_hex;

use crate::support::{assert_sentence, workspace_root};

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
    assert_eq!(
        (file.url(), file.size(), file.path()),
        ("https://example.org/input.txt", Size::Exact(5), "demo/input.txt")
    );
    assert_eq!(*file.checksum(), Checksum::Sha256(sha256_hex(b"hello")));
    assert!(file.archive().is_none() && manifest.joins().is_empty() && !file.is_unverified());
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
    for name in ["", "de_mo", "de mo", "../demo", "démo"] {
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
    assert!(matches!(error("path = \"demo/input.txt\"\n", ""), ManifestError::Syntax { .. }));
    assert!(matches!(error("bytes = 5\n", ""), ManifestError::Invalid { .. }));
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
fn a_manifest_has_a_limit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("demo-1.toml");
    let full = format!("{GOOD}{}", "#".repeat(MAX_MANIFEST_BYTES as usize - GOOD.len()));
    fs::write(&path, &full).unwrap();
    assert!(Manifest::load(&path).is_ok());
    fs::write(&path, format!("{full}#")).unwrap();
    assert_sentence(&Manifest::load(&path).unwrap_err(), &["demo-1.toml", "more than 262144 bytes"]);
}

/// The good manifest with an archive in the place of its file.
const PACKED: &str = r#"name = "demo-1"
licence = "public domain"
[[files]]
url = "https://example.org/input.zip"
max_bytes = 50
checksum = "none-published"
path = "demo/input.zip"
unpack = "zip"
max_unpacked = 100
members = [
    { from = "input/a.txt", path = "demo/a.txt" },
    { from = "**/b.txt", path = "demo/b.txt", bytes = 5, md5 = "5d41402abc4b2a76b9719d911017c592" },
]
[[joins]]
path = "demo/all.txt"
parts = ["demo/a.txt", "demo/b.txt"]
"#;

#[test]
fn a_good_manifest_of_an_archive() {
    let manifest = Manifest::parse(PACKED, "demo-1.toml").unwrap();
    let file = &manifest.files()[0];
    assert_eq!((file.size(), file.checksum()), (Size::AtMost(50), &Checksum::NonePublished));
    let archive = file.archive().unwrap();
    assert_eq!((archive.format(), archive.max_unpacked()), (Format::Zip, 100));
    assert_eq!(archive.max_entries(), MAX_ENTRIES);
    let [a, b] = archive.members() else { panic!("two members") };
    assert_eq!((a.from(), a.path(), a.size(), a.checksum()), (Some("input/a.txt"), "demo/a.txt", None, None));
    assert_eq!((b.from(), b.size()), (Some("**/b.txt"), Some(Size::Exact(5))));
    assert_eq!(manifest.joins()[0].parts(), ["demo/a.txt", "demo/b.txt"]);
    assert!(file.is_unverified());
    let known =
        PACKED.replace("path = \"demo/a.txt\" }", &format!("path = \"demo/a.txt\", md5 = \"{}\" }}", "0".repeat(32)));
    assert!(!Manifest::parse(&known, "demo-1.toml").unwrap().files()[0].is_unverified());
}

#[test]
fn what_is_written_of_an_archive_has_a_limit() {
    let with = |unpacked: u64, first: u64| {
        let text = PACKED.replace("max_unpacked = 100", &format!("max_unpacked = {unpacked}\nmax_entries = 7"));
        Manifest::parse(
            &text.replace("path = \"demo/a.txt\" }", &format!("path = \"demo/a.txt\", max_bytes = {first} }}")),
            "demo-1.toml",
        )
    };
    // Whatever the archive has besides, its second member has five bytes.
    let most = MAX_WRITTEN_BYTES - 5;
    for (unpacked, first) in [(u64::MAX >> 1, most), (MAX_WRITTEN_BYTES, u64::MAX >> 1)] {
        let manifest = with(unpacked, first).unwrap();
        assert_eq!(manifest.files()[0].archive().unwrap().max_entries(), 7);
    }
    for (unpacked, first) in [(u64::MAX >> 1, most + 1), (MAX_WRITTEN_BYTES + 1, u64::MAX >> 1)] {
        assert_sentence(&with(unpacked, first).unwrap_err(), &["demo/input.zip", "10737418241", "lower max_unpacked"]);
    }
}

#[test]
fn archives_are_checked() {
    for (old, new, words) in [
        ("max_bytes = 50\n", "", &["demo/input.zip", "bytes", "max_bytes"][..]),
        ("max_bytes = 50", "max_bytes = 50\nbytes = 5", &["both bytes and max_bytes"]),
        ("max_bytes = 50", "max_bytes = 0", &["0 bytes"]),
        ("checksum = \"none-published\"\n", "", &["demo/input.zip", "sha256", "none-published"]),
        ("none-published", "none", &["\"none\"", "none-published"]),
        (
            "checksum = \"none-published\"",
            "checksum = \"none-published\"\nmd5 = \"5d41402abc4b2a76b9719d911017c592\"",
            &["leave checksum out"],
        ),
        ("checksum = \"none-published\"", "md5 = \"5d41\"", &["md5", "32"]),
        ("checksum = \"none-published\"", "md5 = \"5D41402ABC4B2A76B9719D911017C592\"", &["md5", "lower-case"]),
        ("\"zip\"", "\"rar\"", &["rar", "tar.gz"]),
        ("unpack = \"zip\"\n", "", &["no unpack"]),
        ("max_unpacked = 100\n", "", &["max_unpacked"]),
        ("max_unpacked = 100", "max_unpacked = 0", &["max_unpacked"]),
        ("unpack = \"zip\"", "unpack = \"gz\"", &["gzip"]),
        ("max_unpacked = 100", "max_unpacked = 100\nmax_entries = 0", &["raise max_entries"]),
        ("from = \"input/a.txt\", ", "", &["demo/a.txt", "from"]),
        ("input/a.txt", "../a.txt", &["../a.txt", "`..`"]),
        ("input/a.txt", "input/*.txt", &["input/*.txt", "`**/`"]),
        ("input/a.txt", "/a.txt", &["/a.txt"]),
        ("path = \"demo/a.txt\"", "path = \"../a.txt\"", &["../a.txt", "relative"]),
        ("path = \"demo/a.txt\"", "path = \"demo/B.txt\"", &["part", "demo/a.txt"]),
        ("path = \"demo/all.txt\"", "path = \"demo/A.txt\"", &["demo/A.txt", "twice"]),
        ("path = \"demo/all.txt\"", "path = \"demo/a.txt/all\"", &["demo/a.txt", "folder"]),
        ("parts = [\"demo/a.txt\", ", "parts = [\"demo/b.txt\", ", &["demo/b.txt", "twice"]),
        ("parts = [\"demo/a.txt\", ", "parts = [\"demo/c.txt\", ", &["demo/c.txt"]),
        ("parts = [\"demo/a.txt\", \"demo/b.txt\"]", "parts = []", &["no parts"]),
    ] {
        assert!(PACKED.contains(old), "{old:?}");
        match Manifest::parse(&PACKED.replacen(old, new, 1), "demo-1.toml") {
            Ok(_) => panic!("{new:?} in the place of {old:?} was accepted"),
            Err(error) => assert_sentence(&error, &[&["demo-1.toml"], words].concat()),
        }
    }
    let empty = PACKED.find("members").unwrap();
    let without = format!("{}members = []\n", &PACKED[..empty]);
    assert_sentence(&Manifest::parse(&without, "demo-1.toml").unwrap_err(), &["no members"]);
}
