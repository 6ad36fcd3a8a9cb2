//! Shapes: up to [`MAX_RANK`] dimensions, held inline, so that a shape never allocates.

use std::fmt;
use std::ops::Deref;

/// The largest number of dimensions of a tensor.
pub const MAX_RANK: usize = 6;

/// The dimensions of a row-major tensor, outermost first. A scalar has none.
///
/// Dereferences to a slice of dimensions.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    dims: [usize; MAX_RANK],
    rank: u8,
}

impl Shape {
    /// The shape of one number.
    pub const SCALAR: Shape = Shape { dims: [1; MAX_RANK], rank: 0 };

    /// A shape of the given dimensions.
    ///
    /// # Panics
    /// With more than [`MAX_RANK`] dimensions, or if the number of elements overflows.
    #[track_caller]
    pub fn new(dims: &[usize]) -> Self {
        assert!(dims.len() <= MAX_RANK, "a shape has at most {MAX_RANK} dimensions, got {dims:?}");
        let product = dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
        assert!(product.is_some(), "the shape {dims:?} has more elements than memory can address");
        // Unused places hold 1, so that equal shapes compare equal.
        let mut all = [1; MAX_RANK];
        all[..dims.len()].copy_from_slice(dims);
        Shape { dims: all, rank: dims.len() as u8 }
    }

    /// Number of elements: the product of the dimensions, 1 for a scalar.
    pub fn numel(&self) -> usize {
        self.iter().product()
    }

    /// The innermost dimension, 1 for a scalar.
    pub fn last_dim(&self) -> usize {
        self.last().copied().unwrap_or(1)
    }

    /// Number of rows when the innermost dimension is a row: the product of all other dimensions.
    pub fn rows(&self) -> usize {
        self[..self.len().saturating_sub(1)].iter().product()
    }

    /// Number of rows that have elements: 0 where [`Shape::rows`] counts empty ones. Kernels see no more of a tensor.
    pub(crate) fn filled_rows(&self) -> usize {
        if self.numel() == 0 { 0 } else { self.rows() }
    }

    /// The same shape with another innermost dimension.
    ///
    /// # Panics
    /// For a scalar.
    #[track_caller]
    pub fn with_last(&self, last: usize) -> Self {
        assert!(self.rank > 0, "a scalar has no innermost dimension");
        let mut dims = self.dims;
        dims[self.rank as usize - 1] = last;
        Shape::new(&dims[..self.rank as usize])
    }

    /// The dimensions before, at and after `axis`, each multiplied up: the view `[outer, n, inner]`.
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn around(&self, axis: usize) -> (usize, usize, usize) {
        assert!(axis < self.len(), "the shape {self:?} has no axis {axis}");
        (self[..axis].iter().product(), self[axis], self[axis + 1..].iter().product())
    }
}

impl Deref for Shape {
    type Target = [usize];
    fn deref(&self) -> &[usize] {
        &self.dims[..self.rank as usize]
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    #[track_caller]
    fn from(dims: [usize; N]) -> Self {
        Shape::new(&dims)
    }
}

impl From<&[usize]> for Shape {
    #[track_caller]
    fn from(dims: &[usize]) -> Self {
        Shape::new(dims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_have_one_element_and_no_dimension() {
        assert_eq!(Shape::SCALAR.numel(), 1);
        assert_eq!(Shape::SCALAR.rows(), 1);
        assert_eq!(Shape::SCALAR, Shape::new(&[]));
    }

    #[test]
    fn rows_and_last_split_the_elements() {
        let s = Shape::from([2, 3, 5]);
        assert_eq!((s.rows(), s.last_dim(), s.numel()), (6, 5, 30));
        assert_eq!(s.around(1), (2, 3, 5));
        assert_eq!(s.with_last(7), Shape::from([2, 3, 7]));
    }

    #[test]
    fn an_empty_row_keeps_the_number_of_rows() {
        assert_eq!(Shape::from([4, 0]).rows(), 4);
        assert_eq!(Shape::from([4, 0]).filled_rows(), 0);
        assert_eq!(Shape::from([4, 2]).filled_rows(), 4);
    }
}
