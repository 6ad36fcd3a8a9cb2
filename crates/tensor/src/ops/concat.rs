//! Joining tensors along an axis. Backward: each input gets its part of the gradient.

use anther_kernels as kernels;

use crate::op::{Backward, Op};
use crate::pool::Element;
use crate::shape::Shape;
use crate::tape::Var;
use crate::tensor::Tensor;

/// Seen as matrices of `rows` rows, the inputs stand side by side with these widths.
struct Concat {
    rows: usize,
    widths: Vec<usize>,
    out: Shape,
}

impl Concat {
    /// Index, first column and width of each part.
    fn parts(&self) -> impl Iterator<Item = (usize, usize, usize)> {
        let mut start = 0;
        self.widths.iter().enumerate().map(move |(i, &width)| {
            start += width;
            (i, start - width, width)
        })
    }

    fn total(&self) -> usize {
        self.widths.iter().sum()
    }
}

impl<T: Element> Op<T> for Concat {
    type Saved = ();

    fn name(&self) -> &'static str {
        "concat"
    }

    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        let y = Tensor::build(self.out, |y| {
            for (i, start, width) in self.parts() {
                let part = x[i].data();
                kernels::copy_columns(y, self.total(), start, part, width, 0, self.rows, width, kernels::Write::Set);
            }
        });
        (y, ())
    }

    fn backward(&self, _: &(), dy: &Tensor<T>, into: &mut Backward<'_, T>) {
        for (i, start, width) in self.parts() {
            into.accumulate(i, |dx, write| {
                kernels::copy_columns(dx, width, 0, dy.data(), self.total(), start, self.rows, width, write);
            });
        }
    }
}

impl<T: Element> crate::tape::Tape<T> {
    /// Joins tensors along `axis`; all other axes must be equal.
    ///
    /// # Panics
    /// Without tensors, or if their shapes do not fit.
    #[track_caller]
    pub fn concat<'t>(&'t self, axis: usize, parts: &[&Var<'t, T>]) -> Var<'t, T> {
        let first = parts.first().expect("concat: nothing to join").shape();
        let (rows, _, inner) = first.around(axis);
        let mut dims = first.to_vec();
        dims[axis] = 0;
        let mut widths = Vec::with_capacity(parts.len());
        for part in parts {
            let s = part.shape();
            let fits = s.len() == first.len() && (0..s.len()).all(|a| a == axis || s[a] == first[a]);
            assert!(fits, "concat: {s:?} cannot follow {first:?} along axis {axis}");
            dims[axis] += s[axis];
            widths.push(s[axis] * inner);
        }
        self.apply(Concat { rows, widths, out: Shape::new(&dims) }, parts)
    }
}
