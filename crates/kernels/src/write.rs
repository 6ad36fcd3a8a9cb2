//! What a kernel does with its destination.

/// Whether a kernel overwrites its destination or adds to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// Overwrite. Former contents are never read, so they may be stale or NaN.
    Set,
    /// Add to the former contents.
    Add,
}
