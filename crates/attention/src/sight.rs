//! What the queries of some heads see, for the slots that take statistics of it.

use std::ops::Range;

use anther_tensor::{Element, KeySpans, ParamId, Tape, Tensor, Var};

use crate::project::repeat_heads;
use crate::statistics::{span_mean, span_variance};

/// The statistics of what each query sees, as slots ask for them.
pub(crate) enum Statistics<'a, 't, T: Element> {
    /// Of rows `[batch, kv_heads, keys, d]`.
    Of(&'a Var<'t, T>, &'a Sight),
    /// Known already, `[batch, kv_heads, queries, d]`.
    Known {
        mean: Var<'t, T>,
        /// Only if it is asked for.
        variance: Option<Var<'t, T>>,
    },
}

impl<'t, T: Element> Statistics<'_, 't, T> {
    /// The mean that each of `queries` queries of `heads` heads sees, `[batch, heads, queries, d]`.
    #[track_caller]
    pub(crate) fn mean(&self, heads: usize, queries: usize) -> Var<'t, T> {
        let mean = match self {
            Statistics::Of(x, sight) => sight.mean(x, queries),
            Statistics::Known { mean, .. } => mean.clone(),
        };
        // Heads that share keys share their statistics.
        repeat_heads(&mean, heads)
    }

    /// The biased variance of the same.
    #[track_caller]
    pub(crate) fn variance(&self, heads: usize, queries: usize) -> Var<'t, T> {
        let variance = match self {
            Statistics::Of(x, sight) => sight.variance(x, queries),
            Statistics::Known { variance, .. } => variance.clone().expect("a variance that was asked for"),
        };
        repeat_heads(&variance, heads)
    }
}

/// What the queries of neighbouring heads see: spans of keys, apart from each other, that a query sees all of.
pub(crate) struct Sight {
    /// Without any, all keys.
    spans: Vec<KeySpans>,
    heads: Range<usize>,
}

impl Sight {
    /// What these heads of a layer see.
    pub(crate) fn new(spans: Vec<KeySpans>, heads: Range<usize>) -> Self {
        Sight { spans, heads }
    }

    /// The heads, counted in the layer.
    pub(crate) fn heads(&self) -> Range<usize> {
        self.heads.clone()
    }

    /// The spans.
    pub(crate) fn spans(&self) -> &[KeySpans] {
        &self.spans
    }

    /// The numbers of these heads, of a parameter that has one for each head of the layer.
    pub(crate) fn own<'t, T: Element>(&self, tape: &'t Tape<T>, parameter: ParamId) -> Var<'t, T> {
        let all = tape.param(parameter);
        if self.heads.len() == all.shape()[0] { all } else { all.slice(0, self.heads.clone()) }
    }

    /// The same as a factor on `[batch, heads, rows, d]`.
    pub(crate) fn per_head<'t, T: Element>(&self, tape: &'t Tape<T>, parameter: ParamId) -> Var<'t, T> {
        self.own(tape, parameter).reshape([self.heads.len(), 1, 1])
    }

    /// The mean of the rows of `x`, `[batch, heads, keys, d]`, that each of `queries` queries sees.
    #[track_caller]
    pub(crate) fn mean<'t, T: Element>(&self, x: &Var<'t, T>, queries: usize) -> Var<'t, T> {
        if self.spans.len() < 2 {
            return span_mean(x, self.spans.first(), queries);
        }
        let parts = self.spans.iter().map(|spans| span_mean(x, Some(spans), queries) * self.share(x, spans));
        parts.reduce(|sum, part| sum + part).expect("at least two spans")
    }

    /// The biased variance of the same: of spans with shares w, `Σ w (σ² + (μ − mean)²)`.
    #[track_caller]
    pub(crate) fn variance<'t, T: Element>(&self, x: &Var<'t, T>, queries: usize) -> Var<'t, T> {
        if self.spans.len() < 2 {
            return span_variance(x, self.spans.first(), queries);
        }
        let mean = self.mean(x, queries);
        let parts = self.spans.iter().map(|spans| {
            let distance = (span_mean(x, Some(spans), queries) - &mean).square();
            (span_variance(x, Some(spans), queries) + distance) * self.share(x, spans)
        });
        parts.reduce(|sum, part| sum + part).expect("at least two spans")
    }

    /// The part that one of the spans has of the keys of each query, `[batch, heads, queries, 1]`.
    fn share<'t, T: Element>(&self, x: &Var<'t, T>, spans: &KeySpans) -> Var<'t, T> {
        let (batch, heads, queries) = (x.shape()[0], x.shape()[1], spans.queries());
        let share = |i: usize| {
            let row = i / (heads * queries) * queries % spans.rows().len() + i % queries;
            let total: usize = self.spans.iter().map(|spans| spans.rows()[row].len()).sum();
            T::from_f64(spans.rows()[row].len() as f64 / total.max(1) as f64)
        };
        x.tape().constant(Tensor::from_fn([batch, heads, queries, 1], share))
    }
}
