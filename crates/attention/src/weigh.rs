//! The weighing slot: how the scores of a query become weights on the keys.
//!
//! A weighing owns what masking means. It gets the span of keys that each query sees and gives weight 0 outside of it;
//! a query with an empty span gets no weight at all.

use anther_tensor::{Element, KeySpans, Tensor, Var};

/// Weights from scores.
pub trait Weigh {
    /// Turns an additive logit bias, such as that of ALiBi, into the form that [`Weigh::weigh`] takes. Called once for
    /// all layers.
    fn prepare_bias<T: Element>(&self, bias: Tensor<T>) -> Tensor<T>;

    /// Scores `[batch, heads, queries, keys]` give weights of the same shape. `bias` has been prepared and is `[heads, queries, keys]`.
    fn weigh<'t, T: Element>(
        &self,
        scores: &Var<'t, T>,
        bias: Option<&Tensor<T>>,
        spans: Option<&KeySpans>,
    ) -> Var<'t, T>;
}

/// `a_ij = e^{s_ij + b_ij} / Σ_l e^{s_il + b_il}` over the keys that query i sees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Softmax;

impl Weigh for Softmax {
    fn prepare_bias<T: Element>(&self, bias: Tensor<T>) -> Tensor<T> {
        bias
    }

    fn weigh<'t, T: Element>(
        &self,
        scores: &Var<'t, T>,
        bias: Option<&Tensor<T>>,
        spans: Option<&KeySpans>,
    ) -> Var<'t, T> {
        let biased;
        let scores = match bias {
            Some(bias) => {
                biased = scores + scores.tape().constant(bias.clone());
                &biased
            }
            None => scores,
        };
        match spans {
            Some(spans) => scores.softmax_spans(spans),
            None => scores.softmax(),
        }
    }
}

/// The weighing of expressive attention (Gros, arXiv 2407.18601):
///
/// ```text
/// u_ij = s_ij² / (1 + s_ij²)        a_ij = w_ij / (ε + Σ_l w_il),   w_ij = m_ij e^{b_ij} u_ij
/// ```
///
/// Parallel and antiparallel queries and keys attract, orthogonal ones do not; there is no softmax. The mask m multiplies
/// before the sum: filling a score with a large negative number would give the *largest* weight here. An additive bias b
/// becomes a positive factor. For ε = 0 the same weights are
/// `softmax(2 ln|s| − ln(1 + s²) + b)`.
///
/// The squared product is the paper's own; the form `u` and the normaliser are read from a third-party program that cites it;
/// ε is ours, and makes a row of zero scores give zeros instead of 0/0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expressive {
    /// The ε of the normaliser.
    pub eps: f64,
}

impl Weigh for Expressive {
    fn prepare_bias<T: Element>(&self, bias: Tensor<T>) -> Tensor<T> {
        let mut prior = bias;
        prior.data_mut().iter_mut().for_each(|b| *b = b.exp());
        prior
    }

    fn weigh<'t, T: Element>(
        &self,
        scores: &Var<'t, T>,
        prior: Option<&Tensor<T>>,
        spans: Option<&KeySpans>,
    ) -> Var<'t, T> {
        let attraction = scores.squash();
        match prior {
            Some(prior) => (attraction * scores.tape().constant(prior.clone())).normalize(spans, self.eps),
            None => attraction.normalize(spans, self.eps),
        }
    }
}
