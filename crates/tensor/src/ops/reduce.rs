//! Sums and means: of everything, and of each row.
//!
//! `sum`: `y = Σ x`, `dx = dy` everywhere. `sum_last`: `y_r = Σ_c x_rc`, `dx_rc = dy_r`. Means divide by the number of terms; the mean of
//! nothing is 0.

use anther_kernels::{self as kernels, Write};

use crate::op::{Backward, Op};
use crate::pool::Element;
use crate::shape::Shape;
use crate::tape::Var;
use crate::tensor::Tensor;

struct Sum;

impl<T: Element> Op<T> for Sum {
    /// The shape of the input.
    type Saved = Shape;

    fn name(&self) -> &'static str {
        "sum"
    }

    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, Shape) {
        (Tensor::scalar(T::from_f64(kernels::sum(x[0].data()))), x[0].shape())
    }

    fn backward(&self, shape: &Shape, dy: &Tensor<T>, into: &mut Backward<'_, T>) {
        into.pass(0, || Tensor::full(*shape, dy.item()));
    }
}

struct SumLast;

impl<T: Element> Op<T> for SumLast {
    /// The shape of the input.
    type Saved = Shape;

    fn name(&self) -> &'static str {
        "sum_last"
    }

    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, Shape) {
        let shape = x[0].shape();
        let y = Tensor::build(shape.with_last(1), |y| {
            kernels::row_sum(y, x[0].data(), shape.last_dim(), Write::Set);
        });
        (y, shape)
    }

    fn backward(&self, shape: &Shape, dy: &Tensor<T>, into: &mut Backward<'_, T>) {
        into.accumulate(0, |dx, write| {
            for (row, &dy) in dx.chunks_mut(shape.last_dim().max(1)).zip(dy.data()) {
                match write {
                    Write::Set => row.fill(dy),
                    Write::Add => row.iter_mut().for_each(|dx| *dx += dy),
                }
            }
        });
    }
}

impl<'t, T: Element> Var<'t, T> {
    /// The sum of all elements, a scalar.
    pub fn sum(&self) -> Var<'t, T> {
        self.tape().apply(Sum, &[self])
    }

    /// The mean of all elements, a scalar; 0 without elements.
    pub fn mean(&self) -> Var<'t, T> {
        self.sum().scale(1.0 / self.value().numel().max(1) as f64)
    }

    /// The sum of each row: `[.., n] → [.., 1]`.
    ///
    /// # Panics
    /// For a scalar.
    #[track_caller]
    pub fn sum_last(&self) -> Var<'t, T> {
        assert!(!self.shape().is_empty(), "sum_last: a scalar has no rows");
        self.tape().apply(SumLast, &[self])
    }

    /// The mean of each row: `[.., n] → [.., 1]`; 0 for empty rows.
    ///
    /// # Panics
    /// For a scalar.
    #[track_caller]
    pub fn mean_last(&self) -> Var<'t, T> {
        self.sum_last().scale(1.0 / self.shape().last_dim().max(1) as f64)
    }
}
