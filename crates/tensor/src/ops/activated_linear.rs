//! A linear layer behind a function of one number whose result is not kept: `y = f(z) Wᵀ + b`, or `r + dropout(f(z) Wᵀ + b)`.
//!
//! `z` is `[.., in]`, `W` is `[out, in]`, `b` is `[out]`, `r` and `y` are `[.., out]`. Keeps `z` alone, where `z.unary(f)` and a linear layer
//! after it keep `f(z)` as well. With `a = f(z)`: `dW = dyᵀ a`, `db = Σ_rows dy`, `dz = f'(z) (dy W)`, `dr = dy`. The products take `f` of what they
//! pack of `z`, and `f'` of `z` where they leave `dz`, so `a` is never in memory; only where `f'` is written in `f(z)` the backward pass makes it. Cost 2·rows·in·out.

use anther_kernels::{self as kernels, Epilogue, MatMul, Prologue, Saves, Trans, Unary, Write};

use super::linear::{bias_backward, check_linear};
use super::linear_residual::{Dropping, Residual, add_product, drop_backward};
use crate::op::{Backward, Op};
use crate::pool::Element;
use crate::tape::Var;
use crate::tensor::Tensor;

/// The inputs are `z`, `W`, then `b` and `r` as far as there are any.
struct ActivatedLinear {
    activation: Unary,
    biased: bool,
    residual: bool,
    dropping: Dropping,
}

impl<T: Element> Op<T> for ActivatedLinear {
    /// `z` and `W`.
    type Saved = (Tensor<T>, Tensor<T>);

    fn name(&self) -> &'static str {
        "activated_linear"
    }

    fn forward(&self, inputs: &[&Tensor<T>]) -> (Tensor<T>, Self::Saved) {
        let (z, weight) = (inputs[0], inputs[1]);
        let bias = self.biased.then(|| inputs[2]);
        let residual = self.residual.then(|| inputs[inputs.len() - 1]);
        (add_product(residual, (Some(self.activation), z), weight, bias, self.dropping), (z.clone(), weight.clone()))
    }

    fn backward(&self, (z, weight): &Self::Saved, dy: &Tensor<T>, into: &mut Backward<'_, T>) {
        let (rows, k, n) = (z.shape().rows(), z.shape().last_dim(), weight.shape()[0]);
        let f = self.activation;
        let sum = dy;
        let dy = &drop_backward(self.dropping, dy);
        let a = match f.saves() {
            Saves::Output => Some(Tensor::build(z.shape(), |a| kernels::unary(f, a, z.data(), Write::Set))),
            Saves::Input | Saves::Neither => None,
        };
        into.accumulate(1, |dw, write| {
            let (of_z, b) = a.as_ref().map_or((Some(f), z), |a| (None, a));
            let prologue = Prologue { a: None, b: of_z };
            let product = MatMul { trans_a: Trans::Yes, prologue, ..MatMul::new(dy.data(), b.data(), n, k, rows) };
            kernels::matmul(product, dw, write);
        });
        if self.biased {
            bias_backward(dy, into, 2);
        }
        into.pass(0, || {
            let saved = match f.saves() {
                Saves::Neither => &[],
                Saves::Input | Saves::Output => a.as_ref().unwrap_or(z).data(),
            };
            let epilogue = Epilogue { derivative: Some((f, saved)), ..Epilogue::NONE };
            let product = MatMul::new(dy.data(), weight.data(), rows, k, n);
            Tensor::build(z.shape(), |dz| kernels::matmul_fused(product, dz, epilogue))
        });
        if self.residual {
            into.pass(into.sources.len() - 1, || sum.clone());
        }
    }

    fn flops(&self, inputs: &[&Tensor<T>]) -> u64 {
        2 * (inputs[0].numel() * inputs[1].shape()[0]) as u64
    }
}

impl<'t, T: Element> Var<'t, T> {
    /// `f(self) × weightᵀ + bias`, after dropout added to `residual` if there is one, with `weight` of shape `[out, in]`; `f(self)` is not kept for the backward
    /// pass.
    ///
    /// # Panics
    /// If the shapes do not fit or the probability of dropout is not in `[0, 1)`.
    #[track_caller]
    pub fn activated_linear(
        &self,
        f: Unary,
        weight: &Var<'t, T>,
        bias: Option<&Var<'t, T>>,
        residual: Option<Residual<'_, 't, T>>,
    ) -> Var<'t, T> {
        const OP: &str = "activated_linear";
        let output = check_linear(OP, self, weight, bias);
        let dropping = residual.and_then(|residual| residual.dropping());
        let residual = residual.map(|residual| residual.to);
        if let Some(r) = residual.map(Var::shape) {
            assert_eq!(r, output, "{OP}: a residual of shape {r:?} does not fit an output of shape {output:?}");
        }
        let op = ActivatedLinear { activation: f, biased: bias.is_some(), residual: residual.is_some(), dropping };
        match (bias, residual) {
            (None, None) => self.tape().apply(op, &[self, weight]),
            (Some(x), None) | (None, Some(x)) => self.tape().apply(op, &[self, weight, x]),
            (Some(bias), Some(residual)) => self.tape().apply(op, &[self, weight, bias, residual]),
        }
    }
}
