//! Memory aligned for the widest vector.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use crate::huge_pages;
use crate::real::Plain;

/// A slice of fixed length whose first element lies on a 64-byte boundary: a cache line, and the widest vector register.
///
/// Length zero allocates nothing. From 2 MiB on it begins with a large page and asks the system for such ones.
pub struct AlignedVec<T: Plain> {
    start: NonNull<T>,
    len: usize,
}

/// Bytes that an [`AlignedVec`] is aligned to.
pub const ALIGNMENT: usize = 64;

impl<T: Plain> AlignedVec<T> {
    /// `len` zeros.
    ///
    /// # Panics
    /// When `len` elements take more than `isize::MAX` bytes. Out of memory is handled as by `Vec`.
    #[must_use]
    pub fn zeroed(len: usize) -> Self {
        if len == 0 {
            return AlignedVec { start: NonNull::dangling(), len };
        }
        let layout = Self::layout(len);
        // SAFETY: the layout has a size above zero, since `len` is and an element takes bytes.
        let start = unsafe { alloc(layout) };
        let Some(start) = NonNull::new(start.cast::<T>()) else { handle_alloc_error(layout) };
        huge_pages::advise(start.as_ptr().cast(), layout.size());
        // SAFETY: there is room for `len` elements. All bits zero is the number zero in all these types, so the memory is initialised.
        unsafe { start.write_bytes(0, len) };
        AlignedVec { start, len }
    }

    /// A copy of `values`.
    ///
    /// # Panics
    /// As [`AlignedVec::zeroed`].
    #[must_use]
    pub fn from_slice(values: &[T]) -> Self {
        let mut copy = AlignedVec::zeroed(values.len());
        copy.copy_from_slice(values);
        copy
    }

    fn layout(len: usize) -> Layout {
        match Layout::array::<T>(len).and_then(|array| array.align_to(huge_pages::alignment(array.size(), ALIGNMENT))) {
            Ok(layout) => layout,
            Err(_) => panic!(
                "kernels::AlignedVec: {len} elements of {} are more than memory can hold",
                std::any::type_name::<T>()
            ),
        }
    }
}

impl<T: Plain> Drop for AlignedVec<T> {
    fn drop(&mut self) {
        if self.len > 0 {
            // SAFETY: a length above zero means that `start` came from `alloc` with this same layout, and only once.
            unsafe { dealloc(self.start.as_ptr().cast::<u8>(), Self::layout(self.len)) };
        }
    }
}

impl<T: Plain> Deref for AlignedVec<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        // SAFETY: `start` points to `len` initialised elements that we own, or dangles (aligned) when `len` is zero.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl<T: Plain> DerefMut for AlignedVec<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`, and `&mut self` makes us the only reader and writer.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl<T: Plain> Clone for AlignedVec<T> {
    fn clone(&self) -> Self {
        AlignedVec::from_slice(self)
    }
}

impl<T: Plain> fmt::Debug for AlignedVec<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

// SAFETY: an `AlignedVec` owns its memory alone, as a `Box<[T]>` does, and `T: Plain` is `Send`.
unsafe impl<T: Plain> Send for AlignedVec<T> {}
// SAFETY: a shared `AlignedVec` only gives out `&[T]`, and `T: Plain` is `Sync`.
unsafe impl<T: Plain> Sync for AlignedVec<T> {}
