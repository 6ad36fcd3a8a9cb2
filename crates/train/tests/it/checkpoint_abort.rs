//! A process that dies at any step of saving leaves a checkpoint that loads.

use anther_train::checkpoint::Store;
use anther_train::fs::{Disk, Fs};

use crate::fail_at::{After, FailAt};
use crate::sample::{Sample, store_with};

/// What is left when saving `step` beside `before` stops for good at step `at`; `None` when it was done by then.
fn die_at(at: usize, before: &[u64], step: u64) -> Option<(tempfile::TempDir, Store)> {
    let (dir, store) = store_with(before);
    let disk = FailAt::new(at, 5, After::Dead);
    let _ = Store::new(dir.path(), &disk).save(&Sample::new(step).snapshot(), 1, true);
    (disk.steps() > at).then_some((dir, store))
}

#[test]
fn latest_is_whole_after_death_at_any_step() {
    let mut deaths = 0;
    while let Some((dir, store)) = die_at(deaths, &[300, 400], 500) {
        let loaded = store.load_latest(true).unwrap_or_else(|error| panic!("step {deaths}: {error}"));
        assert!(Sample::new(400).is(&loaded) || Sample::new(500).is(&loaded), "step {deaths}");
        store.load_best().unwrap_or_else(|error| panic!("step {deaths}: {error}"));

        // The run goes on: the same step is saved again, and then nothing of the accident is left.
        store.save(&Sample::new(500).snapshot(), 1, true).unwrap();
        assert!(Sample::new(500).is(&store.load_latest(true).unwrap()));
        assert_eq!(Disk.list(dir.path()).unwrap(), ["best", "latest", "step-00000500"], "step {deaths}");
        deaths += 1;
    }
    assert!(deaths >= 38, "only {deaths} steps");
}

#[test]
fn the_first_checkpoint_is_found_even_before_latest_is_written() {
    let (mut nothing, mut found, mut at) = (0, 0, 0);
    while let Some((_dir, store)) = die_at(at, &[], 500) {
        match store.load_latest(false) {
            Ok(loaded) => {
                assert!(Sample::new(500).is(&loaded));
                found += 1;
            }
            Err(error) => {
                assert!(error.to_string().contains("there is no checkpoint in"), "{error}");
                assert_eq!(found, 0, "step {at}: it was there at an earlier death");
                nothing += 1;
            }
        }
        at += 1;
    }
    assert!(nothing > 20 && found > 10, "{nothing} {found}");
}

#[test]
fn replacing_the_only_checkpoint_never_leaves_none() {
    let (mut at, mut aside) = (0, 0);
    while let Some((dir, store)) = die_at(at, &[500], 500) {
        let loaded = store.load_latest(false).unwrap_or_else(|error| panic!("step {at}: {error}"));
        assert!(Sample::new(500).is(&loaded), "step {at}");
        if dir.path().join("step-00000500.old").exists() && !dir.path().join("step-00000500").exists() {
            aside += 1;
            let warning = &loaded.warnings[0];
            assert!(warning.contains("step-00000500.old") && warning.contains("named by `latest`"), "{warning}");
            assert!(store.load_latest(true).is_err());
        }
        store.save(&Sample::new(500).snapshot(), 1, true).unwrap();
        assert_eq!(Disk.list(dir.path()).unwrap(), ["best", "latest", "step-00000500"], "step {at}");
        at += 1;
    }
    assert_eq!(aside, 1, "death between the two renames was meant to be covered");
}

#[test]
fn replacing_a_step_by_other_content_gives_one_or_the_other() {
    let (mut old, mut new, mut at) = (0, 0, 0);
    loop {
        let (_dir, store) = store_with(&[500]);
        let dir = store.dir().to_path_buf();
        let disk = FailAt::new(at, 5, After::Dead);
        let _ = Store::new(&dir, &disk).save(&Sample::other(500).snapshot(), 1, true);
        if disk.steps() <= at {
            break;
        }
        let loaded = store.load_latest(false).unwrap_or_else(|error| panic!("step {at}: {error}"));
        let is_new = Sample::other(500).is(&loaded);
        assert!(is_new || Sample::new(500).is(&loaded), "step {at}: a mixture");
        assert!(is_new || new == 0, "step {at}: the new one was there at an earlier death");
        *if is_new { &mut new } else { &mut old } += 1;
        at += 1;
    }
    assert!(old > 20 && new > 10, "{old} {new}");
}
