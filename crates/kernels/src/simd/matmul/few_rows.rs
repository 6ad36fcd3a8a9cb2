//! Products with a few rows: B is read once, in place, at the speed of memory.

use std::ops::Range;

use super::{Held, LINE};
use crate::block::{Block, share};
use crate::matmul::{MatMul, Trans};
use crate::scratch::Scratch;
use crate::simd::Isa;
use crate::write::Write;

/// Rows of C that are computed together, with B stored transposed.
const TOGETHER: usize = 6;

/// Columns of C that all rows pass before the next ones, with B stored transposed.
const PIECE: usize = 128;

/// Rows of B, stored as it is used, that are added together to the rows of C.
const DEEP: usize = 4;

/// Sums that stay in the first cache while the rows of B pass: 16 KiB.
const SUMS: usize = 1 << 12;

/// A rectangle of C.
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
    match trans_b {
        Trans::No => part.sums::<I>(c),
        Trans::Yes => part.groups::<I>(c),
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
    /// B stored `[k, n]`: some rows of it at a time, read along memory, are added to the sums of all rows of C.
    #[inline(always)]
    fn sums<I: Isa>(&self, c: &mut Block<'_, f32>) {
        let (rows, cols) = (c.rows.len(), c.cols.clone());
        let unit = 2 * I::LANES;
        let piece = (SUMS / rows).next_multiple_of(unit).min(cols.len().next_multiple_of(unit));
        let mut sums = Scratch::new(rows * piece);
        for start in cols.clone().step_by(piece) {
            let piece = start..cols.end.min(start + piece);
            let stride = piece.len().next_multiple_of(unit);
            let sums = &mut sums[..rows * stride];
            sums.fill(0.0);
            let whole = self.k / DEEP * DEEP;
            for l in (0..whole).step_by(DEEP) {
                self.add_rows::<I, DEEP>(sums, rows, l, piece.clone());
            }
            for l in whole..self.k {
                self.add_rows::<I, 1>(sums, rows, l, piece.clone());
            }
            for (r, sums) in sums.chunks_exact(stride).enumerate() {
                let c = &mut c.row(r)[start - cols.start..][..piece.len()];
                for (c, &sum) in c.iter_mut().zip(sums) {
                    let value = self.alpha * sum;
                    *c = if self.write == Write::Add { *c + value } else { value };
                }
            }
        }
    }

    /// Adds the products of all rows of A with these columns of `COUNT` rows of B from row `l` on to the sums, one row after the other.
    #[inline(always)]
    fn add_rows<I: Isa, const COUNT: usize>(&self, sums: &mut [f32], rows: usize, l: usize, cols: Range<usize>) {
        let unit = 2 * I::LANES;
        let stride = cols.len().next_multiple_of(unit);
        assert!(self.b.len() == self.k * self.n && cols.end <= self.n && l + COUNT <= self.k);
        assert!(self.a.len() >= rows * self.k && sums.len() >= rows * stride);
        let b = self.b.as_ptr().wrapping_add(l * self.n + cols.start);
        for at in (0..cols.len()).step_by(unit) {
            let mut lines = [[I::splat(0.0); 2]; COUNT];
            for (d, line) in lines.iter_mut().enumerate() {
                for (v, line) in line.iter_mut().enumerate() {
                    // SAFETY: `cols.len()` elements of this row of B lie from its first column on.
                    *line = unsafe { load_part::<I, _>(b.wrapping_add(d * self.n), at + v * I::LANES, cols.len()) };
                }
            }
            let (mut a, mut sums) = (self.a.as_ptr().wrapping_add(l), sums.as_mut_ptr().wrapping_add(at));
            for _ in 0..rows {
                // SAFETY: this row of A has an element for each row of B, and two registers of its sums lie here.
                unsafe {
                    let (mut first, mut second) = (I::load(sums), I::load(sums.add(I::LANES)));
                    for (d, line) in lines.iter().enumerate() {
                        let a = I::splat(a.add(d).read());
                        first = I::fused(a, line[0], first);
                        second = I::fused(a, line[1], second);
                    }
                    I::store(sums, first);
                    I::store(sums.add(I::LANES), second);
                }
                (a, sums) = (a.wrapping_add(self.k), sums.wrapping_add(stride));
            }
        }
    }

    /// B stored `[n, k]`: some rows of C at a time.
    #[inline(always)]
    fn groups<I: Isa>(&self, c: &mut Block<'_, f32>) {
        let (rows, cols) = (c.rows.len(), c.cols.clone());
        let groups = rows.div_ceil(TOGETHER);
        // Columns in pieces, so that the part of B of a piece is still near for the next group of rows.
        for start in cols.clone().step_by(PIECE) {
            let cols = start..cols.end.min(start + PIECE);
            for group in 0..groups {
                let group = share(rows, groups, group);
                let (first, cols) = (group.start, cols.clone());
                // As many rows of B as leave the sums in registers.
                match (group.len(), I::REGISTERS > 16) {
                    (1, _) => self.dots::<I, 1, 8>(c, first, cols),
                    (2, _) => self.dots::<I, 2, 4>(c, first, cols),
                    (3, true) => self.dots::<I, 3, 4>(c, first, cols),
                    (3, false) => self.dots::<I, 3, 3>(c, first, cols),
                    (4, true) => self.dots::<I, 4, 4>(c, first, cols),
                    (4, false) => self.dots::<I, 4, 3>(c, first, cols),
                    (5, true) => self.dots::<I, 5, 4>(c, first, cols),
                    (5, false) => self.dots::<I, 5, 2>(c, first, cols),
                    (_, true) => self.dots::<I, 6, 4>(c, first, cols),
                    (_, false) => self.dots::<I, 6, 2>(c, first, cols),
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
