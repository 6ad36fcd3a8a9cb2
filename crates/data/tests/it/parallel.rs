//! Two sides of a text: the forms that real files have, and what is refused.

use std::path::Path;

use anther_data::MAX_LINE_BYTES;
use anther_data::parallel::{ParallelText, sentences};
use proptest::prelude::*;

#[test]
fn every_form_gives_its_sentences() {
    assert_eq!(sentences("one\n  two \r\n\nfour"), ["one", "two", "", "four"]);
    let xml = "<?xml version=\"1.0\"?>\n<mteval>\n<doc docid=\"1\">\n<title>no sentence</title>\n<seg id=\"1\">a &lt;b&gt; &amp;amp; c</seg>\n  <seg id=\"2\"></seg>\n<SEG ID=\"3\"> last </SEG>\n</doc>";
    assert_eq!(sentences(xml), ["a <b> &amp; c", "", "last"]);
    let tags = "<url>http://x</url>\n<keywords>a, b</keywords>\n<speaker>C</speaker>\n<talkid>1</talkid>\n<title>A title</title>\n<description>TED: what it is</description>\n First.\n<reviewer href=\"x\">D</reviewer>\n<translator href=\"x\">E</translator>\nx < y.\n";
    assert_eq!(sentences(tags), ["A title", "TED: what it is", "First.", "x < y."]);
}

#[test]
fn sides_that_do_not_fit_are_refused() {
    let refused =
        |source: &str, target: &str| ParallelText::of_sides(source, target, ["a.de", "a.en"]).unwrap_err().to_string();
    assert!(refused("x\ny\n", "x\n").contains("a.de has 2 sentences, but a.en has 1"));
    assert!(refused("\n\n", "x\n\n").contains("no pair of sentences"));
    assert!(refused("", "").contains("no pair of sentences"));
    let missing = ParallelText::read(Path::new("no/a"), Path::new("no/b")).unwrap_err().to_string();
    assert!(missing.starts_with("no/a cannot be read"), "{missing}");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bad");
    std::fs::write(&path, b"fine\n\xff\n").unwrap();
    let bad = ParallelText::read(&path, &path).unwrap_err().to_string();
    assert!(bad.contains("line 2: it is not UTF-8"), "{bad}");
}

#[test]
fn all_pairs_stay_where_answers_are_scored() {
    let (source, target) = ("eins\n\ndrei\n \n", "one\ntwo\n\nfour\n");
    let pair = |source: &str, target: &str| [source.to_owned(), target.to_owned()];
    let all = [pair("eins", "one"), pair("", "two"), pair("drei", ""), pair("", "four")];
    let dir = tempfile::tempdir().unwrap();
    let [one, other] = ["a.de", "a.en"].map(|name| dir.path().join(name));
    std::fs::write(&one, source).unwrap();
    std::fs::write(&other, target).unwrap();
    for text in [
        ParallelText::all_of_sides(source, target, ["a.de", "a.en"]).unwrap(),
        ParallelText::read_all(&one, &other).unwrap(),
    ] {
        assert_eq!((&text.pairs[..], text.dropped), (&all[..], 0));
    }
    let learned = ParallelText::read(&one, &other).unwrap();
    assert_eq!((&learned.pairs[..], learned.dropped), (&all[..1], 3));
    let nothing = ParallelText::all_of_sides("\n\n", "x\n\n", ["a.de", "a.en"]).unwrap_err().to_string();
    assert!(nothing.contains("no pair of sentences"), "{nothing}");
}

#[test]
fn lines_have_a_limit_and_no_nul_byte_and_a_mark_is_no_text() {
    let of =
        |source: &str| ParallelText::of_sides(source, "a\nb\n", ["a.de", "a.en"]).map_err(|error| error.to_string());
    let longest = "x".repeat(MAX_LINE_BYTES);
    assert_eq!(of(&format!("\u{feff}ein\n{longest}\r\n")).unwrap().pairs, [["ein", "a"], [&longest, "b"]]);
    let long = of(&format!("ein\n{longest}x\n")).unwrap_err();
    assert!(long.starts_with("a.de, line 2: the line has more than 1048576 bytes"), "{long}");
    let nul = ParallelText::of_sides("a\nb\n", "a\nb\0\n", ["a.de", "a.en"]).unwrap_err().to_string();
    assert!(nul.starts_with("a.en, line 2: there is a NUL byte"), "{nul}");
}

proptest! {
    #[test]
    fn no_text_panics_and_sides_keep_their_partners(lines in proptest::collection::vec("(<seg id=|<url>|<title>)?[a-z<>&;äß ]{0,12}", 0..8)) {
        let text = lines.join("\n");
        let all = sentences(&text);
        if let Ok(pairs) = ParallelText::of_sides(&text, &text, ["a", "b"]) {
            prop_assert_eq!(pairs.pairs.len() + pairs.dropped, all.len());
            prop_assert!(pairs.pairs.iter().all(|[source, target]| source == target && !source.is_empty()));
        }
    }
}

/// The real files, if they are there.
#[test]
fn multi30k_has_the_pairs_that_are_known_of_it() {
    let Some(data) = std::env::var_os("ANTHER_DATA") else {
        println!("skipped: ANTHER_DATA is not set");
        return;
    };
    let folder = Path::new(&data).join("multi30k");
    if !folder.exists() {
        println!("skipped: there is no {}", folder.display());
        return;
    }
    for (part, pairs) in [("train", 29_000), ("val", 1_014), ("test_2016_flickr", 1_000)] {
        let text =
            ParallelText::read(&folder.join(format!("{part}.de.gz")), &folder.join(format!("{part}.en.gz"))).unwrap();
        assert_eq!((text.pairs.len(), text.dropped), (pairs, 0), "{part}");
    }
}
