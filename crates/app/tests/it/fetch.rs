//! Data sets: without downloads compiled in, how to get a program that can; with them, copies that are checked.

use crate::support::Place;

#[cfg(not(feature = "fetch"))]
#[test]
fn a_program_without_downloads_says_how_to_get_one() {
    let ran = Place::new().run(&["fetch", "tinyshakespeare"]);
    ran.refuses(1, &["without downloads", "cargo xtask fetch", "--features fetch"]);
}

#[cfg(feature = "fetch")]
#[test]
fn files_of_a_mirror_are_checked_and_found_again() {
    const TWO_LINES: &str = "name = \"two\"\nlicence = \"public domain\"\n[[files]]\nurl = \"https://example.org/two.txt\"\n\
        bytes = 8\nsha256 = \"9c46c6ed4cbe2bd9bcfdd9a0a4dd0f7c1e6ac2ddfcc06b2fde0a5a0fd1e0cb77\"\npath = \"two/two.txt\"\n";
    let place = Place::new();
    std::fs::create_dir_all(place.path("data")).unwrap();
    std::fs::create_dir_all(place.path("mirror/two")).unwrap();
    place.write("mirror/two/two.txt", "one\ntwo\n");
    let sum = crate::support::sha256(&place.path("mirror/two/two.txt"));
    let (begin, rest) = TWO_LINES.split_once("sha256 = \"").unwrap();
    place.write("data/two.toml", format!("{begin}sha256 = \"{sum}{}", &rest[64..]));
    let fetch = |args: &[&str]| place.run(&[&["fetch", "--data-dir", "data"], args].concat());

    assert!(fetch(&["--list"]).stdout.contains("missing"));
    fetch(&["two", "--offline"]).refuses(1, &["two"]);
    fetch(&["three"]).refuses(1, &["\"three\"", "there are: two"]);
    assert!(fetch(&["two", "--mirror", "mirror"]).stdout.starts_with("fetched "));
    assert!(fetch(&["--all", "--offline"]).stdout.starts_with("present "));
    assert!(fetch(&["--list"]).stdout.contains("present"));

    place.write("mirror/two/two.txt", "one\nTWO\n");
    std::fs::remove_file(place.path("data/two/two.txt")).unwrap();
    fetch(&["two", "--mirror", "mirror"]).refuses(1, &["two.txt"]);
    assert!(!place.path("data/two/two.txt").exists(), "a wrong file got its name");
}
