//! Products with a few rows: B is read once, in place, at the speed of memory.

use std::ops::Range;

use super::{Held, LINE};
use crate::block::{Block, share};
use crate::matmul::{MatMul, Trans};
use crate::scratch::Scratch;
use crate::simd::Isa;
use crate::write::Write;

/// Rows of C that are computed together.
const TOGETHER: usize = 6;

/// Columns of C that all rows pass before the next ones.
const PIECE: usize = 128;

/// A rectangle of C, a group of rows at a time.
#[inline(always)]
pub(super) fn few_rows<I: Isa, B: Held>(args: &MatMul<'_, f32>, b: &[B], c: &mut Block<'_, f32>, write: Write) {
    let MatMul { a, trans_a, trans_b, m, n, k, alpha, .. } = *args;
    // The rows of op(A), each contiguous.
    let rows = c.rows.clone();
    let mut gathered = Scratch::new(if trans_a == Trans::Yes { rows.len() * k } else { 0 });
    let a = match trans_a {
        Trans::No => &a[rows.start * k..rows.end * k],
        Trans::Yes => {
            for (row, gathered) in rows.clone().zip(gathered.chunks_exact_mut(k)) {
                gathered.iter_mut().zip(a[row..].iter().step_by(m)).for_each(|(to, &from)| *to = from);
            }
            &gathered[..]
        }
    };
    let part = Part { a, b, n, k, alpha, write };
    let groups = rows.len().div_ceil(TOGETHER);
    // Columns in pieces, so that the part of B of a piece is still near for the next group of rows.
    let cols = c.cols.clone();
    for start in cols.clone().step_by(PIECE) {
        let cols = start..cols.end.min(start + PIECE);
        for group in 0..groups {
            let group = share(rows.len(), groups, group);
            let (first, cols) = (group.start, cols.clone());
            match (trans_b, group.len()) {
                (Trans::No, 1) => part.stripes::<I, 1, 8>(c, first, cols),
                (Trans::No, 2) => part.stripes::<I, 2, 4>(c, first, cols),
                (Trans::No, 3) => part.stripes::<I, 3, 4>(c, first, cols),
                (Trans::No, 4) => part.stripes::<I, 4, 4>(c, first, cols),
                (Trans::No, 5) => part.stripes::<I, 5, 4>(c, first, cols),
                (Trans::No, _) => part.stripes::<I, 6, 4>(c, first, cols),
                (Trans::Yes, 1) => part.dots::<I, 1, 8>(c, first, cols),
                (Trans::Yes, 2) => part.dots::<I, 2, 4>(c, first, cols),
                (Trans::Yes, 3) => part.dots::<I, 3, 4>(c, first, cols),
                (Trans::Yes, 4) => part.dots::<I, 4, 4>(c, first, cols),
                (Trans::Yes, 5) => part.dots::<I, 5, 4>(c, first, cols),
                (Trans::Yes, _) => part.dots::<I, 6, 4>(c, first, cols),
            }
        }
    }
}

/// The operands of a rectangle.
struct Part<'a, B> {
    /// Its rows of op(A), each contiguous.
    a: &'a [f32],
    b: &'a [B],
    n: usize,
    k: usize,
    alpha: f32,
    write: Write,
}

impl<B: Held> Part<'_, B> {
    /// `ROWS` rows of C, B stored `[k, n]`: stripes of `REGISTERS` registers of columns, summed in registers down all rows of B.
    #[inline(always)]
    fn stripes<I: Isa, const ROWS: usize, const REGISTERS: usize>(
        &self,
        c: &mut Block<'_, f32>,
        first: usize,
        cols: Range<usize>,
    ) {
        let offset = c.cols.start;
        assert!(self.b.len() == self.k * self.n && cols.end <= self.n && self.a.len() >= (first + ROWS) * self.k);
        let a: [*const f32; ROWS] = std::array::from_fn(|r| self.a[(first + r) * self.k..].as_ptr());
        let whole = REGISTERS * I::LANES;
        for start in cols.clone().step_by(whole) {
            let count = whole.min(cols.end - start);
            let mut sums = [[I::splat(0.0); REGISTERS]; ROWS];
            for l in 0..self.k {
                let b = self.b.as_ptr().wrapping_add(l * self.n + start);
                let mut row = [I::splat(0.0); REGISTERS];
                for (v, row) in row.iter_mut().enumerate() {
                    // SAFETY: `count` elements of row `l` of B lie from this column on.
                    *row = unsafe { load_part::<I, _>(b, v * I::LANES, count) };
                }
                for (a, sums) in a.iter().zip(&mut sums) {
                    // SAFETY: a row of A has `k` elements.
                    let a = I::splat(unsafe { a.add(l).read() });
                    for (sum, &row) in sums.iter_mut().zip(&row) {
                        *sum = I::fused(a, row, *sum);
                    }
                }
            }
            let alpha = I::splat(self.alpha);
            for (r, sums) in sums.iter().enumerate() {
                let c = &mut c.row(first + r)[start - offset..][..count];
                for (v, &sum) in sums.iter().enumerate() {
                    let at = v * I::LANES;
                    if at >= count {
                        break;
                    }
                    let mut value = I::mul(alpha, sum);
                    // SAFETY: the row has `count` elements.
                    unsafe {
                        if self.write == Write::Add {
                            value = I::add(load_part::<I, _>(c.as_ptr(), at, count), value);
                        }
                        I::store_first(c.as_mut_ptr().add(at), value, I::LANES.min(count - at));
                    }
                }
            }
        }
    }

    /// `ROWS` rows of C, B stored `[n, k]`: products of rows with rows, `GROUP` rows of B at a time.
    #[inline(always)]
    fn dots<I: Isa, const ROWS: usize, const GROUP: usize>(
        &self,
        c: &mut Block<'_, f32>,
        first: usize,
        cols: Range<usize>,
    ) {
        let offset = c.cols.start;
        assert!(self.b.len() == self.k * self.n && cols.end <= self.n && self.a.len() >= (first + ROWS) * self.k);
        let a: [*const f32; ROWS] = std::array::from_fn(|r| self.a[(first + r) * self.k..].as_ptr());
        for start in cols.clone().step_by(GROUP) {
            let count = GROUP.min(cols.end - start);
            // Beyond the last row of B, the last one again; those products are not written.
            let b: [*const B; GROUP] = std::array::from_fn(|j| self.b[(start + j.min(count - 1)) * self.k..].as_ptr());
            // The next rows lie behind these: as many lines of them are fetched as are read.
            let mut next = self.b.as_ptr().wrapping_add((start + GROUP) * self.k).cast::<f32>();
            let mut sums = [[I::splat(0.0); GROUP]; ROWS];
            for l in (0..self.k).step_by(I::LANES) {
                if B::FETCHED {
                    for _ in 0..(GROUP * I::LANES * size_of::<B>()).div_ceil(LINE * size_of::<f32>()) {
                        I::prefetch(next);
                        next = next.wrapping_add(LINE);
                    }
                }
                let mut rows = [I::splat(0.0); GROUP];
                for (row, &b) in rows.iter_mut().zip(&b) {
                    // SAFETY: each row has `k` elements.
                    *row = unsafe { load_part::<I, _>(b, l, self.k) };
                }
                for (&a, sums) in a.iter().zip(&mut sums) {
                    // SAFETY: as above.
                    let a = unsafe { load_part::<I, _>(a, l, self.k) };
                    for (sum, &row) in sums.iter_mut().zip(&rows) {
                        *sum = I::fused(a, row, *sum);
                    }
                }
            }
            for (r, sums) in sums.iter().enumerate() {
                let c = &mut c.row(first + r)[start - offset..][..count];
                for (c, &sum) in c.iter_mut().zip(sums) {
                    let value = self.alpha * I::total(sum);
                    *c = if self.write == Write::Add { *c + value } else { value };
                }
            }
        }
    }
}

/// The register from element `at` on of `len` elements, with zeros beyond them.
///
/// # Safety
/// The elements up to `len` must be readable.
#[inline(always)]
unsafe fn load_part<I: Isa, B: Held>(start: *const B, at: usize, len: usize) -> I::Vector {
    let from = start.wrapping_add(at);
    // SAFETY: no element beyond `len` is read.
    unsafe { if at + I::LANES <= len { B::load::<I>(from) } else { B::load_first::<I>(from, len.saturating_sub(at)) } }
}
