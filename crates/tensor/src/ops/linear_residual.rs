//! A linear layer that ends in a residual stream: `y = r + dropout(x Wᵀ + b)`.
//!
//! `r` and `y` are `[.., out]`, `x` is `[.., in]`, `W` is `[out, in]`, `b` is `[out]`. Cost 2·rows·in·out. Backward is that of
//! [`Var::linear`] of what dropout leaves of `dy`, whose mask is computed again, and `dr = dy` is handed on without a copy.

use anther_kernels::{self as kernels, Epilogue, MatMul, Prologue, RandomKey, Unary, Write};

use super::linear::{bias_backward, check_linear, linear_product, product_backward};
use crate::op::{Backward, Op};
use crate::params::Stream;
use crate::pool::Element;
use crate::remade::Kept;
use crate::tape::Var;
use crate::tensor::Tensor;

/// What the output of a linear layer is added to.
pub struct Residual<'a, 't, T: Element> {
    /// The residual stream.
    pub to: &'a Var<'t, T>,
    /// The probability of dropout on the output before the sum, and its stream; on a training tape.
    pub dropout: Option<(f64, Stream)>,
}

impl<T: Element> Clone for Residual<'_, '_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Element> Copy for Residual<'_, '_, T> {}

impl<'a, 't, T: Element> From<&'a Var<'t, T>> for Residual<'a, 't, T> {
    fn from(to: &'a Var<'t, T>) -> Self {
        Residual { to, dropout: None }
    }
}

impl<'t, T: Element> Residual<'_, 't, T> {
    /// The sum with an output that is there already.
    ///
    /// # Panics
    /// If the shapes differ or the probability is not in `[0, 1)`.
    #[track_caller]
    pub fn add(&self, y: &Var<'t, T>) -> Var<'t, T> {
        match self.dropout {
            Some((p, stream)) => self.to + y.dropout(p, stream),
            None => self.to + y,
        }
    }

    /// What drops elements in this pass.
    #[track_caller]
    pub(super) fn dropping(&self) -> Dropping {
        let (p, stream) = self.dropout?;
        assert!((0.0..1.0).contains(&p), "dropout: the probability {p} is not in [0, 1)");
        self.to.tape().random(stream).filter(|_| p > 0.0).map(|key| (key, p))
    }
}

/// Which elements are dropped, and with what probability, if any are.
pub(super) type Dropping = Option<(RandomKey, f64)>;

struct LinearResidual {
    dropping: Dropping,
}

impl<T: Element> Op<T> for LinearResidual {
    /// `x` and `W`.
    type Saved = (Kept<T>, Tensor<T>);

    fn name(&self) -> &'static str {
        "linear_residual"
    }

    fn forward(&self, inputs: &[&Tensor<T>]) -> (Tensor<T>, Self::Saved) {
        let (residual, x, weight, bias) = (inputs[0], inputs[1], inputs[2], inputs.get(3).copied());
        (add_product(Some(residual), (None, x), weight, bias, self.dropping), (x.keep(), weight.clone()))
    }

    fn backward(&self, (x, weight): &Self::Saved, dy: &Tensor<T>, into: &mut Backward<'_, T>) {
        let dropped = drop_backward(self.dropping, dy);
        product_backward(x, weight, &dropped, into, 1);
        bias_backward(&dropped, into, 3);
        into.pass(0, || dy.clone());
    }

    fn flops(&self, inputs: &[&Tensor<T>]) -> u64 {
        2 * (inputs[1].numel() * inputs[2].shape()[0]) as u64
    }
}

/// The gradient of what dropout was applied to.
pub(super) fn drop_backward<T: Element>(dropping: Dropping, dy: &Tensor<T>) -> Tensor<T> {
    match dropping {
        None => dy.clone(),
        Some((key, p)) => Tensor::build(dy.shape(), |out| kernels::dropout(out, dy.data(), key, p, Write::Set)),
    }
}

/// `r + dropout(f(x) Wᵀ + b)` of whatever there is.
pub(super) fn add_product<T: Element>(
    residual: Option<&Tensor<T>>,
    (f, x): (Option<Unary>, &Tensor<T>),
    weight: &Tensor<T>,
    bias: Option<&Tensor<T>>,
    dropout: Dropping,
) -> Tensor<T> {
    let product = MatMul { prologue: Prologue { a: f, b: None }, ..linear_product(x, weight) };
    Tensor::build(x.shape().with_last(weight.shape()[0]), |y| {
        let (bias, residual) = (bias.map(Tensor::data), residual.map(Tensor::data));
        kernels::matmul_fused(product, y, Epilogue { bias, dropout, residual, ..Epilogue::NONE });
    })
}

impl<'t, T: Element> Var<'t, T> {
    /// `residual + dropout(self × weightᵀ + bias)` with `weight` of shape `[out, in]`, in one pass over the output.
    ///
    /// # Panics
    /// If the shapes do not fit or the probability of dropout is not in `[0, 1)`.
    #[track_caller]
    pub fn linear_residual<'a>(
        &self,
        weight: &Var<'t, T>,
        bias: Option<&Var<'t, T>>,
        residual: impl Into<Residual<'a, 't, T>>,
    ) -> Var<'t, T>
    where
        't: 'a,
    {
        const OP: &str = "linear_residual";
        let residual = residual.into();
        let (op, residual) = (LinearResidual { dropping: residual.dropping() }, residual.to);
        let (output, r) = (check_linear(OP, self, weight, bias), residual.shape());
        assert_eq!(r, output, "{OP}: a residual of shape {r:?} does not fit an output of shape {output:?}");
        match bias {
            None => self.tape().apply(op, &[residual, self, weight]),
            Some(bias) => self.tape().apply(op, &[residual, self, weight, bias]),
        }
    }
}
