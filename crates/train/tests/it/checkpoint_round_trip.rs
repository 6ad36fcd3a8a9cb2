//! What is saved is what is loaded.

use anther_train::checkpoint::{LoadError, NamedTensor, SaveError, Snapshot, Store};
use anther_train::fs::Disk;

use crate::sample::{Sample, files, store_with};

#[test]
fn latest_best_and_step_give_back_every_bit() {
    let (_dir, store) = store_with(&[100, 200, 300]);
    let latest = store.load_latest(true).unwrap();
    assert!(Sample::new(300).is(&latest), "{latest:?}");
    assert_eq!(latest.warnings, [""; 0]);
    assert_eq!(latest.manifest.parameters, 7);
    assert!(Sample::new(100).is(&store.load_best().unwrap()));
    assert!(Sample::new(200).is(&store.load_step(200).unwrap()));
    assert_eq!(store.steps().unwrap(), [100, 200, 300]);
}

#[test]
fn the_same_snapshot_gives_the_same_bytes() {
    let ((a, _), (b, _)) = (store_with(&[7, 8]), store_with(&[7, 8]));
    let content = |dir: &tempfile::TempDir| -> Vec<(std::path::PathBuf, Vec<u8>)> {
        let relative = |path: &std::path::Path| path.strip_prefix(dir.path()).unwrap().to_path_buf();
        files(dir.path()).iter().map(|path| (relative(path), std::fs::read(path).unwrap())).collect()
    };
    assert_eq!(content(&a), content(&b));
    assert_eq!(content(&a).len(), 14, "two checkpoints of six files, latest and best, nothing else");
}

#[test]
fn saved_reports_the_size_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let saved = Store::new(dir.path(), Disk).save(&Sample::new(1).snapshot(), 1, false).unwrap();
    let size: u64 = files(&saved.dir).iter().map(|path| path.metadata().unwrap().len()).sum();
    assert_eq!(saved.bytes, size);
}

#[test]
fn an_empty_store_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(dir.path(), Disk);
    for strict in [false, true] {
        assert!(matches!(store.load_latest(strict), Err(LoadError::Empty { .. })));
    }
    let error = store.load_best().unwrap_err().to_string();
    assert!(error.contains("best is missing"), "{error}");
    let error = store.load_step(3).unwrap_err().to_string();
    assert!(error.contains("step-00000003") && error.contains("manifest.json"), "{error}");
}

#[test]
fn a_missing_directory_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(dir.path().join("nowhere"), Disk);
    let error = store.save(&Sample::new(1).snapshot(), 1, false).unwrap_err().to_string();
    assert!(error.contains("nowhere") && error.contains("while saving step 1"), "{error}");
    assert!(store.load_latest(false).unwrap_err().to_string().contains("nowhere"));
}

#[test]
fn what_could_not_be_read_back_is_refused_before_the_disk_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(dir.path(), Disk);
    let tensor = |name, shape, data| NamedTensor { name, shape, data };
    let snapshot = |tensors| Snapshot { step: 9, tensors, ..Snapshot::default() };
    let extra = |name: &str, bytes| Snapshot { extra: vec![(name.to_owned(), bytes)], ..Snapshot::default() };
    let long = "x".repeat((256 << 10) + 1);
    let cases = [
        (snapshot(vec![tensor("a", &[2], &[1.0])]), "has 1 elements"),
        (snapshot(vec![tensor("a", &[], &[1.0]), tensor("a", &[], &[1.0])]), "used twice"),
        (snapshot(vec![tensor("__metadata__", &[], &[1.0])]), "reserved"),
        (snapshot(vec![tensor("a", &[usize::MAX, 2], &[])]), "has 0 elements"),
        (extra("../x", vec![]), "no name for a file"),
        (extra(".hidden", vec![]), "no name for a file"),
        (extra("", vec![]), "no name for a file"),
        (extra("manifest.json", vec![]), "two files named"),
        (extra("model.safetensors", vec![]), "two files named"),
        (extra("big.json", vec![0; (64 << 20) + 1]), "at most 67108864"),
        (Snapshot { recipe: &long, ..Snapshot::default() }, "at most 262144"),
        (
            Snapshot { metadata: [("k".to_owned(), "v".repeat(2 << 20))].into(), ..Snapshot::default() },
            "at most 1048576",
        ),
    ];
    for (snapshot, part) in cases {
        let error = store.save(&snapshot, 1, false).unwrap_err();
        assert!(matches!(error, SaveError::Invalid { .. }), "{error}");
        assert!(error.to_string().contains(part), "{error} should say {part}");
        assert_eq!(files(dir.path()), Vec::<std::path::PathBuf>::new());
    }
}

#[test]
fn sizes_at_their_limits_are_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(dir.path(), Disk);
    let recipe = "x".repeat(256 << 10);
    let extra = vec![("big.json".to_owned(), vec![7; 64 << 20])];
    store.save(&Snapshot { recipe: &recipe, extra, ..Snapshot::default() }, 1, false).unwrap();
    let loaded = store.load_latest(true).unwrap();
    assert_eq!((loaded.recipe.len(), loaded.extra[0].1.len()), (256 << 10, 64 << 20));
}

#[test]
fn numbers_that_are_not_finite_warn_and_are_refused_when_strict() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::new(dir.path(), Disk);
    for bad in [f32::NAN, f32::INFINITY] {
        let data = [1.0, bad];
        let sick = NamedTensor { name: "sick", shape: &[2], data: &data };
        let snapshot = Snapshot { step: 5, optimizer: vec![sick], ..Snapshot::default() };
        store.save(&snapshot, 1, true).unwrap();
        for loaded in [store.load_latest(false), store.load_best(), store.load_step(5)] {
            let warnings = loaded.unwrap().warnings;
            assert!(warnings.len() == 1 && warnings[0].contains("\"sick\""), "{warnings:?}");
        }
        let error = store.load_latest(true).unwrap_err().to_string();
        assert!(error.contains("optim.safetensors") && error.contains("\"sick\""), "{error}");
    }
}
