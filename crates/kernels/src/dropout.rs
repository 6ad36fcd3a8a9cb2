//! Dropout with a mask that is never stored.

use crate::check;
use crate::random::RandomKey;
use crate::real::Real;
use crate::table::{Table, table};
use crate::threads::{BLOCK, FUNCTION_WORK, blocks, part};
use crate::write::Write;

/// `out[i] = x[i] / (1 − p)` where element `i` is kept, 0 where it is dropped.
///
/// Element `i` is dropped when `key.bits(i) < p · 2³²`, in either element type. The backward pass is the same call on `dy`.
/// With `p = 1` everything is dropped.
///
/// # Panics
/// When the lengths differ or `p` is not in [0, 1].
#[track_caller]
pub fn dropout<T: Real>(out: &mut [T], x: &[T], key: RandomKey, p: f64, write: Write) {
    check::length("dropout", "x", x.len(), out.len());
    assert!((0.0..=1.0).contains(&p), "kernels::dropout: p is {p}, but a probability lies between 0 and 1");
    let drop = Drop::new(key, p);
    let run = table::<T>().dropout;
    blocks(out.len() * FUNCTION_WORK, out, BLOCK, |i, out| run(out, part(x, i, BLOCK), i * BLOCK, &drop, write));
}

/// A part of [`dropout`] on the calling thread: `out` and `x` are the elements from number `first` on of something larger.
///
/// # Panics
/// As [`dropout`].
#[track_caller]
pub fn dropout_from<T: Real>(out: &mut [T], x: &[T], first: usize, key: RandomKey, p: f64) {
    check::length("dropout_from", "x", x.len(), out.len());
    assert!((0.0..=1.0).contains(&p), "kernels::dropout_from: p is {p}, but a probability lies between 0 and 1");
    Dropper::new(table(), key, p).part(out, x, first);
}

/// Drops parts of something larger, on the calling thread.
#[derive(Clone, Copy)]
pub(crate) struct Dropper<T> {
    run: fn(&mut [T], &[T], usize, &Drop, Write),
    drop: Drop,
}

impl<T: Real> Dropper<T> {
    pub(crate) fn new(table: &Table<T>, key: RandomKey, p: f64) -> Self {
        Dropper { run: table.dropout, drop: Drop::new(key, p) }
    }

    /// `out` and `x` are the elements from number `first` on.
    fn part(&self, out: &mut [T], x: &[T], first: usize) {
        // The vectorised body begins at a group of four random numbers; what lies before the first whole group is a part of one.
        let head = (first.next_multiple_of(4) - first).min(out.len());
        if head > 0 {
            let place = first % 4;
            let (mut group, mut dropped) = ([T::ZERO; 4], [T::ZERO; 4]);
            group[place..place + head].copy_from_slice(&x[..head]);
            (self.run)(&mut dropped, &group, first - place, &self.drop, Write::Set);
            out[..head].copy_from_slice(&dropped[place..place + head]);
        }
        (self.run)(&mut out[head..], &x[head..], first + head, &self.drop, Write::Set);
    }

    /// The same in place, through a small copy.
    pub(crate) fn in_place(&self, x: &mut [T], first: usize) {
        let mut copy = [T::ZERO; 512];
        let mut number = first;
        for x in x.chunks_mut(copy.len()) {
            let copy = &mut copy[..x.len()];
            copy.copy_from_slice(x);
            self.part(x, copy, number);
            number += x.len();
        }
    }
}

/// Which elements are dropped, and what the others are multiplied by.
#[derive(Clone, Copy)]
pub struct Drop {
    pub(crate) key: RandomKey,
    /// Elements whose 32 random bits are below this are dropped. Up to 2³², hence not a `u32`.
    pub(crate) threshold: u64,
    pub(crate) scale: f64,
}

impl Drop {
    fn new(key: RandomKey, p: f64) -> Drop {
        let threshold = (p * (1u64 << 32) as f64) as u64;
        Drop { key, threshold, scale: if p < 1.0 { 1.0 / (1.0 - p) } else { 0.0 } }
    }
}
