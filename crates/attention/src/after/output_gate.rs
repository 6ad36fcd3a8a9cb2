//! A gate on what the heads gathered, opened by the token itself (Qiu et al., arXiv 2505.06708).
//!
//! ```text
//! y ← y ⊙ σ(x W_gᵀ + b_g)        W_g [width, width]
//! ```
//!
//! on the merged heads, before the output projection: every coordinate of every head has a gate of its own, which begins near ½. Cost 2·width² a
//! token and as many parameters as one more projection. That this is the form of the paper is recalled from its use elsewhere; its text was not
//! at hand.

use anther_tensor::layers::Linear;
use anther_tensor::{Element, Init, Scope, Var};

/// The gate of one layer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OutputGate {
    layer: Linear,
}

impl OutputGate {
    /// With the parameters of `output_gate`.
    pub(super) fn new(scope: &mut Scope<'_>, width: usize, bias: bool, init: Init) -> Self {
        OutputGate { layer: Linear::with_init(&mut scope.child("output_gate"), width, width, bias, init) }
    }

    /// `merged ⊙ σ(x W_gᵀ + b_g)`, all `[batch, length, width]`.
    #[track_caller]
    pub(super) fn forward<'t, T: Element>(&self, merged: &Var<'t, T>, x: &Var<'t, T>) -> Var<'t, T> {
        merged * self.layer.forward(x).sigmoid()
    }
}
