//! `.ts` files: the quirks of real ones, the archives' own, and what is refused.

use std::path::Path;

use anther_data::series::{
    MAX_SERIES_CASES, MAX_SERIES_CHANNELS, MAX_SERIES_LINE, MAX_SERIES_STEPS, Series, SeriesSet,
};
use proptest::prelude::*;

fn parse(text: &str) -> Result<SeriesSet, String> {
    SeriesSet::parse(text, "x.ts").map_err(|error| error.to_string())
}

#[test]
fn tags_come_in_any_case_and_may_be_missing() {
    let set = parse(
        "# a comment\n@PROBLEMNAME  Two words\n@timestamps False\n@dimension 2\n\n@Data\n1,2:3:b\n# another\n-1e1, ?:4,NaN:a\n",
    );
    let set = set.unwrap();
    assert_eq!((set.name.as_str(), set.channels, set.classes), ("Two", 2, vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(set.cases[0], Series { values: vec![vec![1.0, 2.0], vec![3.0]], class: 1 });
    let [first, second] = &set.cases[1].values[..] else { panic!("two channels") };
    assert!(first[0] == -10.0 && first[1].is_nan() && second[1].is_nan());
}

#[test]
fn classes_are_those_of_the_header_in_order_of_their_names() {
    let set = parse("@classLabel true 10 9 never\n@data\n1:9\n2:10\n").unwrap();
    assert_eq!(set.classes, ["10", "9", "never"]);
    assert_eq!(set.cases.iter().map(|case| case.class).collect::<Vec<_>>(), [1, 0]);
}

#[test]
fn an_empty_channel_and_time_stamps_are_understood() {
    let set = parse("@data\n1,2::a\n:3:b\n").unwrap();
    assert_eq!((set.cases[0].values[1].len(), set.cases[1].values[0].len(), set.cases[1].length()), (0, 0, 1));
    let set = parse("@timeStamps true\n@data\n(2020-01-01 10:00:00,1.5),(7,?):(0,2):x\n").unwrap();
    assert!(set.cases[0].values[0][0] == 1.5 && set.cases[0].values[0][1].is_nan() && set.cases[0].values[1] == [2.0]);
}

#[test]
fn mistakes_are_told_with_their_line() {
    for (text, line, words) in [
        ("", 0, "no @data"),
        ("@data\n", 0, "no cases"),
        ("hello\n@data\n1:a", 1, "neither a tag nor a comment"),
        ("@data\n1,2,3\n", 2, "no class"),
        ("@data\n1,2:\n", 2, "class after the last"),
        ("@data\n1,x:a\n", 2, "channel 1: `x` is not a number"),
        ("@data\n1e60:a\n", 2, "is not a number that f32 holds"),
        ("@data\n1:2:a\n1:a\n", 3, "1 channels, where there are 2"),
        ("@dimensions 3\n@data\n1:2:a\n", 3, "2 channels, where there are 3"),
        ("@dimensions none\n@data\n1:a\n", 1, "number of channels"),
        ("@univariate true\n@data\n1:2:a\n", 3, "2 channels, where there are 1"),
        ("@classLabel true a b\n@data\n1:c\n", 3, "`c` is not one of those"),
        ("@classLabel maybe\n@data\n1:c\n", 1, "true or false"),
        ("@classLabel false\n@data\n1\n", 1, "no classes"),
        ("@targetLabel true\n@data\n1:2.5\n", 1, "not classes"),
        ("@timestamps true\n@data\n(1,2:a\n", 3, "not closed"),
        ("@timestamps true\n@data\n((1,2):a\n", 3, "opens inside"),
        ("@timestamps true\n@data\n(1):a\n", 3, "no comma"),
        ("@timestamps true\n@data\n1,2:a\n", 3, "no value with a time stamp"),
    ] {
        let error = parse(text).unwrap_err();
        assert!(error.starts_with(&format!("x.ts, line {line}: ")) && error.contains(words), "{text:?}: {error}");
    }
    let missing = SeriesSet::read(Path::new("no/such.ts")).unwrap_err().to_string();
    assert!(missing.starts_with("no/such.ts cannot be read"), "{missing}");
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("bad.ts"), b"@data\n1:\xff\n").unwrap();
    let bad = SeriesSet::read(&dir.path().join("bad.ts")).unwrap_err().to_string();
    assert!(bad.contains("line 2: it is not UTF-8"), "{bad}");
}

#[test]
fn files_of_other_systems_are_read() {
    let set = parse("\u{feff}@problemName x\r\n@data\r\n1,2:a\r\n").unwrap();
    assert_eq!((&set.name[..], set.cases[0].length(), &set.classes[..]), ("x", 2, &["a".to_owned()][..]));
    assert!(parse("@data\n1:a\n1:\0\n").unwrap_err().starts_with("x.ts, line 3: there is a NUL byte"));
}

#[test]
fn limits_hold_to_the_last() {
    let refused = |text: &str, words: &str| {
        let error = parse(text).unwrap_err();
        assert!(error.starts_with("x.ts, line ") && error.contains(words), "{error}");
    };
    let line = "#".repeat(MAX_SERIES_LINE);
    assert!(parse(&format!("{line}\n@data\n1:a\n")).is_ok());
    refused(&format!("{line}#\n@data\n1:a\n"), "line 1: the line has more than 16777216 bytes");

    let cases = format!("@data\n{}", ":a\n".repeat(MAX_SERIES_CASES));
    assert_eq!(parse(&cases).unwrap().cases.len(), MAX_SERIES_CASES);
    refused(&format!("{cases}:a\n"), "line 1000002: there are more than 1000000 cases");

    for (head, value) in [("@data\n", "1:"), ("@timestamps true\n@data\n", "(0:0,1):")] {
        let channels = value.repeat(MAX_SERIES_CHANNELS);
        assert_eq!(parse(&format!("{head}{channels}a\n")).unwrap().channels, MAX_SERIES_CHANNELS);
        refused(&format!("{head}{channels}{value}a\n"), "there are more than 4096 channels");
        refused(&format!("{head}{channels}{channels}a\n"), "there are more than 4096 channels");
    }
    assert!(parse(&format!("@dimensions 4096\n@data\n{}a\n", ":".repeat(4096))).is_ok());
    refused("@dimensions 4097\n@data\n", "line 1: @dimensions needs a number of channels");

    let steps = "1,".repeat(MAX_SERIES_STEPS - 1);
    assert_eq!(parse(&format!("@data\n{steps}1:a\n")).unwrap().cases[0].length(), MAX_SERIES_STEPS);
    refused(&format!("@data\n{steps}1,1:a\n"), "line 2: channel 1: it has more than 1000000 values");
}

proptest! {
    #[test]
    fn no_text_panics(text in "[@a-z0-9:,.?() \n#-]{0,200}", tail in "[0-9:,.?()a \n]{0,80}") {
        let _ = parse(&text);
        for head in ["@data\n", "@timestamps true\n@data\n", "@classLabel true a\n@dimensions 2\n@data\n"] {
            let _ = parse(&format!("{head}{tail}"));
        }
    }
}

/// Files of the archives: names, cases, channels, the shortest and the longest series, classes, as their descriptions have them.
#[test]
fn real_files_have_the_sizes_that_are_known_of_them() {
    let Some(data) = std::env::var_os("ANTHER_DATA") else {
        println!("skipped: ANTHER_DATA is not set");
        return;
    };
    let folder = Path::new(&data).join("uea");
    if !folder.exists() {
        println!("skipped: there is no {}", folder.display());
        return;
    }
    for (name, part, cases, channels, lengths, classes) in [
        ("JapaneseVowels", "TRAIN", 270, 12, (7, 26), 9),
        ("JapaneseVowels", "TEST", 370, 12, (7, 29), 9),
        ("UWaveGestureLibrary", "TRAIN", 120, 3, (315, 315), 8),
        ("UWaveGestureLibrary", "TEST", 320, 3, (315, 315), 8),
        ("Handwriting", "TRAIN", 150, 3, (152, 152), 26),
    ] {
        let set = SeriesSet::read(&folder.join(name).join(format!("{name}_{part}.ts"))).unwrap();
        let of = set.cases.iter().map(Series::length);
        let found = (of.clone().min().unwrap(), of.max().unwrap());
        assert_eq!(
            (set.cases.len(), set.channels, found, set.classes.len()),
            (cases, channels, lengths, classes),
            "{name} {part}"
        );
    }
    let mut read = 0;
    for set in std::fs::read_dir(&folder).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_dir()) {
        for file in std::fs::read_dir(set.path()).unwrap().map(|entry| entry.unwrap().path()) {
            if file.extension().is_some_and(|extension| extension == "ts") {
                SeriesSet::read(&file).unwrap();
                read += 1;
            }
        }
    }
    assert!(read >= 20, "only {read} files were found");
}
