//! Folders of texts in parts: which file is which, and what is wrong with a folder or a file.

use std::fs;
use std::io::Write;

use anther_data::corpus::{CorpusError, CorpusFiles, PartNames, read_text, split_text};
use anther_data::read_packed;
use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use crate::support::{assert_sentence, real_data};

fn folder(names: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    names.iter().for_each(|name| fs::write(folder.path().join(name), "a text\n").unwrap());
    folder
}

fn find(folder: &TempDir, names: PartNames<'_>) -> Result<[String; 3], CorpusError> {
    let files = CorpusFiles::find(folder.path(), &names)?;
    let name = |path: &std::path::Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let test = files.test.as_deref().map_or(String::new(), name);
    Ok([name(&files.train), name(&files.validation), test])
}

const TWO: [&str; 7] = [
    "README.md",
    "inaugural.test.txt.gz",
    "inaugural.train.txt.gz",
    "state_union.test.txt.gz",
    "state_union.train.txt.gz",
    "state_union.valid.txt.gz",
    "trainer.py",
];

#[test]
fn names_say_which_part_a_file_is() {
    let none = PartNames::default();
    for names in [
        ["wiki.train.tokens", "wiki.valid.tokens", "wiki.test.tokens"],
        ["train.txt", "dev.txt", "test.txt"],
        ["news-training.en", "news-val.en", "news-test.en"],
        ["my_train_text", "my_validation_text", "my_test_text"],
        ["fox.train.txt.gz", "fox.valid.txt", "fox.test.txt"],
    ] {
        assert_eq!(find(&folder(&names), none).unwrap(), names);
    }
    assert_eq!(find(&folder(&["x.train", "x.valid"]), none).unwrap(), ["x.train", "x.valid", ""]);
}

#[test]
fn one_of_several_texts_is_chosen_by_its_training_part() {
    let folder = folder(&TWO);
    let error = find(&folder, PartNames::default()).unwrap_err();
    assert_sentence(&error, &["inaugural.train.txt.gz and state_union.train.txt.gz", "data.train"]);
    let names = PartNames { train: Some("state_union.train.txt.gz"), ..PartNames::default() };
    let found = find(&folder, names).unwrap();
    assert_eq!(found, ["state_union.train.txt.gz", "state_union.valid.txt.gz", "state_union.test.txt.gz"]);
    let names = PartNames { train: Some("inaugural.train.txt.gz"), ..PartNames::default() };
    assert_sentence(&find(&folder, names).unwrap_err(), &["inaugural.train.txt.gz", "data.validation"]);
    let names = PartNames { test: Some("README.md"), validation: Some("trainer.py"), ..names };
    assert_eq!(find(&folder, names).unwrap(), ["inaugural.train.txt.gz", "trainer.py", "README.md"]);
}

#[test]
fn a_set_without_a_training_part_says_how_to_use_what_is_there() {
    let folder = folder(&["wiki.test.tokens", "wiki.valid.tokens", "README.md"]);
    let error = find(&folder, PartNames::default()).unwrap_err();
    let advice = "--set data.train=wiki.valid.tokens --set data.validation=wiki.test.tokens";
    assert_sentence(&error, &["no training text", advice]);
    let names = PartNames { train: Some("wiki.valid.tokens"), ..PartNames::default() };
    assert_sentence(&find(&folder, names).unwrap_err(), &["both the training and the validation", "data.validation"]);
    let names = PartNames { validation: Some("wiki.test.tokens"), ..names };
    // The test part is what is validated on, so there is none left.
    assert_eq!(find(&folder, names).unwrap(), ["wiki.valid.tokens", "wiki.test.tokens", ""]);
    let files = CorpusFiles::find(folder.path(), &names).unwrap();
    assert_sentence(&files.test().unwrap_err(), &["no test text", "data.test"]);
}

#[test]
fn folders_and_names_that_lead_nowhere_are_refused() {
    let empty = folder(&["notes.txt"]);
    assert_sentence(&find(&empty, PartNames::default()).unwrap_err(), &["data.train", "data.path"]);
    for (name, words) in
        [("absent.txt", "does not exist"), ("../x", "without `..`"), ("/etc/passwd", "without"), ("", "")]
    {
        let names = PartNames { train: Some(name), validation: Some("notes.txt"), test: None };
        assert_sentence(&find(&empty, names).unwrap_err(), &[words]);
    }
    let missing = CorpusFiles::find(&empty.path().join("nowhere"), &PartNames::default()).unwrap_err();
    assert_sentence(&missing, &["nowhere cannot be read"]);
}

#[test]
fn a_text_is_read_packed_or_not_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all("Größe\n".repeat(100).as_bytes()).unwrap();
    let packed = packer.finish().unwrap();
    fs::write(path("good.gz"), &packed).unwrap();
    assert_eq!(read_text(&path("good.gz")).unwrap(), "Größe\n".repeat(100));
    fs::write(path("marked"), "\u{feff}Größe\n").unwrap();
    assert_eq!(read_text(&path("marked")).unwrap(), "Größe\n");
    let cases: [(&str, &[u8], &str); 6] = [
        ("cut.gz", &packed[..packed.len() / 2], "damaged"),
        ("latin", b"fine\nGr\xf6\xdfe", "line 2: it is not UTF-8"),
        ("empty", b"", "is empty"),
        ("blank", b" \n \n", "is empty"),
        ("mark", "\u{feff}\n".as_bytes(), "is empty"),
        ("nul", b"a\0b", "NUL byte at byte 1"),
    ];
    for (name, bytes, words) in cases {
        fs::write(path(name), bytes).unwrap();
        assert_sentence(&read_text(&path(name)).unwrap_err(), &[name, words]);
    }
    assert_sentence(&read_text(&path("absent")).unwrap_err(), &["absent does not exist"]);
    assert_sentence(&read_text(folder.path()).unwrap_err(), &["cannot be read"]);
}

#[test]
fn a_file_is_read_up_to_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all(&[b'x'; 1000]).unwrap();
    for bytes in [vec![b'x'; 1000], packer.finish().unwrap()] {
        let path = folder.path().join("file");
        fs::write(&path, bytes).unwrap();
        assert_eq!(read_packed(&path, 1000).unwrap(), [b'x'; 1000]);
        assert_sentence(&read_packed(&path, 999).unwrap_err(), &["file has more than 999 bytes"]);
    }
}

#[test]
fn a_text_is_split_at_the_end_of_a_line() {
    assert_eq!(split_text("one\ntwo\nthree\n", 0.3), ("one\ntwo\n", "three\n"));
    assert_eq!(split_text("one\ntwo\nthree\n", 0.9), ("one\ntwo\nthre", "e\n"));
    assert_eq!(split_text("ääää", 0.4), ("ää", "ää"));
    assert_eq!(split_text("", 0.5), ("", ""));
}

#[test]
fn the_real_sets_have_the_counts_that_are_known_of_them() {
    use anther_data::tokenizer::count_words;
    let Some(data) = real_data() else { return };
    let names =
        PartNames { train: Some("wiki.valid.tokens"), validation: Some("wiki.test.tokens"), ..PartNames::default() };
    let wiki = CorpusFiles::find(&data.join("wikitext-2"), &names).unwrap();
    let words = |path: &std::path::Path| count_words(&read_text(path).unwrap());
    assert_eq!((words(&wiki.train), words(&wiki.validation)), (217_646, 245_569));
    let names = PartNames { train: Some("state_union.train.txt.gz"), ..PartNames::default() };
    let union = CorpusFiles::find(&data.join("us-presidential"), &names).unwrap();
    // Words and ends of lines.
    assert_eq!((words(&union.train), words(union.test().unwrap())), (288_088 + 6033, 25_961 + 463));
}
