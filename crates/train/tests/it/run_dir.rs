//! The directory of a run.

use std::collections::BTreeMap;
use std::fs;

use anther_train::log::MetricsLog;
use anther_train::run_dir::{RunDir, RunDirError};

use crate::sample::Sample;

fn facts() -> BTreeMap<String, String> {
    BTreeMap::from([("seed".to_owned(), "7".to_owned())])
}

#[test]
fn what_is_created_can_be_opened() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep/run");
    let run = RunDir::create(&path, "a = 1\n", &facts()).unwrap();
    run.store().save(&Sample::new(3).snapshot(), 1, false).unwrap();
    let opened = RunDir::open(&path).unwrap();
    assert_eq!(opened, run);
    assert_eq!(opened.read_recipe().unwrap(), "a = 1\n");
    assert_eq!(opened.read_facts().unwrap(), facts());
    assert!(Sample::new(3).is(&opened.store().load_latest(true).unwrap()));
    opened.write_recipe("a = 2\n").unwrap();
    assert_eq!(run.read_recipe().unwrap(), "a = 2\n");
}

#[test]
fn a_run_is_never_started_over_another() {
    let dir = tempfile::tempdir().unwrap();
    RunDir::create(dir.path(), "a = 1\n", &facts()).unwrap();
    let refused = |part: &str| {
        let error = RunDir::create(dir.path(), "a = 2\n", &facts()).unwrap_err();
        assert!(matches!(error, RunDirError::Taken { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains("--resume") && text.contains("--out") && text.contains(part), "{text}");
    };
    refused("recipe.toml");
    assert_eq!(RunDir::open(dir.path()).unwrap().read_recipe().unwrap(), "a = 1\n");
    // Without its recipe, what it has produced still protects it.
    drop(MetricsLog::create(dir.path(), &["loss"]).unwrap());
    fs::remove_file(dir.path().join("recipe.toml")).unwrap();
    refused("metrics.jsonl");
    fs::remove_file(dir.path().join("metrics.jsonl")).unwrap();
    fs::remove_file(dir.path().join("metrics.csv")).unwrap();
    fs::create_dir(dir.path().join("ckpt/step-00000001")).unwrap();
    refused("ckpt/step-00000001");
    fs::remove_dir(dir.path().join("ckpt/step-00000001")).unwrap();
    RunDir::create(dir.path(), "a = 2\n", &facts()).expect("a start that was cut short can be repeated");
}

#[test]
fn numbers_go_up_and_names_are_plain() {
    let dir = tempfile::tempdir().unwrap();
    let create = |name: &str| {
        let run = RunDir::create_numbered(&dir.path().join("runs"), name, "", &facts()).unwrap();
        run.path().strip_prefix(dir.path()).unwrap().to_str().unwrap().to_owned()
    };
    assert_eq!(create("copy"), "runs/copy-1");
    assert_eq!(create("copy"), "runs/copy-2");
    fs::create_dir(dir.path().join("runs/copy-9")).unwrap();
    fs::create_dir(dir.path().join("runs/copy-x")).unwrap();
    assert_eq!(create("copy"), "runs/copy-10", "also above a number whose run is gone");
    assert_eq!(create("../a b/é"), "runs/..-a-b---1");
    assert_eq!(create("copy-task"), "runs/copy-task-1");
}

#[test]
fn a_directory_without_a_run_is_not_opened() {
    let dir = tempfile::tempdir().unwrap();
    for path in [dir.path().to_path_buf(), dir.path().join("nowhere")] {
        let error = RunDir::open(&path).unwrap_err();
        assert!(error.to_string().contains("holds no run"), "{error}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "looking leaves nothing behind");
}

#[cfg(unix)]
#[test]
fn a_directory_that_cannot_be_looked_into_is_not_called_empty() {
    let dir = tempfile::tempdir().unwrap();
    // A link to itself: a refusal that root meets too.
    std::os::unix::fs::symlink("recipe.toml", dir.path().join("recipe.toml")).unwrap();
    let error = RunDir::open(dir.path()).unwrap_err();
    assert!(matches!(error, RunDirError::Fs(_)) && error.to_string().contains("cannot read"), "{error}");
}

#[test]
fn a_recipe_is_compared_with_that_of_the_newest_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let sample = Sample::new(3);
    let saved = sample.snapshot();
    let run = RunDir::create(dir.path(), "seed = 1\n", &facts()).unwrap();
    assert!(!run.recipe_was_changed(), "there is no checkpoint");
    run.store().save(&saved, 1, false).unwrap();
    assert!(run.recipe_was_changed());
    run.write_recipe(saved.recipe).unwrap();
    assert!(!run.recipe_was_changed());
}

#[test]
fn hostile_files_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    let run = RunDir::create(dir.path(), "", &facts()).unwrap();
    let long = "#".repeat((256 << 10) + 1);
    assert!(run.write_recipe(&long).unwrap_err().to_string().contains("at most 262144"));
    assert_eq!(run.read_recipe().unwrap(), "");
    run.write_recipe(&long[1..]).unwrap();
    assert_eq!(run.read_recipe().unwrap().len(), 256 << 10);
    fs::write(run.file("recipe.toml"), &long).unwrap();
    assert!(run.read_recipe().unwrap_err().to_string().contains("at most 262144"));
    fs::write(run.file("recipe.toml"), b"\xff").unwrap();
    assert!(run.read_recipe().unwrap_err().to_string().contains("utf-8"));
    for text in ["", "[]", "{\"a\":1}", "{\"a\":\"b\"} x"] {
        fs::write(run.file("run.json"), text).unwrap();
        let error = run.read_facts().unwrap_err();
        assert!(matches!(error, RunDirError::Content { .. }), "{text}: {error}");
    }
    fs::write(run.file("run.json"), " ".repeat((1 << 20) + 1)).unwrap();
    assert!(run.read_facts().unwrap_err().to_string().contains("at most 1048576"));
}
