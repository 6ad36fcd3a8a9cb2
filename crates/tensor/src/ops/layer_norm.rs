//! Layer normalisation over the last axis (Ba, Kiros, Hinton 2016).
//!
//! `y = γ (x − μ)/√(σ² + ε) + β` with mean and (biased) variance of each row. With `x̂ = (x − μ) r`, `r = 1/√(σ² + ε)` and `g = γ dy`:
//! `dx = r (g − mean(g) − x̂ mean(g x̂))`, `dγ = Σ_rows dy x̂`, `dβ = Σ_rows dy`.

use anther_kernels as kernels;

use super::norm_backward::Normalized;
use crate::op::{Backward, Op};
use crate::pool::Element;
use crate::remade::Remake;
use crate::tape::Var;
use crate::tensor::Tensor;

#[derive(Clone, Copy)]
struct LayerNorm {
    eps: f64,
}

impl<T: Element> Op<T> for LayerNorm {
    type Saved = Normalized<T>;

    fn name(&self) -> &'static str {
        "layer_norm"
    }

    fn forward(&self, inputs: &[&Tensor<T>]) -> (Tensor<T>, Self::Saved) {
        let (x, gamma, beta) = (inputs[0], inputs.get(1), inputs.get(2));
        let (rows, cols) = (x.shape().filled_rows(), x.shape().last_dim());
        let mut mean = Tensor::zeros([rows]);
        let mut rstd = Tensor::zeros([rows]);
        let y = Tensor::build(x.shape(), |y| {
            let (gamma, beta) = (gamma.map(|g| g.data()), beta.map(|b| b.data()));
            let eps = T::from_f64(self.eps);
            kernels::layer_norm(y, mean.data_mut(), rstd.data_mut(), x.data(), gamma, beta, cols, eps);
        });
        (y, Normalized { x: x.clone(), mean: Some(mean), rstd, gamma: gamma.map(|&g| g.clone()) })
    }

    fn backward(&self, saved: &Self::Saved, dy: &Tensor<T>, into: &mut Backward<'_, T>) {
        let wanted = into.wants(0);
        saved.backward(dy, into, 1, wanted, |into, dx| into.accumulate(0, dx));
    }

    fn remake(&self, inputs: &[&Tensor<T>]) -> Option<Remake<T>> {
        Some(Remake::by(*self, inputs))
    }
}

impl<'t, T: Element> Var<'t, T> {
    /// Layer normalisation of each row, with scale γ and shift β of shape `[last]`, or without both.
    ///
    /// A row of one value gives β.
    ///
    /// # Panics
    /// For a scalar, or if γ or β do not fit.
    #[track_caller]
    pub fn layer_norm(&self, affine: Option<(&Var<'t, T>, &Var<'t, T>)>, eps: f64) -> Var<'t, T> {
        let s = self.shape();
        assert!(!s.is_empty(), "layer_norm: a scalar has no rows");
        match affine {
            None => self.tape().apply(LayerNorm { eps }, &[self]),
            Some((gamma, beta)) => {
                for parameter in [gamma.shape(), beta.shape()] {
                    assert!(
                        parameter.len() == 1 && parameter[0] == s.last_dim(),
                        "layer_norm: a scale or shift of shape {parameter:?} does not fit rows of {s:?}"
                    );
                }
                self.tape().apply(LayerNorm { eps }, &[self, gamma, beta])
            }
        }
    }
}
