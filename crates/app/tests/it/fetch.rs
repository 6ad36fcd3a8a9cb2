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

/// The state that a line of `--list` gives a data set.
#[cfg(feature = "fetch")]
#[track_caller]
fn listed(ran: &Ran, name: &str) -> String {
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let mut lines = ran.stdout.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let line = lines.find(|words| words[0] == name);
    line.unwrap_or_else(|| panic!("{name} is not in {}", ran.stdout))[1].to_owned()
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
        assert_eq!(listed(&by_flag, "tinyshakespeare"), state);
        let by_variable = finish(place.command(&["fetch", "--list"]).env("ANTHER_DATA", directory));
        assert_eq!(by_variable.stdout, by_flag.stdout);
    }
    let list = place.run(&["fetch", "--list"]);
    for name in ["tinyshakespeare", "multi30k", "wikitext-103", "JapaneseVowels"] {
        assert_eq!(listed(&list, name), "missing");
    }
    assert!(list.stdout.contains("1115394 bytes") && list.stdout.contains("public domain"), "{list:?}");
    assert!(list.stdout.contains("168513733 bytes"), "{list:?}");
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

    assert_eq!(listed(&fetch(&["--list"]), "two"), "missing");
    fetch(&["two", "--offline"]).refuses(1, &["two"]);
    fetch(&["two", "three"]).refuses(2, &["`three`", "tinyshakespeare", "two"]);
    assert!(fetch(&["two", "--mirror", "mirror"]).stdout.starts_with("fetched "));
    assert!(place.path("data/two/two.txt").exists() && !place.path("datasets/two").exists());
    assert!(fetch(&["two", "--offline"]).stdout.starts_with("present "));
    assert_eq!(listed(&fetch(&["--list"]), "two"), "present");

    // One that fails does not keep the others back.
    let all = fetch(&["--all", "--offline"]);
    assert_eq!(all.code, Some(1), "{all:?}");
    assert_eq!(all.stdout.matches("present ").count(), 1, "{all:?}");
    assert!(
        all.stderr.contains("failed tinyshakespeare: ") && all.stderr.contains("tinyshakespeare/input.txt"),
        "{all:?}"
    );
    assert!(all.stderr.contains("data sets are not complete: "), "{all:?}");

    // A manifest in the folder goes before the one of the same name that is compiled in.
    place.write(
        "datasets/tinyshakespeare.toml",
        place.read("datasets/two.toml").replace("\"two\"", "\"tinyshakespeare\""),
    );
    let both = fetch(&["two", "tinyshakespeare", "--offline"]);
    assert_eq!((both.code, both.stdout.matches("present ").count()), (Some(0), 2), "{both:?}");

    place.write("mirror/two/two.txt", "one\nTWO\n");
    std::fs::remove_file(place.path("data/two/two.txt")).unwrap();
    fetch(&["two", "--mirror", "mirror"]).refuses(1, &["two.txt"]);
    assert!(!place.path("data/two/two.txt").exists(), "a wrong file got its name");
}

#[cfg(feature = "fetch")]
#[test]
fn archives_are_unpacked_and_what_nobody_vouches_for_is_said() {
    use std::io::Write;

    let place = Place::new();
    std::fs::create_dir_all(place.path("datasets")).unwrap();
    std::fs::create_dir_all(place.path("mirror/mine")).unwrap();
    place.write(
        "datasets/mine.toml",
        "name = \"mine\"\nlicence = \"my own\"\n[[files]]\nurl = \"https://example.org/text.gz\"\npath = \"mine/text.gz\"\n\
         max_bytes = 1000\nchecksum = \"none-published\"\nunpack = \"gz\"\nmax_unpacked = 1000\n\
         members = [{ path = \"mine/text.txt\", bytes = 6 }]\n",
    );
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(b"lines\n").unwrap();
    std::fs::write(place.path("mirror/mine/text.gz"), packed.finish().unwrap()).unwrap();
    let fetch = |args: &[&str]| place.run(&[&["fetch", "--data-dir", "data"], args].concat());
    let list = fetch(&["--list"]);
    assert!(list.stdout.contains("≤ 1000 bytes, unpacked 6  my own"), "{list:?}");
    let fetched = fetch(&["mine", "--mirror", "mirror"]);
    assert_eq!((fetched.code, place.read("data/mine/text.txt").as_str()), (Some(0), "lines\n"), "{fetched:?}");
    for words in
        ["fetching mirror/mine/text.gz (at most 1000 bytes)", "warning: nobody publishes a checksum", "unpacking data/"]
    {
        assert!(fetched.stderr.contains(words), "{words:?} is not in {fetched:?}");
    }
    assert_eq!(listed(&fetch(&["--list"]), "mine"), "present");
    std::fs::remove_file(place.path("data/.fetched/mine/record.json")).unwrap();
    assert_eq!(listed(&fetch(&["--list"]), "mine"), "unknown");
}
