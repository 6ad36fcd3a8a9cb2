//! The feed-forward block: a hidden layer applied to each position alone.

use anther_tensor::layers::Linear;
use anther_tensor::{Element, Residual, Scope, Unary, Var};

use crate::block_config::{Activation, BlockConfig};

/// `f(x W₁ᵀ) W₂ᵀ`, or gated `(silu(x W_gᵀ) ⊙ (x W_uᵀ)) W_dᵀ` (SwiGLU).
///
/// Parameters `fc1` and `fc2`, or `gate_proj`, `up_proj` and `down_proj`. Cost 4 (SwiGLU 6)·length·width·hidden.
#[derive(Clone, Copy, Debug)]
pub struct FeedForward {
    first: Linear,
    middle: Middle,
    last: Linear,
}

/// What makes the hidden layer of the first product.
#[derive(Clone, Copy, Debug)]
enum Middle {
    /// A function, fused into the product.
    Plain(Unary),
    /// SwiGLU with this second factor.
    Gated(Linear),
}

impl FeedForward {
    /// The feed-forward block that the configuration asks for.
    pub fn new(scope: &mut Scope<'_>, config: &BlockConfig) -> Self {
        let (width, hidden) = (config.width, config.feed_forward);
        let (in_init, out_init) = (config.weight_init(width), config.residual_init(hidden));
        let mut layer = |name: &str, inputs, outputs, init| {
            Linear::with_init(&mut scope.child(name), inputs, outputs, config.bias, init)
        };
        let activation = match config.activation {
            Activation::Gelu => Unary::Gelu,
            Activation::GeluTanh => Unary::GeluTanh,
            Activation::Relu => Unary::Relu,
            Activation::Silu => Unary::Silu,
            Activation::Swiglu => {
                return FeedForward {
                    first: layer("gate_proj", width, hidden, in_init),
                    middle: Middle::Gated(layer("up_proj", width, hidden, in_init)),
                    last: layer("down_proj", hidden, width, out_init),
                };
            }
        };
        FeedForward {
            first: layer("fc1", width, hidden, in_init),
            middle: Middle::Plain(activation),
            last: layer("fc2", hidden, width, out_init),
        }
    }

    /// `[.., width] → [.., width]`.
    #[track_caller]
    pub fn forward<'t, T: Element>(&self, x: &Var<'t, T>) -> Var<'t, T> {
        self.run(x, None)
    }

    /// `residual + forward(x)`, the sum and the dropout before it fused into the last layer.
    #[track_caller]
    pub fn forward_residual<'a, 't: 'a, T: Element>(
        &self,
        x: &Var<'t, T>,
        residual: impl Into<Residual<'a, 't, T>>,
    ) -> Var<'t, T> {
        self.run(x, Some(residual.into()))
    }

    #[track_caller]
    fn run<'t, T: Element>(&self, x: &Var<'t, T>, residual: Option<Residual<'_, 't, T>>) -> Var<'t, T> {
        match (self.middle, residual) {
            // One of the two largest tensors of a block, which the backward pass makes again.
            (Middle::Plain(f), _) if x.tape().is_recording() => {
                self.last.forward_of(f, &self.first.forward(x), residual)
            }
            (_, None) => self.last.forward(&self.hidden(x)),
            (_, Some(residual)) => self.last.forward_residual(&self.hidden(x), residual),
        }
    }

    /// The hidden layer, `[.., width] → [.., hidden]`.
    #[track_caller]
    fn hidden<'t, T: Element>(&self, x: &Var<'t, T>) -> Var<'t, T> {
        match self.middle {
            Middle::Plain(activation) => self.first.forward_activated(x, activation),
            Middle::Gated(up) => self.first.forward(x).swiglu(&up.forward(x)),
        }
    }
}
