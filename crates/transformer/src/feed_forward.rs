//! The feed-forward block: a hidden layer applied to each position alone.

use anther_tensor::layers::Linear;
use anther_tensor::{Element, Scope, Unary, Var};

use crate::config::{Activation, CausalLmConfig};

/// `f(x W₁ᵀ) W₂ᵀ`, or gated `(silu(x W_gᵀ) ⊙ (x W_uᵀ)) W_dᵀ` (SwiGLU).
///
/// Parameters `fc1` and `fc2`, or `gate_proj`, `up_proj` and `down_proj`. Cost 4 (SwiGLU 6)·length·width·hidden.
#[derive(Clone, Copy, Debug)]
pub struct FeedForward {
    first: Linear,
    /// The second factor of a gated hidden layer.
    gated: Option<Linear>,
    last: Linear,
    activation: Unary,
}

impl FeedForward {
    /// The feed-forward block that the configuration asks for.
    pub fn new(scope: &mut Scope<'_>, config: &CausalLmConfig) -> Self {
        let (width, hidden) = (config.width, config.feed_forward());
        let (in_init, out_init) = (config.weight_init(width), config.residual_init(hidden));
        let mut layer = |name: &str, inputs, outputs, init| {
            Linear::with_init(&mut scope.child(name), inputs, outputs, config.bias, init)
        };
        let activation = match config.activation {
            Activation::Gelu => Unary::Gelu,
            Activation::GeluTanh => Unary::GeluTanh,
            Activation::Relu => Unary::Relu,
            Activation::Silu | Activation::Swiglu => Unary::Silu,
        };
        if config.activation == Activation::Swiglu {
            FeedForward {
                first: layer("gate_proj", width, hidden, in_init),
                gated: Some(layer("up_proj", width, hidden, in_init)),
                last: layer("down_proj", hidden, width, out_init),
                activation,
            }
        } else {
            FeedForward {
                first: layer("fc1", width, hidden, in_init),
                gated: None,
                last: layer("fc2", hidden, width, out_init),
                activation,
            }
        }
    }

    /// `[.., width] → [.., width]`.
    #[track_caller]
    pub fn forward<'t, T: Element>(&self, x: &Var<'t, T>) -> Var<'t, T> {
        let hidden = self.first.forward_activated(x, self.activation);
        match &self.gated {
            Some(up) => self.last.forward(&(hidden * up.forward(x))),
            None => self.last.forward(&hidden),
        }
    }
}
