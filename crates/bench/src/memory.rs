//! The most memory that a case takes.

use anther_tensor::Element;

pub use anther_train::memory::peak_rss_bytes;

/// Forgets the peak so far, so that [`peak_rss_bytes`] tells of what comes now. Free buffers of the pool return to the system first.
///
/// Without effect where the system cannot forget; then the peak is that of the whole process.
pub fn reset_peak() {
    f32::pool().trim();
    // `5` asks Linux for nothing but this; where it is refused there is nothing to do about it.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}
