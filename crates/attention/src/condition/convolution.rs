//! Convolved queries and keys: the convolution layer of the primal–dual framework (Nguyen et al., ICLR 2023, arXiv 2406.13781).
//!
//! With one kernel c `[width, taps]` for queries and keys, each coordinate by itself and values as they are:
//!
//! ```text
//! q̂_i = Σ_t c_t ⊙ q_{i − taps + 1 + t}        k̂_i = Σ_t c_t ⊙ k_{i − taps + 1 + t}        t = 0 … taps − 1
//! ```
//!
//! Tokens before the first are 0, and nothing after token i is read, so the same layer is causal under a causal mask, and padding behind a
//! sequence changes nothing. Under a window the kernel sees up to taps − 1 tokens more. The kernel is first 1 at the token itself and 0 elsewhere, so a
//! layer starts as attention without it. Cost 4·taps·width a token.
//!
//! That the framework has such a layer is recalled of the paper's appendix; everything else is a guess. There the kernel is likely centred, which only
//! suits attention in both directions.
//!
//! It cannot decode token by token: a cache holds keys after the convolution, and the next token needs those before it.

use anther_tensor::{Element, Init, ParamId, Scope, Tensor, Var};
use serde::{Deserialize, Serialize};

/// Settings of the convolution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConvolutionConfig {
    /// How many tokens the kernel reads, the token itself included.
    pub taps: usize,
}

impl Default for ConvolutionConfig {
    fn default() -> Self {
        ConvolutionConfig { taps: 3 }
    }
}

/// The kernel of one layer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Convolution {
    before: Option<ParamId>,
    own: ParamId,
    taps: usize,
}

impl Convolution {
    /// With the parameters `qk_conv.past` `[taps − 1, width]`, the oldest token first, and `qk_conv.own` `[width]`.
    pub(super) fn new(scope: &mut Scope<'_>, config: &ConvolutionConfig, width: usize) -> Self {
        let (taps, mut scope) = (config.taps, scope.child("qk_conv"));
        let before = (taps > 1).then(|| scope.param("past", [taps - 1, width], Init::Zeros));
        Convolution { before, own: scope.param("own", [width], Init::Ones), taps }
    }

    /// `[batch, heads, length, d]`, over the length.
    #[track_caller]
    pub(super) fn forward<'t, T: Element>(&self, x: &Var<'t, T>) -> Var<'t, T> {
        let [batch, heads, length, d] = *x.shape() else { unreachable!("heads have four axes") };
        let width = heads * d;
        // One kernel a coordinate of a head broadcasts over tokens only where a token has all heads side by side.
        let x = x.merge_heads();
        let mut y = &x * x.param(self.own);
        if let Some(before) = self.before {
            let (past, kernel) = (self.taps - 1, x.param(before));
            let start = x.tape().constant(Tensor::zeros([batch, past, width]));
            let padded = x.tape().concat(1, &[&start, &x]);
            for tap in 0..past {
                y = y + padded.slice(1, tap..tap + length) * kernel.slice(0, tap..tap + 1).reshape([width]);
            }
        }
        y.split_heads(heads)
    }
}
