//! Tests that need files which are not there: they skip, and say so.

use std::path::PathBuf;

/// The folder of downloaded data sets, from `ANTHER_DATA`; prints `skipped: ANTHER_DATA is not set` if there is none.
///
/// ```
/// # fn test() {
/// let Some(folder) = anther_testkit::datasets() else { return };
/// # let _ = folder;
/// # }
/// ```
pub fn datasets() -> Option<PathBuf> {
    let folder = std::env::var_os("ANTHER_DATA").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    if folder.is_none() {
        println!("skipped: ANTHER_DATA is not set");
    }
    folder
}
