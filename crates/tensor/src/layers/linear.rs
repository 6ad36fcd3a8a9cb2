//! The linear layer `y = x Wᵀ + b`.

use crate::init::Init;
use crate::ops::Unary;
use crate::params::{ParamId, Scope};
use crate::pool::Element;
use crate::tape::Var;

/// `y = x Wᵀ + b` with parameters `weight` `[out, in]` and, if wanted, `bias` `[out]`.
#[derive(Clone, Copy, Debug)]
pub struct Linear {
    /// The id of `weight`.
    pub weight: ParamId,
    /// The id of `bias`.
    pub bias: Option<ParamId>,
}

impl Linear {
    /// A layer whose weight is Gaussian of variance 1/in, and whose bias is 0.
    pub fn new(scope: &mut Scope<'_>, inputs: usize, outputs: usize, bias: bool) -> Self {
        Linear::with_init(scope, inputs, outputs, bias, Init::fan_in(inputs))
    }

    /// A layer with a chosen initialiser of its weight; the bias is 0.
    pub fn with_init(scope: &mut Scope<'_>, inputs: usize, outputs: usize, bias: bool, init: Init) -> Self {
        let weight = scope.param("weight", [outputs, inputs], init);
        Linear { weight, bias: bias.then(|| scope.param("bias", [outputs], Init::Zeros)) }
    }

    /// `x Wᵀ + b`: `[.., in] → [.., out]`.
    ///
    /// # Panics
    /// If the input does not fit.
    #[track_caller]
    pub fn forward<'t, T: Element>(&self, x: &Var<'t, T>) -> Var<'t, T> {
        self.apply(x, None)
    }

    /// `f(x Wᵀ + b)`, fused.
    ///
    /// # Panics
    /// If the input does not fit.
    #[track_caller]
    pub fn forward_activated<'t, T: Element>(&self, x: &Var<'t, T>, f: Unary) -> Var<'t, T> {
        self.apply(x, Some(f))
    }

    /// `residual + x Wᵀ + b`, fused: the end of a block of a residual network.
    ///
    /// # Panics
    /// If the input or the residual does not fit.
    #[track_caller]
    pub fn forward_residual<'t, T: Element>(&self, x: &Var<'t, T>, residual: &Var<'t, T>) -> Var<'t, T> {
        let bias = self.bias.map(|id| x.param(id));
        x.linear_residual(&x.param(self.weight), bias.as_ref(), residual)
    }

    /// `f(z) Wᵀ + b`, plus `residual` if there is one: for training, because `f(z)` is not kept. Elsewhere
    /// [`Linear::forward_activated`] of the layer before is less work.
    ///
    /// # Panics
    /// If the input or the residual does not fit.
    #[track_caller]
    pub fn forward_of<'t, T: Element>(&self, f: Unary, z: &Var<'t, T>, residual: Option<&Var<'t, T>>) -> Var<'t, T> {
        let bias = self.bias.map(|id| z.param(id));
        z.activated_linear(f, &z.param(self.weight), bias.as_ref(), residual)
    }

    #[track_caller]
    fn apply<'t, T: Element>(&self, x: &Var<'t, T>, activation: Option<Unary>) -> Var<'t, T> {
        let bias = self.bias.map(|id| x.param(id));
        x.linear(&x.param(self.weight), bias.as_ref(), activation)
    }
}
