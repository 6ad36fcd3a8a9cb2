//! A range of an axis. Backward: the gradient lands in the range, the rest gets zero.

use std::ops::Range;

use anther_kernels::{self as kernels, Write};

use crate::op::{Backward, Op};
use crate::pool::Element;
use crate::shape::Shape;
use crate::tape::Var;
use crate::tensor::Tensor;

/// Seen as matrices of `rows` rows: columns `start..start + width` of `total`.
struct Slice {
    rows: usize,
    total: usize,
    start: usize,
    width: usize,
    out: Shape,
}

impl<T: Element> Op<T> for Slice {
    type Saved = ();

    fn name(&self) -> &'static str {
        "slice"
    }

    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        let Slice { rows, total, start, width, out } = *self;
        let y = Tensor::build(out, |y| {
            kernels::copy_columns(y, width, 0, x[0].data(), total, start, rows, width, Write::Set);
        });
        (y, ())
    }

    fn backward(&self, _: &(), dy: &Tensor<T>, into: &mut Backward<'_, T>) {
        let Slice { rows, total, start, width, .. } = *self;
        into.accumulate(0, |dx, write| {
            if matches!(write, Write::Set) {
                dx.fill(T::ZERO);
            }
            kernels::copy_columns(dx, total, start, dy.data(), width, 0, rows, width, Write::Add);
        });
    }
}

impl<'t, T: Element> Var<'t, T> {
    /// Entries `range` of `axis`.
    ///
    /// # Panics
    /// If the range does not lie within the axis.
    #[track_caller]
    pub fn slice(&self, axis: usize, range: Range<usize>) -> Var<'t, T> {
        let s = self.shape();
        let (rows, n, inner) = s.around(axis);
        assert!(
            range.start <= range.end && range.end <= n,
            "slice: {range:?} does not lie within axis {axis} of {s:?}"
        );
        let mut dims = s.to_vec();
        dims[axis] = range.len();
        let op = Slice {
            rows,
            total: n * inner,
            start: range.start * inner,
            width: range.len() * inner,
            out: Shape::new(&dims),
        };
        self.tape().apply(op, &[self])
    }
}
