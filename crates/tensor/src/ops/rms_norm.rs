//! Root-mean-square normalisation over the last axis (Zhang and Sennrich 2019).
//!
//! `y = γ x r` with `r = 1/√(mean(x²) + ε)`. With `g = γ dy`: `dx = r (g − x r² mean(g x))`, `dγ = Σ_rows dy x r`.

use anther_kernels as kernels;

use super::norm_backward::Normalized;
use crate::op::{Backward, Op};
use crate::pool::Element;
use crate::remade::Remake;
use crate::tape::Var;
use crate::tensor::Tensor;

#[derive(Clone, Copy)]
struct RmsNorm {
    eps: f64,
}

impl<T: Element> Op<T> for RmsNorm {
    type Saved = Normalized<T>;

    fn name(&self) -> &'static str {
        "rms_norm"
    }

    fn forward(&self, inputs: &[&Tensor<T>]) -> (Tensor<T>, Self::Saved) {
        let (x, gamma) = (inputs[0], inputs.get(1));
        let mut rstd = Tensor::zeros([x.shape().filled_rows()]);
        let y = Tensor::build(x.shape(), |y| {
            let (gamma, eps) = (gamma.map(|g| g.data()), T::from_f64(self.eps));
            kernels::rms_norm(y, rstd.data_mut(), x.data(), gamma, x.shape().last_dim(), eps);
        });
        (y, Normalized { x: x.clone(), mean: None, rstd, gamma: gamma.map(|&g| g.clone()) })
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
    /// Root-mean-square normalisation of each row, with a scale γ of shape `[last]` or without.
    ///
    /// # Panics
    /// For a scalar, or if γ does not fit.
    #[track_caller]
    pub fn rms_norm(&self, gamma: Option<&Var<'t, T>>, eps: f64) -> Var<'t, T> {
        let s = self.shape();
        assert!(!s.is_empty(), "rms_norm: a scalar has no rows");
        match gamma {
            None => self.tape().apply(RmsNorm { eps }, &[self]),
            Some(gamma) => {
                let g = gamma.shape();
                assert!(
                    g.len() == 1 && g[0] == s.last_dim(),
                    "rms_norm: a scale of shape {g:?} does not fit rows of {s:?}"
                );
                self.tape().apply(RmsNorm { eps }, &[self, gamma])
            }
        }
    }
}
