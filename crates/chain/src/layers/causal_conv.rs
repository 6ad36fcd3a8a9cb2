//! A causal convolution over tokens: each sees itself and some before it.

use anther_tensor::layers::Linear;
use anther_tensor::{Element, Init, Scope, Tensor, Var};

/// `y_t = b + Σ_j W_j x_{t − (taps − 1 − j)·dilation}` for j = 0 … taps − 1, with zeros before the first token.
///
/// Parameters `weight` `[out, taps · in]`, the oldest tap first, and `bias` `[out]`. It is one linear layer on the taps side by side, so a chain over all
/// taps can take the place of its weight. Cost 2·taps·in·out a token, and a copy of the taps: however far back they reach, zeros are made for no more
/// tokens than there are.
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
        self.forward_after(x, &Tensor::zeros([batch, 0, inputs])).0
    }

    /// The same for tokens that come after others: `past` is the inputs of the tokens before, `[batch, past, in]`, of a long sequence those of the last
    /// [`CausalConv1d::past`], of a new one none. With the result comes the `past` of the next token. No gradient flows to it.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn forward_after<'t, T: Element>(&self, x: &Var<'t, T>, past: &Tensor<T>) -> (Var<'t, T>, Tensor<T>) {
        let [batch, tokens, inputs] = *x.shape() else {
            panic!("a convolution over tokens needs [batch, tokens, in]: {x:?}")
        };
        let tape = x.tape();
        if self.past() == 0 {
            return (self.linear.forward(x), past.clone());
        }
        let before = past.shape()[1];
        let zeros = self.past().saturating_sub(before).min(tokens);
        let padding = tape.constant(Tensor::zeros([batch, zeros, inputs]));
        let padded = tape.concat(1, &[&padding, &tape.constant(past.clone()), x]);
        let tap = |j: usize| {
            // A tap that reaches beyond the zeros too finds nothing but zeros, as many as there are tokens.
            let start = (zeros + before).saturating_sub((self.taps - 1 - j) * self.dilation);
            padded.slice(1, start..start + tokens)
        };
        let taps: Vec<_> = (0..self.taps).map(tap).collect();
        let y = self.linear.forward(&tape.concat(2, &taps.iter().collect::<Vec<_>>()));
        let all = zeros + before + tokens;
        let next = padded.detach().slice(1, all - self.past().min(before + tokens)..all).into_value();
        (y, next)
    }
}
