//! The same with real processes: one that is killed while it saves, and one for which the disk is full.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anther_train::checkpoint::{NamedTensor, Snapshot, Store};
use anther_train::fs::Disk;

use crate::sample::{Random, Sample, store_with};

const KILLED: &str = "ANTHER_TEST_SAVE_FOREVER";
const FULL: &str = "ANTHER_TEST_SAVE_LARGE";

fn child_dir(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from)
}

/// Run by the next test in a process of its own; does nothing otherwise.
#[test]
fn child_saves_forever() {
    let Some(dir) = child_dir(KILLED) else { return };
    let store = Store::new(dir, Disk);
    for step in 1.. {
        store.save(&Sample::new(step).snapshot(), 1, step % 3 == 0).unwrap();
    }
}

fn saving_child(dir: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["checkpoint_process::child_saves_forever", "--exact"])
        .env(KILLED, dir)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn a_killed_process_loses_at_most_the_checkpoint_it_was_saving() {
    let mut random = Random(9);
    for _ in 0..12 {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path(), Disk);
        let mut child = saving_child(dir.path());
        let wanted = 4 + random.below(12) as u64;
        // Step 3, the first best, is complete when step 4 is there.
        let mut seen = 0;
        while seen < wanted {
            assert!(child.try_wait().unwrap().is_none(), "the child ended early");
            seen = store.steps().unwrap().last().copied().unwrap_or(0).max(seen);
        }
        for _ in 0..random.below(2000) {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let loaded = store.load_latest(true).unwrap();
        assert!(loaded.step + 1 >= seen, "step {} was there, {} is loaded", seen, loaded.step);
        assert!(Sample::new(loaded.step).is(&loaded));
        store.load_best().unwrap();
        let next = loaded.step + 1;
        store.save(&Sample::new(next).snapshot(), 1, true).unwrap();
        assert_eq!(store.steps().unwrap(), [next], "nothing of the accident is left");
    }
}

/// Run by the next test in a process of its own; does nothing otherwise.
#[test]
fn child_saves_more_than_fits() {
    let Some(dir) = child_dir(FULL) else { return };
    let data = vec![1.0; 1 << 20];
    let tensors = vec![NamedTensor { name: "large", shape: &[1 << 20], data: &data }];
    let error =
        Store::new(dir, Disk).save(&Snapshot { step: 500, tensors, ..Snapshot::default() }, 1, true).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("model.safetensors while saving step 500") && !error.is_saved(), "{text}");
    assert!(text.ends_with("the previous checkpoint step-00000400 is untouched"), "{text}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_does_not_fit_leaves_the_old_checkpoint() {
    let (dir, store) = store_with(&[400]);
    // The signal that would end the process is ignored, so that writing fails as on a full disk.
    let child = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 512; exec \"$0\" checkpoint_process::child_saves_more_than_fits --exact"])
        .arg(std::env::current_exe().unwrap())
        .env(FULL, dir.path())
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
    assert!(String::from_utf8_lossy(&child.stdout).contains("1 passed"));
    assert!(Sample::new(400).is(&store.load_latest(true).unwrap()));
    let names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
}
