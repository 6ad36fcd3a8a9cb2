//! Data sets: without downloads compiled in, how to get a program that can; with them, copies that are checked.

use crate::support::Place;
#[cfg(feature = "fetch")]
use crate::support::{Ran, finish, sha256};

#[cfg(not(feature = "fetch"))]
#[test]
fn a_program_without_downloads_says_how_to_get_one() {
    let ran = Place::new().run(&["fetch", "tinyshakespeare"]);
    ran.refuses(1, &["without downloads", "cargo xtask fetch", "--features fetch"]);
}

/// Names and states of the lines of `--list`.
#[cfg(feature = "fetch")]
fn listed(ran: &Ran) -> Vec<[String; 2]> {
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let lines = ran.stdout.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    lines.map(|words| [words[0].to_owned(), words[1].to_owned()]).collect()
}

#[cfg(feature = "fetch")]
#[test]
fn the_data_sets_are_known_wherever_the_data_directory_is() {
    let place = Place::new();
    std::fs::create_dir_all(place.path("empty")).unwrap();
    std::fs::create_dir_all(place.path("other/tinyshakespeare")).unwrap();
    place.write("other/tinyshakespeare/input.txt", "not the plays");
    for (directory, state) in [("absent", "missing"), ("empty", "missing"), ("other", "differs")] {
        let by_flag = place.run(&["fetch", "--list", "--data-dir", directory]);
        assert_eq!(listed(&by_flag), [["tinyshakespeare", state]]);
        let by_variable = finish(place.command(&["fetch", "--list"]).env("ANTHER_DATA", directory));
        assert_eq!(by_variable.stdout, by_flag.stdout);
    }
    assert_eq!(listed(&place.run(&["fetch", "--list"])), [["tinyshakespeare", "missing"]]);
    let ran = place.run(&["fetch", "tinyshakespeare", "--offline", "--data-dir", "absent"]);
    ran.refuses(1, &["absent/tinyshakespeare/input.txt"]);
}

#[cfg(feature = "fetch")]
#[test]
fn files_of_a_mirror_are_checked_and_found_again() {
    const TWO_LINES: &str = "name = \"two\"\nlicence = \"public domain\"\n[[files]]\nurl = \"https://example.org/two.txt\"\n\
        bytes = 8\nsha256 = \"9c46c6ed4cbe2bd9bcfdd9a0a4dd0f7c1e6ac2ddfcc06b2fde0a5a0fd1e0cb77\"\npath = \"two/two.txt\"\n";
    let place = Place::new();
    std::fs::create_dir_all(place.path("datasets")).unwrap();
    std::fs::create_dir_all(place.path("mirror/two")).unwrap();
    place.write("mirror/two/two.txt", "one\ntwo\n");
    let sum = sha256(&place.path("mirror/two/two.txt"));
    let (begin, rest) = TWO_LINES.split_once("sha256 = \"").unwrap();
    place.write("datasets/two.toml", format!("{begin}sha256 = \"{sum}{}", &rest[64..]));
    let fetch = |args: &[&str]| place.run(&[&["fetch", "--data-dir", "data"], args].concat());

    assert_eq!(listed(&fetch(&["--list"])), [["tinyshakespeare", "missing"], ["two", "missing"]]);
    fetch(&["two", "--offline"]).refuses(1, &["two"]);
    fetch(&["three"]).refuses(2, &["`three`", "there are tinyshakespeare, two"]);
    assert!(fetch(&["two", "--mirror", "mirror"]).stdout.starts_with("fetched "));
    assert!(place.path("data/two/two.txt").exists() && !place.path("datasets/two").exists());
    assert!(fetch(&["two", "--offline"]).stdout.starts_with("present "));
    assert_eq!(listed(&fetch(&["--list"])), [["tinyshakespeare", "missing"], ["two", "present"]]);
    fetch(&["--all", "--offline"]).refuses(1, &["tinyshakespeare/input.txt"]);

    // A manifest in the folder goes before the one of the same name that is compiled in.
    place.write(
        "datasets/tinyshakespeare.toml",
        place.read("datasets/two.toml").replace("\"two\"", "\"tinyshakespeare\""),
    );
    let all = fetch(&["--all", "--offline"]);
    assert_eq!((all.code, all.stdout.matches("present ").count()), (Some(0), 2), "{all:?}");

    place.write("mirror/two/two.txt", "one\nTWO\n");
    std::fs::remove_file(place.path("data/two/two.txt")).unwrap();
    fetch(&["two", "--mirror", "mirror"]).refuses(1, &["two.txt"]);
    assert!(!place.path("data/two/two.txt").exists(), "a wrong file got its name");
}
