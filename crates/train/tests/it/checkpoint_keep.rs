//! Which checkpoints stay.

use std::fs;

use anther_train::fs::{Disk, Fs};

use crate::sample::{Random, Sample, store_with};

#[test]
fn the_newest_stay_and_the_best() {
    let (_dir, store) = store_with(&[]);
    let mut removed = Vec::new();
    for step in 1..=6 {
        removed.extend(store.save(&Sample::new(step).snapshot(), 2, step == 2).unwrap().removed);
    }
    assert_eq!(store.steps().unwrap(), [2, 5, 6]);
    assert_eq!(removed, ["step-00000001", "step-00000003", "step-00000004"]);
    assert!(Sample::new(2).is(&store.load_best().unwrap()));
}

#[test]
fn keeping_none_keeps_the_one_just_saved() {
    let (_dir, store) = store_with(&[1, 2]);
    store.save(&Sample::new(3).snapshot(), 0, true).unwrap();
    assert_eq!(store.steps().unwrap(), [3]);
}

#[test]
fn latest_and_best_always_load_whatever_the_order() {
    let mut random = Random(3);
    for _ in 0..20 {
        let (_dir, store) = store_with(&[]);
        let mut best = None;
        for _ in 0..12 {
            // Going back happens when a run is resumed from an earlier step.
            let (step, keep) = (1 + random.below(8) as u64, random.below(4));
            let is_best = random.below(3) == 0;
            if is_best {
                best = Some(step);
            }
            store.save(&Sample::new(step).snapshot(), keep, is_best).unwrap();
            assert!(Sample::new(step).is(&store.load_latest(true).unwrap()));
            if let Some(best) = best {
                assert!(Sample::new(best).is(&store.load_best().unwrap()));
            }
            let steps = store.steps().unwrap();
            assert!(steps.iter().filter(|&&s| Some(s) != best).count() <= keep.max(1), "{steps:?} of {keep}");
            assert!(steps.iter().all(|&s| s <= step || Some(s) == best), "{steps:?}: an abandoned future stays");
        }
    }
}

#[test]
fn nothing_is_removed_when_best_cannot_be_read() {
    let (dir, store) = store_with(&[1, 2]);
    fs::write(dir.path().join("best"), "?").unwrap();
    let saved = store.save(&Sample::new(3).snapshot(), 1, false).unwrap();
    assert_eq!(store.steps().unwrap(), [1, 2, 3]);
    assert!(saved.warnings.len() == 1 && saved.warnings[0].contains("best"), "{:?}", saved.warnings);
}

#[test]
fn leftovers_are_ignored_by_loading_and_swept_by_saving() {
    let (dir, store) = store_with(&[1]);
    fs::create_dir_all(dir.path().join(".tmp-00000009-77/model")).unwrap();
    fs::write(dir.path().join(".tmp-latest"), "half").unwrap();
    fs::write(dir.path().join("notes.txt"), "mine").unwrap();
    fs::create_dir(dir.path().join("step-9")).unwrap();
    let loaded = store.load_latest(true).unwrap();
    assert!(Sample::new(1).is(&loaded) && loaded.warnings.is_empty());
    store.save(&Sample::new(2).snapshot(), 1, true).unwrap();
    let names = Disk.list(dir.path()).unwrap();
    assert_eq!(names, ["best", "latest", "notes.txt", "step-00000002", "step-9"], "what is not ours stays");
}

#[cfg(unix)]
#[test]
fn a_link_in_the_way_is_removed_and_not_followed() {
    let (dir, store) = store_with(&[1]);
    let other = tempfile::tempdir().unwrap();
    fs::write(other.path().join("precious"), "").unwrap();
    let link = dir.path().join(format!(".tmp-00000002-{}", std::process::id()));
    std::os::unix::fs::symlink(other.path(), &link).unwrap();
    store.save(&Sample::new(2).snapshot(), 1, false).unwrap();
    assert!(Sample::new(2).is(&store.load_latest(true).unwrap()));
    assert_eq!(Disk.list(other.path()).unwrap(), ["precious"]);
}
