//! Normalisation of a sum, `y = norm(a + b)`: the end of a post-norm block, in one pass.
//!
//! The norm is that of [`Var::layer_norm`] or of [`Var::rms_norm`]. Forward keeps the sum `s`; backward computes `∂loss/∂s` as these do,
//! and that is the gradient of `a` and of `b`.

use anther_kernels::{self as kernels, Write};

use super::norm_backward::Normalized;
use crate::op::{Backward, Op};
use crate::pool::Element;
use crate::shape::Shape;
use crate::tape::Var;
use crate::tensor::Tensor;

struct AddNorm {
    /// Layer normalisation; otherwise by root mean square.
    centered: bool,
    eps: f64,
}

impl<T: Element> Op<T> for AddNorm {
    type Saved = Normalized<T>;

    fn name(&self) -> &'static str {
        if self.centered { "add_layer_norm" } else { "add_rms_norm" }
    }

    fn forward(&self, inputs: &[&Tensor<T>]) -> (Tensor<T>, Self::Saved) {
        let (a, b, gamma, beta) = (inputs[0], inputs[1], inputs.get(2), inputs.get(3));
        let (shape, cols, eps) = (a.shape(), a.shape().last_dim(), T::from_f64(self.eps));
        let rows = shape.filled_rows();
        let mut mean = Tensor::zeros([if self.centered { rows } else { 0 }]);
        let mut rstd = Tensor::zeros([rows]);
        let mut sum = Tensor::build(shape, |_| ());
        let y = Tensor::build(shape, |y| {
            let (gamma, beta) = (gamma.map(|g| g.data()), beta.map(|b| b.data()));
            let (sum, mean, rstd) = (sum.data_mut(), mean.data_mut(), rstd.data_mut());
            if self.centered {
                kernels::add_layer_norm(y, sum, mean, rstd, a.data(), b.data(), gamma, beta, cols, eps);
            } else {
                kernels::add_rms_norm(y, sum, rstd, a.data(), b.data(), gamma, cols, eps);
            }
        });
        (y, Normalized { x: sum, mean: self.centered.then_some(mean), rstd, gamma: gamma.map(|&g| g.clone()) })
    }

    fn backward(&self, saved: &Self::Saved, dy: &Tensor<T>, into: &mut Backward<'_, T>) {
        let wanted = into.wants(0) || into.wants(1);
        saved.backward(dy, into, 2, wanted, |into, dx| {
            let dsum = Tensor::build(saved.x.shape(), |dsum| dx(dsum, Write::Set));
            into.pass(0, || dsum.clone());
            into.pass(1, || dsum);
        });
    }
}

/// Panics unless the summands have one shape of at least one axis and the parameters have that of a row.
#[track_caller]
fn check(op: &str, a: Shape, b: Shape, parameters: &[Shape]) {
    assert_eq!(a, b, "{op}: summands of shapes {a:?} and {b:?} do not fit");
    assert!(!a.is_empty(), "{op}: a scalar has no rows");
    for p in parameters {
        assert!(
            p.len() == 1 && p[0] == a.last_dim(),
            "{op}: a scale or shift of shape {p:?} does not fit rows of {a:?}"
        );
    }
}

impl<'t, T: Element> Var<'t, T> {
    /// `(self + other).layer_norm(affine, eps)` in one pass.
    ///
    /// # Panics
    /// For scalars, if the shapes differ, or if γ or β do not fit.
    #[track_caller]
    pub fn add_layer_norm(
        &self,
        other: &Var<'t, T>,
        affine: Option<(&Var<'t, T>, &Var<'t, T>)>,
        eps: f64,
    ) -> Var<'t, T> {
        let (a, b) = (self.shape(), other.shape());
        let op = AddNorm { centered: true, eps };
        match affine {
            None => {
                check("add_layer_norm", a, b, &[]);
                self.tape().apply(op, &[self, other])
            }
            Some((gamma, beta)) => {
                check("add_layer_norm", a, b, &[gamma.shape(), beta.shape()]);
                self.tape().apply(op, &[self, other, gamma, beta])
            }
        }
    }

    /// `(self + other).rms_norm(gamma, eps)` in one pass.
    ///
    /// # Panics
    /// For scalars, if the shapes differ, or if γ does not fit.
    #[track_caller]
    pub fn add_rms_norm(&self, other: &Var<'t, T>, gamma: Option<&Var<'t, T>>, eps: f64) -> Var<'t, T> {
        let (a, b) = (self.shape(), other.shape());
        let op = AddNorm { centered: false, eps };
        match gamma {
            None => {
                check("add_rms_norm", a, b, &[]);
                self.tape().apply(op, &[self, other])
            }
            Some(gamma) => {
                check("add_rms_norm", a, b, &[gamma.shape()]);
                self.tape().apply(op, &[self, other, gamma])
            }
        }
    }
}
