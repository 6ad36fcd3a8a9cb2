//! A causal convolution over tokens: each sees itself and some before it.

use anther_tensor::layers::Linear;
use anther_tensor::{Element, Init, Scope, Tensor, Var};

/// `y_t = b + Σ_j W_j x_{t − (taps − 1 − j)·dilation}` for j = 0 … taps − 1, with zeros before the first token.
///
/// Parameters `weight` `[out, taps · in]`, the oldest tap first, and `bias` `[out]`. It is one linear layer on the taps side by side, so a chain over all
/// taps can take the place of its weight. Cost 2·taps·in·out a token, and a copy of the taps.
#[derive(Clone, Copy, Debug)]
pub struct CausalConv1d {
    linear: Linear,
    taps: usize,
    dilation: usize,
}

impl CausalConv1d {
    /// A convolution with Glorot-uniform weights (of taps·in inputs and taps·out outputs) and zero bias.
    ///
    /// # Panics
    /// If `taps` is 0.
    #[track_caller]
    pub fn new(scope: &mut Scope<'_>, inputs: usize, outputs: usize, taps: usize, dilation: usize) -> Self {
        assert!(taps > 0, "a convolution needs at least one tap");
        let init = Init::xavier_uniform(taps * inputs, taps * outputs);
        CausalConv1d { linear: Linear::with_init(scope, taps * inputs, outputs, true, init), taps, dilation }
    }

    /// How many tokens before its first one a sequence depends on.
    pub fn past(&self) -> usize {
        (self.taps - 1) * self.dilation
    }

    /// The weight and the bias.
    pub fn linear(&self) -> &Linear {
        &self.linear
    }

    /// `[batch, tokens, in] → [batch, tokens, out]`, from the beginning of the sequences.
    ///
    /// # Panics
    /// If x has not three axes, or another width.
    #[track_caller]
    pub fn forward<'t, T: Element>(&self, x: &Var<'t, T>) -> Var<'t, T> {
        let [batch, _, inputs] = *x.shape() else {
            panic!("a convolution over tokens needs [batch, tokens, in]: {x:?}")
        };
        self.forward_after(x, &Tensor::zeros([batch, self.past(), inputs])).0
    }

    /// The same for tokens that come after others: `past` is the inputs of the [`CausalConv1d::past`] tokens before, `[batch, past, in]`, zeros
    /// before the first one of a sequence. With the result comes the `past` of the next token. No gradient flows to it.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn forward_after<'t, T: Element>(&self, x: &Var<'t, T>, past: &Tensor<T>) -> (Var<'t, T>, Tensor<T>) {
        let [_, tokens, _] = *x.shape() else { panic!("a convolution over tokens needs [batch, tokens, in]: {x:?}") };
        let tape = x.tape();
        if self.past() == 0 {
            return (self.linear.forward(x), past.clone());
        }
        let padded = tape.concat(1, &[&tape.constant(past.clone()), x]);
        let taps: Vec<_> =
            (0..self.taps).map(|j| padded.slice(1, j * self.dilation..j * self.dilation + tokens)).collect();
        let y = self.linear.forward(&tape.concat(2, &taps.iter().collect::<Vec<_>>()));
        let next = padded.detach().slice(1, tokens..tokens + self.past()).into_value();
        (y, next)
    }
}
