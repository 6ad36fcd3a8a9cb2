//! A linear layer that ends in a residual stream: `y = r + x Wᵀ + b`.
//!
//! `r` and `y` are `[.., out]`, `x` is `[.., in]`, `W` is `[out, in]`, `b` is `[out]`. Cost 2·rows·in·out. Backward is that of
//! [`Var::linear`], and `dr = dy` is handed on without a copy.

use anther_kernels::{self as kernels, Epilogue, MatMul, Trans};

use super::linear::{bias_backward, check_linear, product_backward};
use crate::op::{Backward, Op};
use crate::pool::Element;
use crate::remade::Kept;
use crate::tape::Var;
use crate::tensor::Tensor;

struct LinearResidual;

impl<T: Element> Op<T> for LinearResidual {
    /// `x` and `W`.
    type Saved = (Kept<T>, Tensor<T>);

    fn name(&self) -> &'static str {
        "linear_residual"
    }

    fn forward(&self, inputs: &[&Tensor<T>]) -> (Tensor<T>, Self::Saved) {
        let (residual, x, weight, bias) = (inputs[0], inputs[1], inputs[2], inputs.get(3).copied());
        (add_product(Some(residual), x, weight, bias), (x.keep(), weight.clone()))
    }

    fn backward(&self, (x, weight): &Self::Saved, dy: &Tensor<T>, into: &mut Backward<'_, T>) {
        product_backward(x, weight, dy, into, 1);
        bias_backward(dy, into, 3);
        into.pass(0, || dy.clone());
    }

    fn flops(&self, inputs: &[&Tensor<T>]) -> u64 {
        2 * (inputs[1].numel() * inputs[2].shape()[0]) as u64
    }
}

/// `r + x Wᵀ + b` of whatever there is.
pub(super) fn add_product<T: Element>(
    residual: Option<&Tensor<T>>,
    x: &Tensor<T>,
    weight: &Tensor<T>,
    bias: Option<&Tensor<T>>,
) -> Tensor<T> {
    let (rows, k, n) = (x.shape().rows(), x.shape().last_dim(), weight.shape()[0]);
    let product = MatMul { trans_b: Trans::Yes, ..MatMul::with_weights(x.data(), weight.weights(), rows, n, k) };
    Tensor::build(x.shape().with_last(n), |y| {
        let (bias, residual) = (bias.map(Tensor::data), residual.map(Tensor::data));
        kernels::matmul_fused(product, y, Epilogue { bias, activation: None, pre_activation: None, residual });
    })
}

impl<'t, T: Element> Var<'t, T> {
    /// `residual + self × weightᵀ + bias` with `weight` of shape `[out, in]`, in one pass over the output.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn linear_residual(&self, weight: &Var<'t, T>, bias: Option<&Var<'t, T>>, residual: &Var<'t, T>) -> Var<'t, T> {
        const OP: &str = "linear_residual";
        let (output, r) = (check_linear(OP, self, weight, bias), residual.shape());
        assert_eq!(r, output, "{OP}: a residual of shape {r:?} does not fit an output of shape {output:?}");
        match bias {
            None => self.tape().apply(LinearResidual, &[residual, self, weight]),
            Some(bias) => self.tape().apply(LinearResidual, &[residual, self, weight, bias]),
        }
    }
}
