//! What a core can do at most: the yardstick that benchmarks hold other kernels against.

use crate::real::Real;
use crate::table::table;

/// A length that fills whole groups of registers at every level, so that [`multiply_add_probe`] runs at its full speed.
pub const PROBE_LEN: usize = 12 * 32 * 4;

/// `x ← a·x + b`, `rounds` times for each element, on the calling thread.
///
/// Elements stay in registers through all rounds, in enough independent chains to keep every unit of the core busy: with
/// [`PROBE_LEN`] elements and some thousand rounds, `2 · len · rounds` operations divided by the time are what one core can do at the level
/// in force. Memory bandwidth needs no probe of its own: [`sum`](fn@crate::sum) reads as fast as memory gives.
pub fn multiply_add_probe<T: Real>(x: &mut [T], a: T, b: T, rounds: usize) {
    (table::<T>().multiply_add_probe)(x, a, b, rounds);
}
