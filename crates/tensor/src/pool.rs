//! The buffer pool: storage of dropped tensors is kept and handed to new ones.
//!
//! A training step makes the same tensors again and again, so after the first step every request is met from the pool
//! and the step allocates no tensor storage. A buffer comes out with whatever its last owner left in it; in builds with
//! debug assertions it is filled with NaN, so that an op that forgets to write a part of its output is found by its tests.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use anther_kernels::{AlignedVec, Real};

use crate::weight::{Factored, FactoredWeight};

/// An element type of tensors: sealed to `f32` and `f64`, like [`Real`].
pub trait Element: Real {
    /// The pool that holds free buffers of this type.
    fn pool() -> &'static Pool<Self>;

    /// A weight that is made of parameters, in this type.
    fn factored(weight: &dyn FactoredWeight) -> &dyn Factored<Self>;
}

impl Element for f32 {
    fn pool() -> &'static Pool<f32> {
        static POOL: Pool<f32> = Pool::new();
        &POOL
    }

    fn factored(weight: &dyn FactoredWeight) -> &dyn Factored<f32> {
        weight
    }
}

impl Element for f64 {
    fn pool() -> &'static Pool<f64> {
        static POOL: Pool<f64> = Pool::new();
        &POOL
    }

    fn factored(weight: &dyn FactoredWeight) -> &dyn Factored<f64> {
        weight
    }
}

/// Free buffers of one element type, by size class.
pub struct Pool<T: Real> {
    free: Mutex<BTreeMap<usize, Vec<AlignedVec<T>>>>,
    allocations: AtomicUsize,
    live_bytes: AtomicUsize,
    peak_bytes: AtomicUsize,
}

impl<T: Real> Pool<T> {
    const fn new() -> Self {
        Pool {
            free: Mutex::new(BTreeMap::new()),
            allocations: AtomicUsize::new(0),
            live_bytes: AtomicUsize::new(0),
            peak_bytes: AtomicUsize::new(0),
        }
    }

    /// A buffer of at least `len` elements with unspecified contents.
    pub(crate) fn take(&self, len: usize) -> AlignedVec<T> {
        let class = size_class(len);
        let bytes = class * size_of::<T>();
        let live = self.live_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.peak_bytes.fetch_max(live, Ordering::Relaxed);
        let reused = self.lock().get_mut(&class).and_then(Vec::pop);
        let mut buffer = reused.unwrap_or_else(|| {
            self.allocations.fetch_add(1, Ordering::Relaxed);
            AlignedVec::zeroed(class)
        });
        if cfg!(debug_assertions) {
            buffer.fill(T::NAN);
        }
        buffer
    }

    /// Takes a buffer back.
    pub(crate) fn give(&self, buffer: AlignedVec<T>) {
        let class = buffer.len();
        self.live_bytes.fetch_sub(class * size_of::<T>(), Ordering::Relaxed);
        self.lock().entry(class).or_default().push(buffer);
    }

    /// How many buffers were ever allocated because none was free.
    pub fn allocations(&self) -> usize {
        self.allocations.load(Ordering::Relaxed)
    }

    /// Bytes of the buffers in use now.
    pub fn live_bytes(&self) -> usize {
        self.live_bytes.load(Ordering::Relaxed)
    }

    /// The most bytes that were in use at once since the start or the last [`Pool::reset_peak`].
    pub fn peak_bytes(&self) -> usize {
        self.peak_bytes.load(Ordering::Relaxed)
    }

    /// Starts a new measurement of [`Pool::peak_bytes`] from what is in use now.
    pub fn reset_peak(&self) {
        self.peak_bytes.store(self.live_bytes(), Ordering::Relaxed);
    }

    /// Returns all free buffers to the system.
    pub fn trim(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<usize, Vec<AlignedVec<T>>>> {
        // The map is consistent between any two calls, so a panic elsewhere cannot have broken it.
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Rounds a length up so that lengths of a growing sequence share buffers: multiples of 64 up to 512, then eight
/// classes for each doubling. At most 63 elements or one eighth are wasted.
fn size_class(len: usize) -> usize {
    if len <= 512 {
        return len.next_multiple_of(64);
    }
    let step = 1usize << (len.ilog2() - 3);
    len.next_multiple_of(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_hold_their_length_and_waste_little() {
        for len in (0..5000).chain([1 << 20, (1 << 20) + 1, 12_345_678]) {
            let class = size_class(len);
            assert!(class >= len, "{len}");
            assert!(class <= len + len / 8 + 64, "{len} -> {class}");
            assert_eq!(size_class(class), class, "a class must be its own class");
        }
    }

    #[test]
    fn a_returned_buffer_is_handed_out_again() {
        let pool = Pool::<f64>::new();
        let a = pool.take(1000);
        let address = a.as_ptr();
        pool.give(a);
        let b = pool.take(990);
        assert_eq!(address, b.as_ptr());
        assert_eq!(pool.allocations(), 1);
        assert_eq!(pool.live_bytes(), size_class(1000) * 8);
    }

    #[test]
    fn a_handed_out_buffer_is_poisoned_in_debug_builds() {
        let pool = Pool::<f32>::new();
        if cfg!(debug_assertions) {
            assert!(pool.take(3).iter().all(|x| x.is_nan()));
        }
    }
}
