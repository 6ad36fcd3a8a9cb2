//! The linear layer `y = x Wᵀ + b`.

use crate::init::Init;
use crate::ops::{Residual, Unary};
use crate::params::{ParamId, Scope};
use crate::pool::Element;
use crate::tape::Var;
use crate::weight::{Factored, Weight};

/// `y = x Wᵀ + b` with parameters `weight` `[out, in]` and, if wanted, `bias` `[out]`. A weight that is made of other parameters
/// ([`Weight::Factored`]) is made and multiplied with, or contracted with x where that is less work.
#[derive(Clone, Copy, Debug)]
pub struct Linear {
    /// W, `[out, in]`.
    pub weight: Weight,
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
        let weight = scope.weight([outputs, inputs], init);
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

    /// `residual + dropout(x Wᵀ + b)`, fused: the end of a block of a residual network.
    ///
    /// # Panics
    /// If the input or the residual does not fit.
    #[track_caller]
    pub fn forward_residual<'a, 't: 'a, T: Element>(
        &self,
        x: &Var<'t, T>,
        residual: impl Into<Residual<'a, 't, T>>,
    ) -> Var<'t, T> {
        let residual = residual.into();
        if let Some(weight) = x.contracts(self.weight) {
            return residual.add(&self.contract(x, weight));
        }
        let bias = self.bias.map(|id| x.param(id));
        x.linear_residual(&x.weight(self.weight), bias.as_ref(), residual)
    }

    /// `f(z) Wᵀ + b`, after dropout added to `residual` if there is one: for training, because `f(z)` is not kept. Elsewhere
    /// [`Linear::forward_activated`] of the layer before is less work.
    ///
    /// # Panics
    /// If the input or the residual does not fit.
    #[track_caller]
    pub fn forward_of<'t, T: Element>(
        &self,
        f: Unary,
        z: &Var<'t, T>,
        residual: Option<Residual<'_, 't, T>>,
    ) -> Var<'t, T> {
        if let Some(weight) = z.contracts(self.weight) {
            let y = self.contract(&z.unary(f), weight);
            return residual.map_or(y.clone(), |residual| residual.add(&y));
        }
        let bias = self.bias.map(|id| z.param(id));
        z.activated_linear(f, &z.weight(self.weight), bias.as_ref(), residual)
    }

    #[track_caller]
    fn apply<'t, T: Element>(&self, x: &Var<'t, T>, activation: Option<Unary>) -> Var<'t, T> {
        if let Some(weight) = x.contracts(self.weight) {
            let y = self.contract(x, weight);
            return activation.map_or(y.clone(), |f| y.unary(f));
        }
        let bias = self.bias.map(|id| x.param(id));
        x.linear(&x.weight(self.weight), bias.as_ref(), activation)
    }

    /// `x Wᵀ + b` without making W.
    #[track_caller]
    fn contract<'t, T: Element>(&self, x: &Var<'t, T>, weight: &dyn Factored<T>) -> Var<'t, T> {
        let y = weight.apply(x);
        self.bias.map_or(y.clone(), |bias| &y + x.param(bias))
    }
}
