//! An allocator that counts, so that a test can prove that a loop takes no memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The allocator of the system, with a count of the large requests of all threads.
///
/// ```standalone_crate
/// use anther_kernels::CountingAllocator;
///
/// #[global_allocator]
/// static MEMORY: CountingAllocator = CountingAllocator::above(1024);
///
/// let before = MEMORY.large();
/// let small = vec![0_u8; 100];
/// assert_eq!(MEMORY.large(), before);
/// let large = vec![0_u8; 2048];
/// assert_eq!(MEMORY.large(), before + 1);
/// # drop((small, large));
/// ```
#[derive(Debug)]
pub struct CountingAllocator {
    bytes: usize,
    large: AtomicUsize,
    largest: AtomicUsize,
}

impl CountingAllocator {
    /// Counts requests of at least so many bytes.
    #[must_use]
    pub const fn above(bytes: usize) -> Self {
        Self { bytes, large: AtomicUsize::new(0), largest: AtomicUsize::new(0) }
    }

    /// How many large requests there were, growing an allocation to a large size included.
    #[must_use]
    pub fn large(&self) -> usize {
        self.large.load(Ordering::Relaxed)
    }

    /// The bytes of the largest request since this was last asked.
    #[must_use]
    pub fn take_largest(&self) -> usize {
        self.largest.swap(0, Ordering::Relaxed)
    }

    fn count(&self, bytes: usize) {
        if bytes >= self.bytes {
            self.large.fetch_add(1, Ordering::Relaxed);
            self.largest.fetch_max(bytes, Ordering::Relaxed);
        }
    }
}

// SAFETY: every method hands its arguments to the allocator of the system unchanged and returns what that returns; counting
// touches two atomic numbers and allocates nothing.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.count(layout.size());
        // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc`, which is that of `System`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `System` through one of the other methods, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.count(layout.size());
        // SAFETY: as for `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        self.count(bytes);
        // SAFETY: `pointer` came from `System` with this layout, and the caller vouches for `bytes`.
        unsafe { System.realloc(pointer, layout, bytes) }
    }
}
