//! Rectangles of a row-major matrix, which several tasks write at once, and how a matrix is cut into them.

use std::marker::PhantomData;
use std::ops::Range;
use std::slice;

/// A row-major matrix that tasks write in disjoint rectangles.
pub(crate) struct Matrix<'a, T> {
    start: *mut T,
    rows: usize,
    cols: usize,
    borrow: PhantomData<&'a mut [T]>,
}

// SAFETY: the matrix stands for the `&mut [T]` it was made of, and hands out parts only under the promise of `Matrix::block` that no
// two of them overlap, so that sharing it shares nothing but its bounds.
unsafe impl<T: Send> Sync for Matrix<'_, T> {}

impl<'a, T> Matrix<'a, T> {
    /// The matrix of `cols` columns in `data`.
    pub(crate) fn new(data: &'a mut [T], cols: usize) -> Self {
        let rows = data.len().checked_div(cols).unwrap_or(0);
        Matrix { start: data.as_mut_ptr(), rows, cols, borrow: PhantomData }
    }

    /// The rectangle of these rows and columns.
    ///
    /// # Safety
    /// While it lives, no other rectangle that overlaps it may.
    pub(crate) unsafe fn block(&self, rows: Range<usize>, cols: Range<usize>) -> Block<'_, T> {
        assert!(rows.start <= rows.end && rows.end <= self.rows, "rows {rows:?} of {}", self.rows);
        assert!(cols.start <= cols.end && cols.end <= self.cols, "columns {cols:?} of {}", self.cols);
        // An empty rectangle may begin behind the end; its start is never read.
        let start = self.start.wrapping_add(rows.start * self.cols + cols.start);
        Block { start, stride: self.cols, rows, cols, borrow: PhantomData }
    }
}

/// A rectangle of a matrix that one task writes.
pub struct Block<'a, T> {
    start: *mut T,
    stride: usize,
    /// Its rows within the matrix.
    pub(crate) rows: Range<usize>,
    /// Its columns within the matrix.
    pub(crate) cols: Range<usize>,
    borrow: PhantomData<&'a mut [T]>,
}

impl<'a, T> Block<'a, T> {
    /// Elements from one row to the next.
    #[inline(always)]
    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    /// Row number `i` of the rectangle.
    #[inline(always)]
    pub(crate) fn row(&mut self, i: usize) -> &mut [T] {
        assert!(i < self.rows.len());
        // SAFETY: the row lies in the rectangle, whose elements belong to `self` alone, and `self` is borrowed as long as the slice.
        unsafe { slice::from_raw_parts_mut(self.start.add(i * self.stride), self.cols.len()) }
    }

    /// The address of element `(i, j)` of a rectangle of `height` × `width` within this one; rows follow each other by [`Block::stride`].
    #[inline(always)]
    pub(crate) fn corner(&mut self, (i, height): (usize, usize), (j, width): (usize, usize)) -> *mut T {
        assert!(i + height <= self.rows.len() && j + width <= self.cols.len());
        self.start.wrapping_add(i * self.stride + j)
    }
}

/// A matrix cut into rectangles of nearly equal size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grid {
    rows: usize,
    cols: usize,
    /// Rectangles in a column of the grid.
    pub(crate) high: usize,
    /// Rectangles in a row of the grid.
    pub(crate) wide: usize,
    /// Columns of a rectangle are a multiple of this, but for the last.
    unit: usize,
}

impl Grid {
    /// `rows × cols` in at most `high × wide` rectangles whose columns begin at multiples of `unit`.
    pub(crate) fn new(rows: usize, cols: usize, high: usize, wide: usize, unit: usize) -> Self {
        Grid { rows, cols, high: high.clamp(1, rows.max(1)), wide: wide.clamp(1, cols.div_ceil(unit).max(1)), unit }
    }

    /// The number of rectangles.
    pub(crate) fn len(&self) -> usize {
        self.high * self.wide
    }

    /// The rows and columns of rectangle `i`; those of one column of the grid follow each other.
    pub(crate) fn part(&self, i: usize) -> (Range<usize>, Range<usize>) {
        let rows = share(self.rows, self.high, i % self.high);
        let units = share(self.cols.div_ceil(self.unit), self.wide, i / self.high);
        (rows, units.start * self.unit..(units.end * self.unit).min(self.cols))
    }
}

/// Share number `i` of `count` nearly equal shares of `0..len`; the first ones are the larger ones.
#[inline(always)]
pub(crate) fn share(len: usize, count: usize, i: usize) -> Range<usize> {
    let (size, larger) = (len / count, len % count);
    let start = i * size + i.min(larger);
    start..start + size + usize::from(i < larger)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_covers_each_element_once() {
        for (rows, cols, high, wide) in [(1, 1, 4, 4), (7, 100, 3, 2), (100, 33, 8, 8), (5, 64, 1, 2), (0, 5, 2, 2)] {
            let mut seen = vec![0; rows * cols];
            let grid = Grid::new(rows, cols, high, wide, 32);
            assert!(grid.len() <= high * wide);
            let matrix = Matrix::new(&mut seen, cols);
            for i in 0..grid.len() {
                let (rows, cols) = grid.part(i);
                // SAFETY: one rectangle at a time.
                let mut block = unsafe { matrix.block(rows.clone(), cols) };
                (0..rows.len()).for_each(|i| block.row(i).iter_mut().for_each(|x| *x += 1));
            }
            assert!(seen.iter().all(|&times| times == 1), "{rows}x{cols} in {high}x{wide}");
        }
    }

    #[test]
    fn shares_differ_by_at_most_one() {
        let sizes: Vec<usize> = (0..5).map(|i| share(13, 5, i).len()).collect();
        assert_eq!(sizes, [3, 3, 3, 2, 2]);
    }
}
