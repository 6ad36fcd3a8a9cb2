//! `y = αx + β` with constant α and β. Backward: `dx = α dy`.

use anther_kernels as kernels;

use crate::op::{Backward, Op};
use crate::pool::Element;
use crate::tape::Var;
use crate::tensor::Tensor;

struct Affine {
    alpha: f64,
    beta: f64,
}

impl<T: Element> Op<T> for Affine {
    type Saved = ();

    fn name(&self) -> &'static str {
        "affine"
    }

    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        let (alpha, beta) = (T::from_f64(self.alpha), T::from_f64(self.beta));
        let y = Tensor::build(x[0].shape(), |y| kernels::affine(y, x[0].data(), alpha, beta, kernels::Write::Set));
        (y, ())
    }

    fn backward(&self, _: &(), dy: &Tensor<T>, into: &mut Backward<'_, T>) {
        if self.alpha == 1.0 {
            into.pass(0, || dy.clone());
        } else {
            into.accumulate(0, |dx, write| kernels::scale(dx, dy.data(), T::from_f64(self.alpha), write));
        }
    }
}

impl<'t, T: Element> Var<'t, T> {
    /// `alpha × self + beta`.
    pub fn affine(&self, alpha: f64, beta: f64) -> Var<'t, T> {
        self.tape().apply(Affine { alpha, beta }, &[self])
    }

    /// `alpha × self`.
    pub fn scale(&self, alpha: f64) -> Var<'t, T> {
        self.affine(alpha, 0.0)
    }
}
