//! Normalisation layers over the last axis.

use crate::init::Init;
use crate::params::{ParamId, Scope};
use crate::pool::Element;
use crate::tape::Var;

/// Layer normalisation with parameters `weight` (γ, first 1) and `bias` (β, first 0), or without both.
#[derive(Clone, Copy, Debug)]
pub struct LayerNorm {
    affine: Option<(ParamId, ParamId)>,
    eps: f64,
}

impl LayerNorm {
    /// With scale and shift.
    pub fn new(scope: &mut Scope<'_>, width: usize, eps: f64) -> Self {
        let gamma = scope.param("weight", [width], Init::Ones);
        let beta = scope.param("bias", [width], Init::Zeros);
        LayerNorm { affine: Some((gamma, beta)), eps }
    }

    /// Without parameters.
    pub fn plain(eps: f64) -> Self {
        LayerNorm { affine: None, eps }
    }

    /// Normalises each row.
    ///
    /// # Panics
    /// If the input does not fit.
    #[track_caller]
    pub fn forward<'t, T: Element>(&self, x: &Var<'t, T>) -> Var<'t, T> {
        let affine = self.affine.map(|(gamma, beta)| (x.param(gamma), x.param(beta)));
        x.layer_norm(affine.as_ref().map(|(gamma, beta)| (gamma, beta)), self.eps)
    }

    /// Normalises each row of `a + b`, fused.
    ///
    /// # Panics
    /// If an input does not fit.
    #[track_caller]
    pub fn forward_sum<'t, T: Element>(&self, a: &Var<'t, T>, b: &Var<'t, T>) -> Var<'t, T> {
        let affine = self.affine.map(|(gamma, beta)| (a.param(gamma), a.param(beta)));
        a.add_layer_norm(b, affine.as_ref().map(|(gamma, beta)| (gamma, beta)), self.eps)
    }
}

/// Root-mean-square normalisation with the parameter `weight` (γ, first 1), or without.
#[derive(Clone, Copy, Debug)]
pub struct RmsNorm {
    gamma: Option<ParamId>,
    eps: f64,
}

impl RmsNorm {
    /// With a scale.
    pub fn new(scope: &mut Scope<'_>, width: usize, eps: f64) -> Self {
        RmsNorm { gamma: Some(scope.param("weight", [width], Init::Ones)), eps }
    }

    /// Without parameters.
    pub fn plain(eps: f64) -> Self {
        RmsNorm { gamma: None, eps }
    }

    /// Normalises each row.
    ///
    /// # Panics
    /// If the input does not fit.
    #[track_caller]
    pub fn forward<'t, T: Element>(&self, x: &Var<'t, T>) -> Var<'t, T> {
        let gamma = self.gamma.map(|id| x.param(id));
        x.rms_norm(gamma.as_ref(), self.eps)
    }

    /// Normalises each row of `a + b`, fused.
    ///
    /// # Panics
    /// If an input does not fit.
    #[track_caller]
    pub fn forward_sum<'t, T: Element>(&self, a: &Var<'t, T>, b: &Var<'t, T>) -> Var<'t, T> {
        let gamma = self.gamma.map(|id| a.param(id));
        a.add_rms_norm(b, gamma.as_ref(), self.eps)
    }
}
