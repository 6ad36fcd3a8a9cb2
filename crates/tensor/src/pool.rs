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
///
/// Batches of many lengths need buffers of many classes, each of them for a while. Buffers in use and free ones together therefore are at most twice what
/// was ever in use at once: before one is allocated beyond that, free ones are returned to the system, the largest first. What one kind of step needs is in
/// use at once for the most part, so a step that is repeated stays below and allocates nothing.
pub struct Pool<T: Real> {
    free: Mutex<Free<T>>,
    allocations: AtomicUsize,
    live_bytes: AtomicUsize,
    peak_bytes: AtomicUsize,
}

/// Bytes that may be free however little was in use, for small steps of many kinds.
const ALWAYS_KEPT: usize = 16 << 20;

struct Free<T: Real> {
    classes: BTreeMap<usize, Vec<AlignedVec<T>>>,
    bytes: usize,
    /// The most bytes that were ever in use at once.
    most: usize,
}

impl<T: Real> Free<T> {
    fn pop(&mut self, class: usize) -> Option<AlignedVec<T>> {
        let buffer = self.classes.get_mut(&class)?.pop()?;
        self.bytes -= class * size_of::<T>();
        Some(buffer)
    }

    fn push(&mut self, buffer: AlignedVec<T>) {
        self.bytes += buffer.len() * size_of::<T>();
        self.classes.entry(buffer.len()).or_default().push(buffer);
    }

    /// Returns the largest buffers to the system until those that are left and the `live` bytes in use keep the bound.
    fn release(&mut self, live: usize) {
        while self.bytes > 0 && live + self.bytes > self.most + self.most.max(ALWAYS_KEPT) {
            let Some(mut largest) = self.classes.last_entry() else { break };
            match largest.get_mut().pop() {
                Some(buffer) => self.bytes -= buffer.len() * size_of::<T>(),
                None => drop(largest.remove()),
            }
        }
    }
}

impl<T: Real> Pool<T> {
    const fn new() -> Self {
        Pool {
            free: Mutex::new(Free { classes: BTreeMap::new(), bytes: 0, most: 0 }),
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
        let mut free = self.lock();
        free.most = free.most.max(live);
        let reused = free.pop(class);
        if reused.is_none() {
            free.release(live);
        }
        drop(free);
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
        self.lock().push(buffer);
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
        let mut free = self.lock();
        free.classes.clear();
        free.bytes = 0;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Free<T>> {
        // What is free is consistent between any two calls, so a panic elsewhere cannot have broken it.
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

    /// Each step needs buffers of a class of its own.
    #[test]
    fn all_buffers_are_at_most_twice_what_was_in_use() {
        let pool = Pool::<f32>::new();
        let free = || pool.lock().bytes;
        let (mut steps, mut bytes) = (0, 0);
        for len in (1 << 19..1 << 22).step_by(1 << 19) {
            let buffers: Vec<_> = (0..2).map(|_| pool.take(len)).collect();
            buffers.into_iter().for_each(|buffer| pool.give(buffer));
            (steps, bytes) = (steps + 1, bytes + 2 * size_class(len) * 4);
            let peak = pool.peak_bytes();
            assert!(free() <= peak + peak.max(ALWAYS_KEPT), "{} bytes, {peak} in use", free());
        }
        assert!(bytes > 2 * pool.peak_bytes(), "all {steps} steps together keep the bound");
        let allocations = pool.allocations();
        let largest = pool.take((1 << 22) - (1 << 19));
        assert_eq!(pool.allocations(), allocations, "what came last is kept");
        pool.give(largest);
        pool.trim();
        assert_eq!(free(), 0);
    }

    #[test]
    fn few_bytes_are_kept_whatever_is_in_use() {
        let pool = Pool::<f32>::new();
        for _ in 0..2 {
            for len in (64..=512).step_by(64) {
                pool.give(pool.take(len));
            }
        }
        assert_eq!(pool.allocations(), 8);
    }

    #[test]
    fn a_handed_out_buffer_is_poisoned_in_debug_builds() {
        let pool = Pool::<f32>::new();
        if cfg!(debug_assertions) {
            assert!(pool.take(3).iter().all(|x| x.is_nan()));
        }
    }
}
