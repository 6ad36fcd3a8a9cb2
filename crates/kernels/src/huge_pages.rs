//! Large pages for large buffers.
//!
//! A first touch of a page costs the system a fault, and each page costs the CPU an entry of its translation buffer: rows of a matrix that are read side by side
//! lie on as many pages. With pages of 2 MiB both all but vanish. Linux gives them to whoever asks, where it is not configured to give them to all or to nobody.

/// A large page of x86-64, and of most systems with small pages of 4 KiB. On another system the advice is less exact, which costs speed only.
const HUGE_PAGE: usize = 2 << 20;

/// What a buffer of so many bytes is to be aligned to, at least `alignment`.
pub(crate) const fn alignment(bytes: usize, alignment: usize) -> usize {
    if bytes >= HUGE_PAGE { HUGE_PAGE } else { alignment }
}

/// Asks for large pages in the place of those of a buffer that nobody has written yet, as far as it fills them: the buffer itself takes no more memory than without.
///
/// It is advice: where it is not taken, nothing changes.
pub(crate) fn advise(start: *mut u8, bytes: usize) {
    let whole = bytes / HUGE_PAGE * HUGE_PAGE;
    #[cfg(target_os = "linux")]
    if whole > 0 {
        // SAFETY: the call changes how the system maps the pages of this range, not what is in them; for a range that is no mapping of this process,
        // or not aligned, it returns an error.
        unsafe { libc::madvise(start.cast(), whole, libc::MADV_HUGEPAGE) };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (start, whole);
}
