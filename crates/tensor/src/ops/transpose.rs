//! Transposition of the last two axes, moved in memory. Products do not need it: `matmul_with` takes transposed operands.

use anther_kernels as kernels;

use crate::op::{Backward, Op};
use crate::pool::Element;
use crate::shape::Shape;
use crate::tape::Var;
use crate::tensor::Tensor;

struct Transpose {
    batch: usize,
    rows: usize,
    columns: usize,
    out: Shape,
}

impl<T: Element> Op<T> for Transpose {
    type Saved = ();

    fn name(&self) -> &'static str {
        "transpose"
    }

    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        let y = Tensor::build(self.out, |y| {
            kernels::transpose_last(y, x[0].data(), self.batch, self.rows, self.columns, kernels::Write::Set);
        });
        (y, ())
    }

    fn backward(&self, _: &(), dy: &Tensor<T>, into: &mut Backward<'_, T>) {
        into.accumulate(0, |dx, write| {
            kernels::transpose_last(dx, dy.data(), self.batch, self.columns, self.rows, write);
        });
    }
}

impl<'t, T: Element> Var<'t, T> {
    /// Exchanges the last two axes.
    ///
    /// # Panics
    /// With fewer than two axes.
    #[track_caller]
    pub fn transpose(&self) -> Var<'t, T> {
        let s = self.shape();
        assert!(s.len() >= 2, "transpose: {s:?} has fewer than two axes");
        let last = s.len() - 1;
        let mut dims = s.to_vec();
        dims.swap(last - 1, last);
        let batch = s[..last - 1].iter().product();
        let op = Transpose { batch, rows: s[last - 1], columns: s[last], out: Shape::new(&dims) };
        self.tape().apply(op, &[self])
    }
}
