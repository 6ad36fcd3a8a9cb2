//! One writer at a time.

use std::fs;
use std::process::{Command, Stdio};

use anther_train::lock::{LOCK_FILE, LockError, RunLock};

#[test]
fn a_live_lock_is_refused_by_name_and_free_again_when_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let lock = RunLock::acquire(dir.path()).unwrap();
    assert_eq!(lock.taken_over_from(), None);
    let error = RunLock::acquire(dir.path()).unwrap_err();
    assert!(matches!(error, LockError::Held { .. }));
    let text = error.to_string();
    assert!(text.contains(dir.path().to_str().unwrap()), "{text}");
    if cfg!(unix) {
        assert!(text.contains(&format!("in use by process {};", std::process::id())), "{text}");
    }
    drop(lock);
    let again = RunLock::acquire(dir.path()).unwrap();
    assert_eq!(again.taken_over_from(), None, "given back, not taken over");
}

#[test]
fn a_stale_lock_is_taken_over_and_reported() {
    let dir = tempfile::tempdir().unwrap();
    // What a process that was killed leaves behind: its number and no lock.
    fs::write(dir.path().join(LOCK_FILE), "4194000\n").unwrap();
    let lock = RunLock::acquire(dir.path()).unwrap();
    assert_eq!(lock.taken_over_from(), Some(4_194_000));
    assert!(matches!(RunLock::acquire(dir.path()), Err(LockError::Held { .. })));
}

#[test]
fn nonsense_in_the_file_does_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    for content in [&b"\xff\xff"[..], b"-1", b"99999999999999", &[b'1'; 5000]] {
        fs::write(dir.path().join(LOCK_FILE), content).unwrap();
        assert_eq!(RunLock::acquire(dir.path()).unwrap().taken_over_from(), None);
    }
}

#[test]
fn a_directory_that_is_not_there_is_an_error_that_names_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let error = RunLock::acquire(&dir.path().join("nowhere")).unwrap_err().to_string();
    assert!(error.contains("nowhere") && error.contains(LOCK_FILE), "{error}");
}

/// Run by the next test in a process of its own; does nothing otherwise.
#[test]
fn child_holds_the_lock() {
    let Some(dir) = std::env::var_os("ANTHER_TEST_LOCK_DIR") else {
        return;
    };
    let _lock = RunLock::acquire(dir.as_ref()).unwrap();
    fs::write(std::path::Path::new(&dir).join("locked"), "").unwrap();
    // Until the parent closes the pipe or kills this process.
    std::io::Read::read_to_end(&mut std::io::stdin(), &mut Vec::new()).unwrap();
}

#[test]
fn the_lock_of_a_killed_process_is_free() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["lock::child_holds_the_lock", "--exact"])
        .env("ANTHER_TEST_LOCK_DIR", dir.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    while !dir.path().join("locked").exists() {
        assert!(child.try_wait().unwrap().is_none(), "the child ended early");
        std::thread::yield_now();
    }
    let held = RunLock::acquire(dir.path());
    child.kill().unwrap();
    child.wait().unwrap();
    let Err(LockError::Held { pid, .. }) = held else { panic!("{held:?}") };
    assert!(pid == Some(child.id()) || cfg!(not(unix)));
    let lock = RunLock::acquire(dir.path()).unwrap();
    assert_eq!(lock.taken_over_from(), Some(child.id()));
}
