//! Mean and variance of what each query sees: statistics of keys or values that can leak neither the future nor padding.
//!
//! With S(i) the span of keys that query i sees and n its length, coordinate by coordinate:
//!
//! ```text
//! μ_i = 1/n Σ_{j ∈ S(i)} x_j        σ²_i = 1/n Σ_{j ∈ S(i)} (x_j − μ_i)²
//! dx_j = Σ_{i: j ∈ S(i)} dμ_i/n_i   dx_j = Σ_{i: j ∈ S(i)} 2 dσ²_i (x_j − μ_i)/n_i
//! ```
//!
//! `[batch, heads, keys, d] → [batch, heads, queries, d]`; both are 0 where nothing is seen. Spans that begin at one place and grow, such as those of a
//! causal mask, are one running sum: cost queries + keys, times d. A span that begins elsewhere is summed on its own, so what lies outside of it
//! cannot change a bit of its result. Sums are in `f64`; the variance is that of Welford, which does not cancel. Heads run in parallel.

use anther_kernels::parallel_blocks2;
use anther_tensor::{Backward, Element, KeySpans, Op, Span, Tensor, Var, Write};

/// The mean of the rows of `x` that each of `queries` queries sees, of all of them without spans.
///
/// # Panics
/// If `x` has not four axes or the spans do not fit.
#[track_caller]
pub fn span_mean<'t, T: Element>(x: &Var<'t, T>, spans: Option<&KeySpans>, queries: usize) -> Var<'t, T> {
    let spans = fitting("span_mean", x, spans, queries);
    x.tape().apply(SpanMean { spans }, &[x])
}

/// The biased variance of the rows of `x` that each of `queries` queries sees, of all of them without spans.
///
/// # Panics
/// If `x` has not four axes or the spans do not fit.
#[track_caller]
pub fn span_variance<'t, T: Element>(x: &Var<'t, T>, spans: Option<&KeySpans>, queries: usize) -> Var<'t, T> {
    let spans = fitting("span_variance", x, spans, queries);
    x.tape().apply(SpanVariance { spans }, &[x])
}

/// The spans, or one of all keys for each query.
#[track_caller]
fn fitting<T: Element>(op: &str, x: &Var<'_, T>, spans: Option<&KeySpans>, queries: usize) -> KeySpans {
    let [batch, _, keys, _] = *x.shape() else { panic!("{op}: {:?} is not [batch, heads, keys, d]", x.shape()) };
    let Some(spans) = spans else {
        return KeySpans::new(vec![Span { start: 0, end: keys as u32 }; queries], queries);
    };
    let rows = spans.rows();
    assert!(
        spans.queries() == queries && (rows.len() == queries || rows.len() == batch * queries),
        "{op}: {} spans over {} queries do not fit {queries} queries of {:?}",
        rows.len(),
        spans.queries(),
        x.shape()
    );
    if let Some(span) = rows.iter().find(|span| span.end as usize > keys) {
        panic!("{op}: the span {span:?} reaches past the keys of {:?}", x.shape());
    }
    spans.clone()
}

/// The sizes of an input and of its output, and which spans a head has.
struct Heads<'a> {
    rows: &'a [Span],
    heads: usize,
    queries: usize,
    keys: usize,
    d: usize,
}

impl<'a> Heads<'a> {
    fn new<T: Element>(spans: &'a KeySpans, x: &Tensor<T>) -> Self {
        let [_, heads, keys, d] = *x.shape() else { unreachable!("checked when the op was made") };
        Heads { rows: spans.rows(), heads, queries: spans.queries(), keys, d }
    }

    /// The spans of head number `head` of the whole batch.
    fn spans(&self, head: usize) -> &'a [Span] {
        let sequence = if self.rows.len() == self.queries { 0 } else { head / self.heads };
        &self.rows[sequence * self.queries..][..self.queries]
    }

    /// Calls `body` with the number of each head and its part of a tensor with `rows` rows a head, several heads at once.
    fn each<T: Element>(&self, x: &mut [T], rows: usize, body: impl Fn(usize, &mut [T]) + Sync + Send) {
        if x.is_empty() {
            return;
        }
        let heads = x.len() / (rows * self.d);
        let work = heads * (self.queries + self.keys) * self.d;
        parallel_blocks2(work, (x, rows * self.d), (&mut vec![(); heads], 1), |head, x, _| body(head, x));
    }

    /// Row `i` of the part of one head.
    fn row(&self, i: usize) -> std::ops::Range<usize> {
        i * self.d..(i + 1) * self.d
    }

    /// What belongs to that head in a tensor with one row a key, and in one with a row a query.
    fn key_row(&self, head: usize, j: usize) -> std::ops::Range<usize> {
        let start = (head * self.keys + j) * self.d;
        start..start + self.d
    }

    fn query_row(&self, head: usize, i: usize) -> std::ops::Range<usize> {
        let start = (head * self.queries + i) * self.d;
        start..start + self.d
    }
}

/// Whether a span goes on from the one before, so that sums over the one before are part of its own.
fn goes_on(before: Span, span: Span) -> bool {
    span.start == before.start && span.end >= before.end
}

/// Calls `sum` with each query and the keys that it has more than the query before; `fresh` says that these are all of its keys.
fn forward(spans: &[Span], mut sum: impl FnMut(usize, std::ops::Range<usize>, bool)) {
    for (i, &span) in spans.iter().enumerate() {
        let before = i.checked_sub(1).map(|i| spans[i]).filter(|&before| goes_on(before, span));
        let start = before.map_or(span.start, |before| before.end);
        sum(i, start as usize..span.end as usize, before.is_none());
    }
}

/// The same from the last query to the first: `fresh` says that no later query has these keys in its sum.
fn backward(spans: &[Span], mut sum: impl FnMut(usize, std::ops::Range<usize>, bool)) {
    for (i, &span) in spans.iter().enumerate().rev() {
        let fresh = spans.get(i + 1).is_none_or(|&after| !goes_on(span, after));
        let before = i.checked_sub(1).map(|i| spans[i]).filter(|&before| goes_on(before, span));
        let start = before.map_or(span.start, |before| before.end);
        sum(i, start as usize..span.end as usize, fresh);
    }
}

/// The number of keys of a span as a divisor: 1 for an empty one, whose sums are 0.
fn count(span: Span) -> f64 {
    f64::from(span.end.saturating_sub(span.start).max(1))
}

struct SpanMean {
    spans: KeySpans,
}

impl<T: Element> Op<T> for SpanMean {
    /// Nothing but a shape is needed; the input shares its storage.
    type Saved = Tensor<T>;

    fn name(&self) -> &'static str {
        "span_mean"
    }

    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, Self::Saved) {
        let (x, at) = (x[0], Heads::new(&self.spans, x[0]));
        let [batch, heads, _, d] = *x.shape() else { unreachable!("checked when the op was made") };
        let y = Tensor::build([batch, heads, at.queries, d], |y| {
            at.each(y, at.queries, |head, y| {
                let mut sum = vec![0.0; d];
                let spans = at.spans(head);
                forward(spans, |i, keys, fresh| {
                    if fresh {
                        sum.fill(0.0);
                    }
                    for j in keys {
                        sum.iter_mut().zip(&x.data()[at.key_row(head, j)]).for_each(|(sum, x)| *sum += x.to_f64());
                    }
                    let n = count(spans[i]);
                    y[at.row(i)].iter_mut().zip(&sum).for_each(|(y, sum)| *y = T::from_f64(sum / n));
                });
            });
        });
        (y, x.clone())
    }

    fn backward(&self, x: &Self::Saved, dy: &Tensor<T>, into: &mut Backward<'_, T>) {
        let at = Heads::new(&self.spans, x);
        into.accumulate(0, |dx, write| {
            at.each(dx, at.keys, |head, dx| {
                if matches!(write, Write::Set) {
                    dx.fill(T::ZERO);
                }
                let mut sum = vec![0.0; at.d];
                let spans = at.spans(head);
                backward(spans, |i, keys, fresh| {
                    if fresh {
                        sum.fill(0.0);
                    }
                    let n = count(spans[i]);
                    sum.iter_mut().zip(&dy.data()[at.query_row(head, i)]).for_each(|(sum, dy)| *sum += dy.to_f64() / n);
                    for j in keys {
                        dx[at.row(j)].iter_mut().zip(&sum).for_each(|(dx, sum)| *dx += T::from_f64(*sum));
                    }
                });
            });
        });
    }
}

struct SpanVariance {
    spans: KeySpans,
}

impl<T: Element> Op<T> for SpanVariance {
    /// The input, and the mean that each query sees.
    type Saved = (Tensor<T>, Tensor<T>);

    fn name(&self) -> &'static str {
        "span_variance"
    }

    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, Self::Saved) {
        let (x, at) = (x[0], Heads::new(&self.spans, x[0]));
        let [batch, heads, _, d] = *x.shape() else { unreachable!("checked when the op was made") };
        let shape = [batch, heads, at.queries, d];
        let mut means = Tensor::zeros(shape);
        let y = Tensor::build(shape, |y| {
            let size = at.queries * d;
            if size * batch * heads == 0 {
                return;
            }
            let work = batch * heads * (at.queries + at.keys) * d;
            parallel_blocks2(work, (y, size), (means.data_mut(), size), |head, y, means| {
                let (mut mean, mut m2, mut seen) = (vec![0.0; d], vec![0.0; d], 0.0);
                let spans = at.spans(head);
                forward(spans, |i, keys, fresh| {
                    if fresh {
                        mean.fill(0.0);
                        m2.fill(0.0);
                        seen = 0.0;
                    }
                    for j in keys {
                        seen += 1.0;
                        for ((mean, m2), x) in mean.iter_mut().zip(&mut m2).zip(&x.data()[at.key_row(head, j)]) {
                            let distance = x.to_f64() - *mean;
                            *mean += distance / seen;
                            *m2 += distance * (x.to_f64() - *mean);
                        }
                    }
                    let (n, row) = (count(spans[i]), at.row(i));
                    y[row.clone()].iter_mut().zip(&m2).for_each(|(y, m2)| *y = T::from_f64(m2 / n));
                    means[row].iter_mut().zip(&mean).for_each(|(out, mean)| *out = T::from_f64(*mean));
                });
            });
        });
        (y, (x.clone(), means))
    }

    fn backward(&self, (x, means): &Self::Saved, dy: &Tensor<T>, into: &mut Backward<'_, T>) {
        let at = Heads::new(&self.spans, x);
        into.accumulate(0, |dx, write| {
            at.each(dx, at.keys, |head, dx| {
                if matches!(write, Write::Set) {
                    dx.fill(T::ZERO);
                }
                // Σ dσ²/n and Σ μ dσ²/n over the queries that see a key.
                let (mut slope, mut shift) = (vec![0.0; at.d], vec![0.0; at.d]);
                let spans = at.spans(head);
                backward(spans, |i, keys, fresh| {
                    if fresh {
                        slope.fill(0.0);
                        shift.fill(0.0);
                    }
                    let (n, row) = (count(spans[i]), at.query_row(head, i));
                    let gradients = dy.data()[row.clone()].iter().zip(&means.data()[row]);
                    for ((slope, shift), (dy, mean)) in slope.iter_mut().zip(&mut shift).zip(gradients) {
                        *slope += dy.to_f64() / n;
                        *shift += mean.to_f64() * dy.to_f64() / n;
                    }
                    for j in keys {
                        let sums = slope.iter().zip(&shift).zip(&x.data()[at.key_row(head, j)]);
                        for (dx, ((slope, shift), x)) in dx[at.row(j)].iter_mut().zip(sums) {
                            *dx += T::from_f64(2.0 * (x.to_f64() * slope - shift));
                        }
                    }
                });
            });
        });
    }
}
