//! Series ready for a model.

use anther_data::series::{PreparedSeries, SeriesSet};
use anther_data::{DataDir, LabelledBatch};

use crate::support::real_data;

fn prepared(train: &str, test: &str) -> Result<PreparedSeries, String> {
    prepared_by(train, test, all)
}

fn prepared_by(train: &str, test: &str, learned: impl Fn(&[u32]) -> Vec<usize>) -> Result<PreparedSeries, String> {
    let [train, test] = [("a.ts", train), ("b.ts", test)]
        .map(|(name, text)| SeriesSet::parse(&format!("@data\n{text}"), name).unwrap());
    PreparedSeries::new(train, test, ["a.ts", "b.ts"], learned).map_err(|error| error.to_string())
}

fn all(labels: &[u32]) -> Vec<usize> {
    (0..labels.len()).collect()
}

#[test]
fn held_out_cases_do_not_give_the_scale() {
    let few = prepared("1,3:a\n5,7:b\n", "9:b\n").unwrap();
    let learned = |labels: &[u32]| (0..labels.len()).filter(|&case| labels[case] < 2).collect();
    let more = prepared_by("1,3:a\n500,-700:c\n5,7:b\n", "9:b\n", learned).unwrap();
    assert_eq!((&more.scale, &more.test.values), (&few.scale, &few.test.values));
    assert_eq!([&more.train.values[..2], &more.train.values[4..]].concat(), few.train.values);
    assert_ne!(more.scale, prepared("1,3:a\n500,-700:c\n5,7:b\n", "9:b\n").unwrap().scale);
}

#[test]
fn training_steps_give_the_scale_of_both_parts() {
    let set = prepared("0,2:5:x\n4:5,5:y\n", "8,?,0:5:x\n").unwrap();
    // Channel 1: 0, 2, 4, 4 (a short channel is filled up with its last value); deviation of a sample.
    let (mean, deviation) = (2.5, (11.0f64 / 3.0).sqrt());
    assert!((set.scale[0][0] - mean).abs() < 1e-12 && (set.scale[0][1] - deviation).abs() < 1e-12);
    assert_eq!(set.scale[1], [5.0, 1.0]);
    assert_eq!(
        (set.longest, set.channels, &set.train.lengths[..], &set.test.lengths[..]),
        (3, 2, &[2, 2][..], &[3][..])
    );
    let z = |x: f64| ((x - mean) / deviation) as f32;
    assert_eq!(set.train.values, [z(0.0), 0.0, z(2.0), 0.0, 0.0, 0.0, z(4.0), 0.0, z(4.0), 0.0, 0.0, 0.0]);
    assert_eq!(set.test.values, [z(8.0), 0.0, z(4.0), 0.0, z(0.0), 0.0]);
    let mut batch = LabelledBatch::default();
    set.train.refill(&[1, 0, 1], &mut batch);
    assert_eq!((&batch.labels[..], &batch.lengths[..], batch.numbers.len()), (&[1, 0, 1][..], &[2, 2, 2][..], 18));
    assert_eq!(batch.numbers[6..12], set.train.values[..6]);
}

#[test]
fn standardised_channels_have_mean_0_and_deviation_1() {
    let set = prepared("1,5,2,8:a\n4,4,1,0:b\n9,9:a\n", "3:b\n").unwrap();
    let values: Vec<f32> = set.train.values.iter().take(10).copied().collect();
    let (mean, squares) = (values.iter().sum::<f32>(), values.iter().map(|x| x * x).sum::<f32>());
    assert!(mean.abs() < 1e-5 && (squares / 9.0 - 1.0).abs() < 1e-5, "{mean} {squares}");
}

#[test]
fn parts_that_do_not_belong_together_are_refused() {
    for (train, test, words) in [
        ("1:a\n", "1:2:a\n", "b.ts: 2 channels, but the training cases have 1"),
        ("1:a\n", "1:a\n1:c\n", "b.ts: case 2 has the class `c`, which no training case"),
        ("1:a\n:a\n", "1:a\n", "a.ts: case 2 has no values"),
    ] {
        let error = prepared(train, test).unwrap_err();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn folders_are_found_by_name_and_by_path() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("uea/Steps");
    std::fs::create_dir_all(&folder).unwrap();
    let data = DataDir::resolve(Some(root.path()), None);
    let load = |name: &str| PreparedSeries::load(name, &data, all).map_err(|error| error.to_string());
    assert!(load("Steps").unwrap_err().contains("no file NAME_TRAIN.ts"));
    std::fs::write(folder.join("Steps_TRAIN.ts"), "@data\n1,2:a\n").unwrap();
    assert!(load("Steps").unwrap_err().contains("no file NAME_TEST.ts"));
    std::fs::write(folder.join("Steps_TEST.ts"), "@data\n3:a\n").unwrap();
    let set = load("Steps").unwrap();
    assert_eq!((set.longest, set.test.len()), (2, 1));
    assert_eq!(load(folder.to_str().unwrap()).unwrap(), set);
    assert_eq!(load("uea/Steps").unwrap(), set);
    std::fs::write(folder.join("Other_TEST.ts.gz"), "@data\n3:a\n").unwrap();
    assert!(load("Steps").unwrap_err().contains("both Other_TEST.ts.gz and Steps_TEST.ts could be meant"));
    assert!(load("Nowhere").unwrap_err().contains("Nowhere"));
    assert!(load("./nowhere").unwrap_err().contains("does not exist"));
    assert!(load(folder.join("Steps_TRAIN.ts").to_str().unwrap()).unwrap_err().contains("name the folder"));
}

#[test]
fn real_sets_have_the_sizes_of_their_descriptions() {
    let Some(root) = real_data() else { return };
    let data = DataDir::resolve(Some(&root), None);
    for (name, train, test, channels, longest, classes) in [
        ("JapaneseVowels", 270, 370, 12, 29, 9),
        ("UWaveGestureLibrary", 120, 320, 3, 315, 8),
        ("PLAID", 537, 537, 1, 1344, 11),
    ] {
        let set = PreparedSeries::load(name, &data, all).unwrap();
        let found = (set.train.len(), set.test.len(), set.channels, set.longest, set.classes.len());
        assert_eq!(found, (train, test, channels, longest, classes), "{name}");
        assert!(set.test.values.iter().all(|value| value.is_finite()));
    }
}
