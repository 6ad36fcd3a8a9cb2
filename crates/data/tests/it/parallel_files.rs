//! The files of parallel data sets are found by the names that the field gives to them.

use std::path::Path;

use anther_data::parallel::{Part, find};

fn with(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let path = folder.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "x\n").unwrap();
    }
    folder
}

fn found(folder: &Path, languages: [&str; 2], part: Part, name: Option<&str>) -> [String; 2] {
    let files = find(folder, languages, part, name).unwrap();
    files.map(|file| file.strip_prefix(folder).unwrap().to_string_lossy().replace('\\', "/"))
}

#[test]
fn every_layout_is_found() {
    let plain = ["train.de.gz", "train.en.gz", "val.de", "val.en", "test_2016_flickr.de.gz", "test_2016_flickr.en.gz"];
    let folder = with(&plain);
    let of = |part, languages| found(folder.path(), languages, part, None);
    assert_eq!(of(Part::Train, ["de", "en"]), plain[..2]);
    assert_eq!(of(Part::Train, ["en", "de"]), [plain[1], plain[0]]);
    assert_eq!(of(Part::Validation, ["de", "en"]), plain[2..4]);
    assert_eq!(of(Part::Test, ["de", "en"]), plain[4..]);

    let iwslt = [
        "train.tags.de-en.de",
        "train.tags.de-en.en",
        "IWSLT17.TED.dev2010.de-en.de.xml",
        "IWSLT17.TED.dev2010.de-en.en.xml",
    ];
    let folder = with(&iwslt.map(|file| format!("de-en/{file}")).each_ref().map(|file| &file[..]));
    for languages in [["de", "en"], ["en", "de"]] {
        let [source, _] = found(folder.path(), languages, Part::Train, None);
        assert_eq!(source, format!("de-en/train.tags.de-en.{}", languages[0]));
        let [_, target] = found(folder.path(), languages, Part::Validation, None);
        assert_eq!(target, format!("de-en/IWSLT17.TED.dev2010.de-en.{}.xml", languages[1]));
    }

    let folder = with(&["cs/train.cs.gz", "cs/train.en.gz", "fi/train.fi.gz", "fi/train.en.gz"]);
    assert_eq!(found(folder.path(), ["en", "fi"], Part::Train, None), ["fi/train.en.gz", "fi/train.fi.gz"]);

    let wmt = [
        "newstest2021.de-en.src.de.gz",
        "newstest2021.de-en.ref.A.en.gz",
        "newstest2014-deen-src.de.sgm",
        "newstest2014-deen-ref.en.sgm",
    ];
    let folder = with(&wmt);
    assert_eq!(found(folder.path(), ["de", "en"], Part::Test, Some("newstest2021")), wmt[..2]);
    assert_eq!(found(folder.path(), ["de", "en"], Part::Test, None), wmt[2..]);
}

#[test]
fn a_part_with_one_side_alone_is_not_found() {
    let folder = with(&["train.de", "train.en", "valid.de", "dev.de", "dev.en"]);
    assert_eq!(found(folder.path(), ["de", "en"], Part::Validation, None), ["dev.de", "dev.en"]);
    let refused = find(folder.path(), ["de", "en"], Part::Test, None).unwrap_err().to_string();
    assert!(refused.contains("no test text in de and en") && refused.contains("data.test"), "{refused}");
    let refused = find(folder.path(), ["de", "fr"], Part::Train, Some("mine")).unwrap_err().to_string();
    assert!(refused.contains("with the names mine for both languages, such as mine.de.gz"), "{refused}");
}
