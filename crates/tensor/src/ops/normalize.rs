//! Weights divided by their sum over a span: `y_c = w_c / (ε + Σ_{span} w)` inside the span, 0 outside.
//!
//! The normaliser of expressive attention (arXiv 2407.18601): a mask multiplies the weights, it never fills scores. A row
//! whose denominator is 0 gives zeros and gets no gradient. `dw = (dy − ⟨dy, y⟩)/(ε + Σ w)` inside the span, exact for any ε.

use anther_kernels::{self as kernels, Spans};

use super::softmax::KeySpans;
use crate::op::{Backward, Op};
use crate::pool::Element;
use crate::tape::Var;
use crate::tensor::Tensor;

struct Normalize {
    spans: Option<KeySpans>,
    eps: f64,
}

impl Normalize {
    fn spans<T: Element>(&self, x: &Tensor<T>) -> Option<Spans<'_>> {
        self.spans.as_ref().map(|s| s.of(x.shape()))
    }
}

impl<T: Element> Op<T> for Normalize {
    /// The output and the denominators.
    type Saved = (Tensor<T>, Tensor<T>);

    fn name(&self) -> &'static str {
        "normalize"
    }

    fn forward(&self, w: &[&Tensor<T>]) -> (Tensor<T>, Self::Saved) {
        let shape = w[0].shape();
        let mut sums = Tensor::zeros([shape.filled_rows()]);
        let y = Tensor::build(shape, |y| {
            let (spans, eps) = (self.spans(w[0]), T::from_f64(self.eps));
            kernels::normalize(y, sums.data_mut(), w[0].data(), shape.last_dim(), spans, eps);
        });
        (y.clone(), (y, sums))
    }

    fn backward(&self, (y, sums): &Self::Saved, dy: &Tensor<T>, into: &mut Backward<'_, T>) {
        let cols = y.shape().last_dim();
        into.accumulate(0, |dw, write| {
            kernels::normalize_backward(dw, dy.data(), y.data(), sums.data(), cols, self.spans(y), write);
        });
    }
}

impl<'t, T: Element> Var<'t, T> {
    /// Non-negative weights divided by `eps` plus their sum over the keys that each query sees (all keys without spans).
    ///
    /// # Panics
    /// If the spans do not fit, or for a scalar.
    #[track_caller]
    pub fn normalize(&self, spans: Option<&KeySpans>, eps: f64) -> Var<'t, T> {
        assert!(!self.shape().is_empty(), "normalize: a scalar has no rows");
        if let Some(spans) = spans {
            spans.check("normalize", self.shape());
        }
        self.tape().apply(Normalize { spans: spans.cloned(), eps }, &[self])
    }
}
