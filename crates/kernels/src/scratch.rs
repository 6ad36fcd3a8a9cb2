//! Memory that kernels work in: buffers of a thread, kept between calls so that a kernel allocates only until it has seen its sizes.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};
use std::thread::LocalKey;

use crate::aligned::AlignedVec;
use crate::real::Real;

/// The free buffers of a thread.
pub type Free<T> = LocalKey<RefCell<Vec<AlignedVec<T>>>>;

thread_local! {
    pub(crate) static FREE_F32: RefCell<Vec<AlignedVec<f32>>> = const { RefCell::new(Vec::new()) };
    pub(crate) static FREE_F64: RefCell<Vec<AlignedVec<f64>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer of unspecified contents, which goes back to its thread when it is dropped.
///
/// A guard and not a function that takes a closure: the bodies of kernels are compiled for CPU features, and a closure is not.
pub struct Scratch<T: Real> {
    buffer: AlignedVec<T>,
    len: usize,
}

impl<T: Real> Scratch<T> {
    /// A buffer of `len` elements. Several may be held at once, also through a task that rayon runs on this thread meanwhile.
    #[must_use]
    pub fn new(len: usize) -> Self {
        Scratch { buffer: take(len), len }
    }
}

impl<T: Real> Drop for Scratch<T> {
    fn drop(&mut self) {
        let buffer = std::mem::replace(&mut self.buffer, AlignedVec::zeroed(0));
        T::free().with_borrow_mut(|free| free.push(buffer));
    }
}

impl<T: Real> Deref for Scratch<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        &self.buffer[..self.len]
    }
}

impl<T: Real> DerefMut for Scratch<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.buffer[..self.len]
    }
}

/// The smallest free buffer that is large enough; else a new one in the place of the largest.
fn take<T: Real>(len: usize) -> AlignedVec<T> {
    T::free().with_borrow_mut(|free| {
        free.sort_unstable_by_key(|buffer| buffer.len());
        match free.iter().position(|buffer| buffer.len() >= len) {
            Some(fits) => free.remove(fits),
            None => {
                free.pop();
                AlignedVec::zeroed(len.next_power_of_two())
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::Scratch;

    #[test]
    fn buffers_held_at_once_are_apart_and_come_back() {
        let mut outer = Scratch::<f32>::new(100);
        outer.fill(1.0);
        let mut inner = Scratch::<f32>::new(50);
        inner.fill(2.0);
        assert!(outer.iter().all(|&x| x == 1.0));
        let address = outer.as_ptr();
        drop(outer);
        drop(inner);
        assert_eq!(Scratch::<f32>::new(120).as_ptr(), address);
    }
}
