//! An error at any step of saving leaves the checkpoint before it as it was, and the message says what happened.

use std::io;

use anther_train::checkpoint::{SaveError, Store};
use anther_train::fs::{Disk, Fs};

use crate::fail_at::{After, ERRORS, FailAt};
use crate::sample::{Sample, store_with};

/// Fallible steps of saving step 500 as the best, beside 300 (to be removed) and 400, with a leftover to sweep.
fn count() -> usize {
    let (dir, _) = store_with(&[300, 400]);
    std::fs::create_dir(dir.path().join(".tmp-00000400-1")).unwrap();
    let disk = FailAt::never();
    Store::new(dir.path(), &disk).save(&Sample::new(500).snapshot(), 1, true).unwrap();
    disk.steps()
}

#[test]
fn every_step_fails_in_every_way() {
    let steps = count();
    assert!(steps >= 40, "only {steps} fallible steps are known");
    let (mut unsaved, mut unconfirmed, mut saved) = (0, 0, 0);
    for errno in ERRORS {
        let cause = io::Error::from_raw_os_error(errno).to_string();
        for at in 0..steps {
            let (dir, store) = store_with(&[300, 400]);
            std::fs::create_dir(dir.path().join(".tmp-00000400-1")).unwrap();
            let disk = FailAt::new(at, errno, After::Works);
            let result = Store::new(dir.path(), &disk).save(&Sample::new(500).snapshot(), 1, true);
            let loaded = store.load_latest(true).unwrap_or_else(|error| panic!("step {at}, {cause}: {error}"));
            match result {
                Err(error @ SaveError::NotSaved { .. }) => {
                    unsaved += 1;
                    let text = error.to_string();
                    assert!(text.contains("while saving step 500") && text.contains(&cause), "{text}");
                    assert!(text.contains(dir.path().to_str().unwrap()), "{text}");
                    assert!(text.contains("step-00000400 is untouched") || at == 0, "{text}");
                    assert!(!error.is_saved());
                    assert!(Sample::new(400).is(&loaded), "step {at}: {text}");
                    assert!(Sample::new(300).is(&store.load_best().unwrap()));
                    let names = Disk.list(dir.path()).unwrap();
                    assert!(!names.iter().any(|name| name.starts_with(".tmp-00000500")), "step {at}: {names:?}");
                    assert_eq!(store.steps().unwrap(), [300, 400], "step {at} left something behind");
                }
                Err(error @ SaveError::Unconfirmed { .. }) => {
                    unconfirmed += 1;
                    let text = error.to_string();
                    assert!(text.contains("step 500 is saved in") && text.contains(&cause), "{text}");
                    assert!(text.contains("durability is unconfirmed"), "{text}");
                    assert!(error.is_saved());
                    assert!(Sample::new(500).is(&store.load_step(500).unwrap()));
                    let named_old = text.contains("`latest` still names step-00000400");
                    assert!(Sample::new(if named_old { 400 } else { 500 }).is(&loaded), "step {at}: {text}");
                    store.load_best().unwrap();
                }
                Err(error) => panic!("step {at}: {error}"),
                Ok(report) => {
                    saved += 1;
                    assert!(Sample::new(500).is(&loaded), "step {at}");
                    let told = report.warnings.iter().any(|warning| warning.contains(&cause));
                    // Reading `latest` at the start only serves the message.
                    assert!(told || at == 0, "step {at} failed and nobody was told: {report:?}");
                }
            }
            store.save(&Sample::new(600).snapshot(), 2, false).unwrap();
            assert!(Sample::new(600).is(&store.load_latest(true).unwrap()));
            let names = Disk.list(dir.path()).unwrap();
            assert!(names.iter().all(|name| !name.starts_with(".tmp-")), "step {at}: {names:?}");
        }
    }
    // Six files at three steps each, and the directory, its sync, the rename and the first listing.
    assert_eq!(unsaved, 3 * 22);
    // The sync of the store; the leftover, three steps of writing, the rename and the sync, for both pointers.
    assert_eq!(unconfirmed, 3 * 13);
    assert_eq!(saved, 3 * steps - unsaved - unconfirmed);
}

#[test]
fn a_message_reads_as_one_sentence() {
    let (dir, _) = store_with(&[400]);
    // Read `latest`, list, create the directory, create the file: then there is no space.
    let disk = FailAt::new(4, 28, After::Works);
    let error = Store::new(dir.path(), &disk).save(&Sample::new(500).snapshot(), 1, false).unwrap_err();
    let text = error.to_string();
    let cause = io::Error::from_raw_os_error(28);
    assert!(text.starts_with("cannot write "), "{text}");
    let end =
        format!("model.safetensors while saving step 500: {cause}; the previous checkpoint step-00000400 is untouched");
    assert!(text.ends_with(&end), "{text}");
}

#[test]
fn replacing_a_step_that_fails_leaves_the_old_one() {
    let count = {
        let (dir, _) = store_with(&[400, 500]);
        let disk = FailAt::never();
        Store::new(dir.path(), &disk).save(&Sample::new(500).snapshot(), 2, false).unwrap();
        disk.steps()
    };
    for at in 0..count {
        let (dir, store) = store_with(&[400, 500]);
        let disk = FailAt::new(at, 5, After::Works);
        let result = Store::new(dir.path(), &disk).save(&Sample::new(500).snapshot(), 2, false);
        assert!(Sample::new(500).is(&store.load_latest(true).unwrap()), "step {at}: {result:?}");
    }
}
