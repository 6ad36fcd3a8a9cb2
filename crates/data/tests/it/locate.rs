//! Finding data sets.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use anther_data::{DataDir, DataError};

use crate::support::assert_sentence;

#[test]
fn the_flag_wins_over_the_variable_and_both_over_the_default() {
    let (flag, env) = (Path::new("from-flag"), OsStr::new("from-env"));
    assert_eq!(DataDir::resolve(Some(flag), Some(env)).path(), flag);
    assert_eq!(DataDir::resolve(None, Some(env)).path(), Path::new("from-env"));
    assert_eq!(DataDir::resolve(None, None).path(), Path::new("datasets"));
    assert_eq!(DataDir::resolve(None, Some(OsStr::new(""))).path(), Path::new("datasets"));
}

#[test]
fn files_and_folders_are_found() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("set")).unwrap();
    fs::write(folder.path().join("set/input.txt"), "x").unwrap();
    let data = DataDir::resolve(Some(folder.path()), None);
    assert_eq!(data.find("set/input.txt").unwrap(), folder.path().join("set/input.txt"));
    assert_eq!(data.find("set").unwrap(), folder.path().join("set"));
}

#[test]
fn what_is_missing_says_where_and_how_to_mend_it() {
    let env = OsStr::new("no/such/folder");
    let error = DataDir::resolve(None, Some(env)).find("tinyshakespeare/input.txt").unwrap_err();
    assert!(matches!(error, DataError::NotFound { .. }));
    assert_sentence(
        &error,
        &[
            "tinyshakespeare/input.txt",
            "no/such/folder",
            "given by ANTHER_DATA",
            "--data-dir",
            "cargo xtask fetch tinyshakespeare`",
        ],
    );
    let error = DataDir::resolve(Some(Path::new("no/such")), None).find("a/b").unwrap_err();
    assert_sentence(&error, &["given by --data-dir", "fetch a`"]);
}

#[test]
fn paths_that_would_leave_the_folder_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataDir::resolve(Some(folder.path()), None);
    for outside in ["", ".", "..", "../x", "a/../../x", "/etc/hostname"] {
        assert!(matches!(data.find(outside), Err(DataError::Outside { .. })), "{outside:?}");
    }
}
