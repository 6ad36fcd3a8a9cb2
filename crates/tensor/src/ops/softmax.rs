//! Softmax of each row over a span of its columns: `y_c = e^{x_c} / Σ_{span} e^{x}` inside the span, 0 outside.
//!
//! A row whose span is empty is all zero, and so is its gradient. `dx = y (dy − ⟨dy, y⟩)` inside the span, 0 outside.

use std::sync::Arc;

use anther_kernels::{self as kernels, Span, Spans};

use crate::op::{Backward, Op};
use crate::pool::Element;
use crate::shape::Shape;
use crate::tape::Var;
use crate::tensor::Tensor;

/// For every query the span of keys that it sees: of all sequences of a batch alike, or of each its own.
///
/// Scores are `[batch, heads, queries, keys]`; all heads share the spans. Cloning shares the memory.
#[derive(Clone, Debug)]
pub struct KeySpans {
    rows: Arc<Vec<Span>>,
    queries: usize,
}

impl KeySpans {
    /// Spans of `[queries]` or `[batch, queries]` in row-major order.
    ///
    /// # Panics
    /// If the number of spans is no multiple of `queries`.
    #[track_caller]
    pub fn new(rows: Vec<Span>, queries: usize) -> Self {
        let fits = if queries == 0 { rows.is_empty() } else { rows.len().is_multiple_of(queries) };
        assert!(fits, "{} spans are no multiple of {queries} queries", rows.len());
        KeySpans { rows: Arc::new(rows), queries }
    }

    /// The spans in row-major order.
    pub fn rows(&self) -> &[Span] {
        &self.rows
    }

    /// Number of queries.
    pub fn queries(&self) -> usize {
        self.queries
    }

    /// Checks that scores of that shape fit.
    #[track_caller]
    pub(crate) fn check(&self, op: &str, scores: Shape) {
        let (queries, keys) = match *scores {
            [.., queries, keys] => (queries, keys),
            _ => panic!("{op}: scores of shape {scores:?} have no queries and keys"),
        };
        let batch = if scores.len() == 4 { scores[0] } else { 1 };
        assert!(
            self.queries == queries && (self.rows.len() == queries || self.rows.len() == batch * queries),
            "{op}: {} spans over {} queries do not fit scores of shape {scores:?}",
            self.rows.len(),
            self.queries
        );
        if let Some(span) = self.rows.iter().find(|s| s.end as usize > keys) {
            panic!("{op}: the span {span:?} reaches past the {keys} keys of scores of shape {scores:?}");
        }
    }

    /// The view that kernels take, for scores of that shape.
    pub(crate) fn of(&self, scores: Shape) -> Spans<'_> {
        let heads = if scores.len() >= 3 { scores[scores.len() - 3] } else { 1 };
        Spans { rows: &self.rows, queries: self.queries, heads }
    }
}

struct Softmax {
    spans: Option<KeySpans>,
}

impl<T: Element> Op<T> for Softmax {
    /// The output.
    type Saved = Tensor<T>;

    fn name(&self) -> &'static str {
        "softmax"
    }

    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, Self::Saved) {
        let shape = x[0].shape();
        let y = Tensor::build(shape, |y| {
            kernels::softmax(y, x[0].data(), shape.last_dim(), self.spans.as_ref().map(|s| s.of(shape)));
        });
        (y.clone(), y)
    }

    fn backward(&self, y: &Tensor<T>, dy: &Tensor<T>, into: &mut Backward<'_, T>) {
        let shape = y.shape();
        into.accumulate(0, |dx, write| {
            let spans = self.spans.as_ref().map(|s| s.of(shape));
            kernels::softmax_backward(dx, dy.data(), y.data(), shape.last_dim(), spans, write);
        });
    }
}

impl<'t, T: Element> Var<'t, T> {
    /// Softmax over the last axis.
    ///
    /// # Panics
    /// For a scalar.
    #[track_caller]
    pub fn softmax(&self) -> Var<'t, T> {
        assert!(!self.shape().is_empty(), "softmax: a scalar has no rows");
        self.tape().apply(Softmax { spans: None }, &[self])
    }

    /// Softmax of scores `[batch, heads, queries, keys]` over the keys that each query sees.
    ///
    /// # Panics
    /// If the spans do not fit the scores.
    #[track_caller]
    pub fn softmax_spans(&self, spans: &KeySpans) -> Var<'t, T> {
        spans.check("softmax", self.shape());
        self.tape().apply(Softmax { spans: Some(spans.clone()) }, &[self])
    }
}
