//! The ops of this crate go through every check of the registry.

use anther_attention::Mask;
use anther_attention::statistics::{span_mean, span_variance};
use anther_tensor::KeySpans;
use anther_testkit::{Case, case, check_all, normal};

/// Masks and sizes `[batch, heads, keys, d]`, with the number of queries.
fn sizes() -> Vec<(&'static str, Option<KeySpans>, [usize; 4], usize)> {
    vec![
        ("full", None, [2, 3, 5, 4], 5),
        ("full, one query, many keys", None, [1, 1, 9, 3], 1),
        ("causal", Mask::causal().spans(2, 6, 6, 0), [2, 2, 6, 3], 6),
        ("causal after a past", Mask::causal().spans(1, 3, 7, 4), [1, 2, 7, 5], 3),
        ("padded", Mask::full().padded(vec![5, 2, 0]).spans(3, 4, 5, 0), [3, 2, 5, 3], 4),
        ("causal and padded", Mask::causal().padded(vec![5, 2]).spans(2, 5, 5, 0), [2, 1, 5, 1], 5),
        ("window", Mask::causal().within(2).spans(1, 7, 7, 0), [1, 2, 7, 3], 7),
        ("window both ways", Mask::full().within(3).spans(2, 6, 6, 0), [2, 1, 6, 2], 6),
        ("no queries", None, [2, 2, 4, 3], 0),
        ("no coordinates", None, [2, 2, 4, 0], 3),
        ("no sequences", Mask::causal().spans(1, 4, 4, 0), [0, 2, 4, 3], 4),
    ]
}

/// Sizes that several threads share.
fn big_sizes() -> [(&'static str, Option<KeySpans>, [usize; 4], usize); 2] {
    [
        ("causal, above the thread threshold", Mask::causal().spans(2, 150, 150, 0), [2, 3, 150, 160], 150),
        (
            "padded, above the thread threshold",
            Mask::full().padded(vec![130, 9]).spans(2, 9, 150, 0),
            [2, 3, 150, 300],
            9,
        ),
    ]
}

#[test]
fn means_of_what_queries_see() {
    let case = |(label, spans, shape, queries)| -> Case {
        case!("span_mean", label, [normal(shape)], (spans: Option<KeySpans>, queries: usize), |x| {
            span_mean(&x[0], spans.as_ref(), *queries)
        })
    };
    let big = big_sizes().into_iter().map(|sizes| case(sizes).big());
    check_all(&sizes().into_iter().map(case).chain(big).collect::<Vec<_>>());
}

#[test]
fn variances_of_what_queries_see() {
    let case = |(label, spans, shape, queries)| -> Case {
        case!("span_variance", label, [normal(shape)], (spans: Option<KeySpans>, queries: usize), |x| {
            span_variance(&x[0], spans.as_ref(), *queries)
        })
    };
    let big = big_sizes().into_iter().map(|sizes| case(sizes).big());
    check_all(&sizes().into_iter().map(case).chain(big).collect::<Vec<_>>());
}
