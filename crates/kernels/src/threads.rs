//! How work is cut into blocks and when the blocks run on rayon.
//!
//! The cut depends on the shape alone, never on the number of threads, and each block is computed the same way wherever it runs.
//! That is why results are bit-identical for any number of threads.
//!
//! A job runs at the level that is in force where it was handed out, whichever thread takes it: a worker that waits inside of
//! [`with_level`](crate::with_level) may take up the job of another caller, and code in a job may call kernels itself.

use rayon::prelude::*;

use crate::level::{at, level};

/// Elements a block holds, unless a row is longer than that: 32 KiB of `f32`, a piece that fits the first-level cache.
pub(crate) const BLOCK: usize = 8192;

/// Work, in memory-bound element operations, below which handing blocks to other threads costs more than it saves.
///
/// A thread that sleeps is awake 10 to 25 µs after a kernel calls it (Sapphire Rapids, Linux, two threads), and a memory-bound operation
/// takes 0.25 ns from the second-level cache: 2¹⁸ of them, 65 µs, are shared at no loss. At 2¹⁶ an addition took 25 µs on two
/// threads and 14 µs on one.
pub(crate) const PARALLEL_WORK: usize = 1 << 18;

/// What one transcendental function costs, in memory-bound element operations: 0.3 (exponential) to 0.9 ns (GELU) against 0.25 ns.
pub(crate) const FUNCTION_WORK: usize = 4;

/// The number of threads that kernels called from this thread may use (the size of the rayon pool in force).
#[must_use]
pub fn threads() -> usize {
    rayon::current_num_threads()
}

/// Whether a kernel with this much work runs on several threads.
pub(crate) fn is_parallel(work: usize) -> bool {
    work >= PARALLEL_WORK && threads() > 1
}

/// How many rows of `cols` elements make a block; at least one.
pub(crate) fn block_rows(cols: usize) -> usize {
    (BLOCK / cols.max(1)).max(1)
}

/// Calls `body(i, block)` for each block of `size` elements of `a`; the last one may be shorter.
pub(crate) fn blocks<A: Send>(work: usize, a: &mut [A], size: usize, body: impl Fn(usize, &mut [A]) + Sync + Send) {
    if size == 0 || a.len() <= size {
        body(0, a);
    } else if is_parallel(work) {
        let level = level();
        a.par_chunks_mut(size).enumerate().for_each(|(i, a)| at(level, || body(i, a)));
    } else {
        a.chunks_mut(size).enumerate().for_each(|(i, a)| body(i, a));
    }
}

/// Calls `body(i)` for each `i` in `0..count`.
pub(crate) fn tasks(work: usize, count: usize, body: impl Fn(usize) + Sync + Send) {
    if count > 1 && is_parallel(work) {
        let level = level();
        (0..count).into_par_iter().with_max_len(1).for_each(|i| at(level, || body(i)));
    } else {
        (0..count).for_each(body);
    }
}

/// Calls `body` for each item, on several threads if there is enough `work`, in element-wise operations.
pub fn each<A: Send>(work: usize, items: &mut [A], body: impl Fn(&mut A) + Sync + Send) {
    if items.len() > 1 && is_parallel(work) {
        let level = level();
        items.par_iter_mut().with_max_len(1).for_each(|item| at(level, || body(item)));
    } else {
        items.iter_mut().for_each(body);
    }
}

/// Calls `body(i, a, b)` for each block `i` of two destinations that are cut into equally many blocks, each with its block size; the last
/// blocks may be shorter. On several threads if there is enough `work`, in element-wise operations. The cut does not depend on the number
/// of threads, so results that depend on a block alone do not either.
pub fn blocks2<A: Send, B: Send>(
    work: usize,
    (a, size_a): (&mut [A], usize),
    (b, size_b): (&mut [B], usize),
    body: impl Fn(usize, &mut [A], &mut [B]) + Sync + Send,
) {
    if size_a == 0 || size_b == 0 || b.len() <= size_b {
        body(0, a, b);
    } else if is_parallel(work) {
        let level = level();
        let blocks = a.par_chunks_mut(size_a).zip(b.par_chunks_mut(size_b));
        blocks.enumerate().for_each(|(i, (a, b))| at(level, || body(i, a, b)));
    } else {
        a.chunks_mut(size_a).zip(b.chunks_mut(size_b)).enumerate().for_each(|(i, (a, b))| body(i, a, b));
    }
}

/// Like [`blocks2`] over three destinations.
pub fn blocks3<A: Send, B: Send, C: Send>(
    work: usize,
    (a, size_a): (&mut [A], usize),
    (b, size_b): (&mut [B], usize),
    (c, size_c): (&mut [C], usize),
    body: impl Fn(usize, &mut [A], &mut [B], &mut [C]) + Sync + Send,
) {
    if size_a == 0 || size_b == 0 || size_c == 0 || c.len() <= size_c {
        body(0, a, b, c);
    } else if is_parallel(work) {
        let level = level();
        a.par_chunks_mut(size_a)
            .zip(b.par_chunks_mut(size_b))
            .zip(c.par_chunks_mut(size_c))
            .enumerate()
            .for_each(|(i, ((a, b), c))| at(level, || body(i, a, b, c)));
    } else {
        a.chunks_mut(size_a)
            .zip(b.chunks_mut(size_b))
            .zip(c.chunks_mut(size_c))
            .enumerate()
            .for_each(|(i, ((a, b), c))| body(i, a, b, c));
    }
}

/// Like [`blocks2`] over four destinations, the first two of which are cut alike, and so are the last two.
pub(crate) fn blocks4<A: Send, B: Send>(
    work: usize,
    ([a0, a1], size_a): ([&mut [A]; 2], usize),
    ([b0, b1], size_b): ([&mut [B]; 2], usize),
    body: impl Fn(usize, [&mut [A]; 2], [&mut [B]; 2]) + Sync + Send,
) {
    if size_a == 0 || size_b == 0 || b0.len() <= size_b {
        body(0, [a0, a1], [b0, b1]);
    } else if is_parallel(work) {
        let level = level();
        let a = a0.par_chunks_mut(size_a).zip(a1.par_chunks_mut(size_a));
        let b = b0.par_chunks_mut(size_b).zip(b1.par_chunks_mut(size_b));
        a.zip(b).enumerate().for_each(|(i, ((a0, a1), (b0, b1)))| at(level, || body(i, [a0, a1], [b0, b1])));
    } else {
        let a = a0.chunks_mut(size_a).zip(a1.chunks_mut(size_a));
        let b = b0.chunks_mut(size_b).zip(b1.chunks_mut(size_b));
        a.zip(b).enumerate().for_each(|(i, ((a0, a1), (b0, b1)))| body(i, [a0, a1], [b0, b1]));
    }
}

/// Adds `partial(start, end)` over the blocks of `0..len`, in index order whatever the number of threads.
pub(crate) fn sum_blocks(len: usize, partial: impl Fn(usize, usize) -> f64 + Sync + Send) -> f64 {
    let count = len.div_ceil(BLOCK);
    let block = |i: usize| partial(i * BLOCK, ((i + 1) * BLOCK).min(len));
    if is_parallel(len) {
        let level = level();
        let partials: Vec<f64> = (0..count).into_par_iter().map(|i| at(level, || block(i))).collect();
        partials.into_iter().sum()
    } else {
        (0..count).map(block).sum()
    }
}

/// The part of `slice` that belongs to block `i` of blocks of `size` elements.
pub(crate) fn part<T>(slice: &[T], i: usize, size: usize) -> &[T] {
    let start = (i * size).min(slice.len());
    let end = (start + size).min(slice.len());
    &slice[start..end]
}
