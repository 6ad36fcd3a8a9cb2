//! Normalisation of a sum, `y = norm(a + b)`: the end of a post-norm block, in one pass.
//!
//! The norm is that of [`Var::layer_norm`] or of [`Var::rms_norm`]. Forward keeps the sum `s`; backward computes `∂loss/∂s` as these do,
//! and that is the gradient of `a` and of `b`.

use anther_kernels::{self as kernels, Write};

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

struct Saved<T: Element> {
    sum: Tensor<T>,
    mean: Tensor<T>,
    rstd: Tensor<T>,
    gamma: Option<Tensor<T>>,
}

impl<T: Element> Op<T> for AddNorm {
    type Saved = Saved<T>;

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
        (y, Saved { sum, mean, rstd, gamma: gamma.map(|&g| g.clone()) })
    }

    fn backward(&self, saved: &Self::Saved, dy: &Tensor<T>, into: &mut Backward<'_, T>) {
        let cols = saved.sum.shape().last_dim();
        let (dy, sum, mean, rstd) = (dy.data(), saved.sum.data(), saved.mean.data(), saved.rstd.data());
        let dsum = Tensor::build(saved.sum.shape(), |dsum| {
            let gamma = saved.gamma.as_ref().map(Tensor::data);
            if self.centered {
                kernels::layer_norm_backward_input(dsum, dy, sum, mean, rstd, gamma, cols, Write::Set);
            } else {
                kernels::rms_norm_backward_input(dsum, dy, sum, rstd, gamma, cols, Write::Set);
            }
        });
        into.pass(0, || dsum.clone());
        into.pass(1, || dsum);
        if saved.gamma.is_none() {
            return;
        }
        if !self.centered {
            into.accumulate(2, |dgamma, write| {
                kernels::rms_norm_backward_affine(dgamma, dy, sum, rstd, cols, write);
            });
            return;
        }
        into.accumulate(2, |dgamma, write| {
            kernels::layer_norm_backward_affine(dgamma, &mut [], dy, sum, mean, rstd, cols, write, write);
        });
        into.accumulate(3, |dbeta, write| {
            kernels::layer_norm_backward_affine(&mut [], dbeta, dy, sum, mean, rstd, cols, write, write);
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
