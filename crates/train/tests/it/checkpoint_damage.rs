//! Damage to any byte of any file is noticed.

use std::fs;

use anther_train::checkpoint::LoadError;

use crate::sample::{Random, Sample, files, store_with};

#[test]
fn every_truncation_of_every_file_is_an_error() {
    let (dir, store) = store_with(&[500]);
    let mut cases = 0;
    for path in files(dir.path()) {
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            cases += 1;
            let strict = store.load_latest(true);
            match path.file_name().unwrap().to_str().unwrap() {
                // The pointers are not part of the checkpoint: each hides itself only.
                "best" => {
                    assert!(store.load_best().is_err(), "best cut to {length}");
                    strict.unwrap();
                }
                "latest" => {
                    assert!(strict.is_err(), "latest cut to {length}");
                    let loaded = store.load_latest(false).unwrap();
                    assert!(Sample::new(500).is(&loaded) && loaded.warnings.len() == 1);
                }
                name => {
                    assert!(strict.is_err(), "{name} cut to {length}");
                    let error = store.load_latest(false).unwrap_err();
                    assert!(matches!(error, LoadError::AllDamaged { .. }));
                    assert!(error.to_string().contains(name), "{error}");
                    assert!(store.load_step(500).is_err() && store.load_best().is_err());
                }
            }
        }
        fs::write(&path, whole).unwrap();
    }
    assert!(Sample::new(500).is(&store.load_latest(true).unwrap()));
    assert!(cases > 1500, "{cases}");
}

#[test]
fn every_file_that_grew_or_vanished_is_an_error() {
    let (dir, store) = store_with(&[500]);
    for path in files(dir.path()) {
        let whole = fs::read(&path).unwrap();
        let is_best = path.ends_with("best");
        fs::write(&path, [&whole[..], b"\n"].concat()).unwrap();
        assert!(if is_best { store.load_best().is_err() } else { store.load_latest(true).is_err() }, "{path:?} grew");
        fs::remove_file(&path).unwrap();
        assert!(
            if is_best { store.load_best().is_err() } else { store.load_latest(true).is_err() },
            "{path:?} vanished"
        );
        fs::write(&path, whole).unwrap();
    }
    store.load_latest(true).unwrap();
}

#[test]
fn bit_flips_are_never_accepted() {
    let (dir, store) = store_with(&[400, 500]);
    let paths = files(dir.path());
    let mut random = Random(20);
    let (mut fallbacks, mut unharmed) = (0, 0);
    for case in 0..2500 {
        let path = &paths[random.below(paths.len())];
        let whole = fs::read(path).unwrap();
        let mut bytes = whole.clone();
        let (byte, bit) = (random.below(bytes.len()), random.below(8));
        bytes[byte] ^= 1 << bit;
        fs::write(path, bytes).unwrap();

        let what = format!("case {case}: bit {bit} of byte {byte} of {}", path.display());
        let of_latest = path.ends_with("latest") || path.parent().unwrap().ends_with("step-00000500");
        let of_best = path.ends_with("best") || path.parent().unwrap().ends_with("step-00000400");
        assert_eq!(store.load_latest(true).is_err(), of_latest, "{what}");
        assert_eq!(store.load_best().is_err(), of_best, "{what}");
        assert_eq!(store.load_step(400).is_err(), of_best && !path.ends_with("best"), "{what}");
        let loaded = store.load_latest(false).expect(&what);
        if of_latest {
            assert_eq!(loaded.warnings.len(), 1, "{what}");
            let expected = if path.ends_with("latest") { 500 } else { 400 };
            assert!(Sample::new(expected).is(&loaded), "{what}");
            fallbacks += 1;
        } else {
            assert!(Sample::new(500).is(&loaded) && loaded.warnings.is_empty(), "{what}");
            unharmed += 1;
        }
        fs::write(path, whole).unwrap();
    }
    assert!(fallbacks > 800 && unharmed > 800, "{fallbacks} {unharmed}");
}

#[test]
fn the_warning_names_both_checkpoints_and_the_damage() {
    let (dir, store) = store_with(&[300, 400, 500]);
    fs::write(dir.path().join("step-00000500/optim.safetensors"), "short").unwrap();
    fs::write(dir.path().join("step-00000400/state.bin"), "1234").unwrap();
    let loaded = store.load_latest(false).unwrap();
    assert!(Sample::new(300).is(&loaded));
    let [warning] = &loaded.warnings[..] else { panic!("{:?}", loaded.warnings) };
    for part in
        ["step-00000500 (named by `latest`)", "optim.safetensors", "state.bin", "step-00000300 was loaded instead"]
    {
        assert!(warning.contains(part), "{warning} should say {part}");
    }
    let error = store.load_latest(true).unwrap_err().to_string();
    assert!(error.contains("step-00000500") && error.contains("optim.safetensors"), "{error}");
}

#[test]
fn a_pointer_to_another_whole_checkpoint_is_not_believed() {
    let (dir, store) = store_with(&[400, 500]);
    let latest = dir.path().join("latest");
    let text = fs::read_to_string(&latest).unwrap();
    fs::write(&latest, text.replace("step-00000500", "step-00000400")).unwrap();
    let error = store.load_latest(true).unwrap_err().to_string();
    assert!(error.contains("not the manifest that `latest` was written for"), "{error}");
    assert!(Sample::new(500).is(&store.load_latest(false).unwrap()));
}

#[test]
fn a_directory_or_a_pipe_in_place_of_a_file_is_an_error() {
    let (dir, store) = store_with(&[500]);
    let path = dir.path().join("step-00000500/state.bin");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let error = store.load_latest(false).unwrap_err().to_string();
    assert!(error.contains("state.bin: it is not a regular file"), "{error}");
    fs::remove_dir(&path).unwrap();
    // A pipe would block whoever opens it; without the tool that makes one, there is nothing to test.
    if std::process::Command::new("mkfifo").arg(&path).status().is_ok_and(|status| status.success()) {
        assert!(store.load_latest(false).unwrap_err().to_string().contains("not a regular file"));
    }
}
