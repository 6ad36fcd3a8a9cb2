//! Files that are made of several.

use std::fs;

use anther_data::fetch::{FetchError, Outcome, Source};

use super::{NOWHERE, Target, known, manifest, mirror};

#[test]
fn parts_are_joined_line_by_line_and_gone() {
    let (one, two): (&[u8], &[u8]) = (b"a\nb", b"c\n");
    let file = |name: &str, bytes: &[u8]| {
        format!("[[files]]\nurl = \"{NOWHERE}/{name}\"\npath = \"demo/{name}\"\n{}", known(bytes))
    };
    let joins = "[[joins]]\npath = \"demo/all.txt\"\nparts = [\"demo/one\", \"demo/two\"]\n";
    let demo = manifest(&format!("{}{}{joins}", file("one", one), file("two", two)));
    let target = Target::new();

    // What is there of the parts is kept until all are.
    let (_half, source) = mirror(&[("demo/one", one)]);
    assert!(matches!(target.fetch(&demo, source), Err(FetchError::Disk { .. })));
    target.assert_files(&[("demo/one", "a\nb")]);
    let (_rest, source) = mirror(&[("demo/two", two)]);
    assert_eq!(target.outcomes(&demo, source), [Outcome::Added]);
    target.assert_files(&[("demo/all.txt", "a\nb\nc\n")]);
    assert!(target.leftovers().is_empty(), "{:?}", target.leftovers());

    // Nothing is asked for while the whole is there.
    assert_eq!(target.outcomes(&demo, Source::MirrorFolder("/no/such/folder".into())), [Outcome::AlreadyPresent]);
    assert_eq!(target.outcomes(&demo, Source::Offline), [Outcome::AlreadyPresent]);
    fs::write(target.path().join("demo/all.txt"), "a\nb\nC\n").unwrap();
    assert!(matches!(target.fetch(&demo, Source::Offline), Err(FetchError::Offline { .. })));
    fs::remove_file(target.path().join("demo/all.txt")).unwrap();
    let (_both, source) = mirror(&[("demo/one", one), ("demo/two", two)]);
    assert_eq!(target.outcomes(&demo, source), [Outcome::Added]);
}
