//! Weights over the keys that a query sees, and positions.

use anther_tensor::{KeySpans, RotaryPairing, Span, Tensor};
use anther_testkit::{Case, case, fixed, normal, positive, small};

use super::label;

pub fn cases() -> Vec<Case> {
    let mut cases = plain();
    cases.extend(with_spans());
    cases.extend(rotary());
    cases
}

fn plain() -> Vec<Case> {
    let shapes: [&[usize]; 9] = [&[1], &[7], &[3, 5], &[2, 3, 17], &[4, 33], &[5, 1], &[2, 2, 3, 5], &[0, 5], &[3, 0]];
    let mut cases = Vec::new();
    for s in shapes {
        let l = label(s);
        cases.push(case!("softmax", &l, [normal(s)], |x| x[0].softmax()));
        cases.push(case!("normalize", &l, [positive(s)], |x| x[0].normalize(None, 1e-6)));
        cases.push(case!("normalize", format!("{l}, no eps"), [positive(s)], |x| x[0].normalize(None, 0.0)));
    }
    cases.extend([
        case!("softmax", "small", [small([3, 7])], |x| x[0].softmax()),
        case!("softmax", "equal", [fixed([2, 4], [3.0; 8])], |x| x[0].softmax()),
        case!("softmax", "far apart", [fixed([2, 3], [-1e4, 0.0, 1e4, 1e30, -1e30, 0.0])], |x| x[0].softmax()).big(),
        case!("softmax", "long row", [normal([2, 66_001])], |x| x[0].softmax()).big(),
        case!("softmax", "many rows", [normal([513, 130])], |x| x[0].softmax()).big(),
        case!("normalize", "large eps", [positive([3, 7])], |x| x[0].normalize(None, 2.0)),
        case!("normalize", "a row of zeros", [fixed([2, 2], [0.0, 0.0, 1.0, 3.0])], |x| x[0].normalize(None, 0.0)),
        case!("normalize", "long row", [positive([2, 66_001])], |x| x[0].normalize(None, 1e-6)).big(),
        case!("normalize", "many rows", [positive([513, 130])], |x| x[0].normalize(None, 1e-6)).big(),
    ]);
    cases
}

/// Kinds of spans, by name, for a batch of `batch` sequences of `queries` queries and `keys` keys.
fn kinds(batch: u32, queries: u32, keys: u32) -> Vec<(&'static str, KeySpans)> {
    let each = |of: &dyn Fn(u32) -> Span, sequences: u32| {
        let rows = (0..sequences * queries).map(of).collect();
        KeySpans::new(rows, queries as usize)
    };
    vec![
        ("full", each(&|_| Span::new(0, keys), 1)),
        ("causal", each(&|q| Span::new(0, (q + 1).min(keys)), 1)),
        ("window", each(&|q| Span::new(q.saturating_sub(1).min(keys), (q + 2).min(keys)), 1)),
        ("every other row empty", each(&|q| if q % 2 == 0 { Span::new(0, 0) } else { Span::new(0, keys) }, 1)),
        ("nothing", each(&|_| Span::new(2, 1), 1)),
        ("lengths of the batch", each(&|r| Span::new(0, keys.saturating_sub(r / queries)), batch)),
        ("padding on the left", each(&|r| Span::new((r / queries).min(keys), keys), batch)),
    ]
}

fn with_spans() -> Vec<Case> {
    let mut cases = Vec::new();
    for [batch, heads, queries, keys] in
        [[2, 2, 3, 5], [1, 1, 1, 1], [3, 1, 4, 4], [1, 3, 7, 3], [2, 1, 5, 17], [0, 2, 3, 3]]
    {
        let s = [batch, heads, queries, keys];
        for (kind, spans) in kinds(batch as u32, queries as u32, keys as u32) {
            cases.extend(spanned(&format!("{kind}, {}", label(&s)), &s, &spans));
        }
    }
    for (kind, spans) in kinds(1, 5, 3) {
        cases.extend(spanned(&format!("{kind}, 5x3"), &[5, 3], &spans));
        cases.extend(spanned(&format!("{kind}, 2x5x3"), &[2, 5, 3], &spans));
    }
    let s = [2, 3, 67, 193];
    for (kind, spans) in kinds(2, 67, 193) {
        cases.extend(spanned(&format!("{kind}, {}", label(&s)), &s, &spans).into_iter().map(Case::big));
    }
    cases
}

fn spanned(l: &str, s: &[usize], spans: &KeySpans) -> Vec<Case> {
    vec![
        case!("softmax", l, [normal(s)], (spans: KeySpans = spans.clone()), |x| x[0].softmax_spans(spans)),
        case!("normalize", l, [positive(s)], (spans: KeySpans = spans.clone()), |x| x[0].normalize(Some(spans), 1e-3)),
    ]
}

fn rotary() -> Vec<Case> {
    let shapes: [&[usize]; 7] = [&[1, 2], &[3, 4], &[7, 6], &[2, 3, 8], &[2, 2, 3, 34], &[0, 4], &[3, 0]];
    let mut cases = Vec::new();
    for pairing in [RotaryPairing::Interleaved, RotaryPairing::Halves] {
        cases.extend(shapes.into_iter().map(|s| rotated(s, pairing)));
        cases.push(rotated(&[2, 5, 67, 100], pairing).big());
    }
    cases
}

fn rotated(s: &[usize], pairing: RotaryPairing) -> Case {
    let table = [s[s.len() - 2], s[s.len() - 1] / 2];
    let l = format!("{}, {pairing:?}", label(s));
    case!("rotary", l, [normal(s)], (table: [usize; 2], pairing: RotaryPairing), |x| {
        let angle = |i: usize| 0.3 * i as f64 + 0.1;
        let cos = Tensor::from_fn(*table, |i| T::from_f64(angle(i).cos()));
        let sin = Tensor::from_fn(*table, |i| T::from_f64(angle(i).sin()));
        x[0].rotary(&cos, &sin, *pairing)
    })
}
