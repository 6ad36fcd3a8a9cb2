//! Attention over a cache against the same out of products, softmax and sums in `f64`.

use anther_kernels::{CacheWeights, CachedAttention, Span, Spans, attend_cached};

use crate::common::{EPS, assert_close, at_each_level, bits, normal, wide};

const BATCH: usize = 2;
const HEADS: usize = 6;

struct Case {
    kv_heads: usize,
    queries: usize,
    length: usize,
    capacity: usize,
    d: usize,
    dv: usize,
    squash: bool,
    biased: bool,
    spans: Option<Vec<Span>>,
}

/// Queries, keys, values and bias of a case. What lies beyond the length is NaN, so that reading it shows.
fn inputs(case: &Case) -> [Vec<f32>; 4] {
    let rows = BATCH * HEADS;
    let cache = |width: usize, stream: u64| {
        let mut all = normal(BATCH * case.kv_heads * case.capacity * width, stream);
        for head in all.chunks_mut((case.capacity * width).max(1)) {
            head[case.length * width..].fill(f32::NAN);
        }
        all
    };
    let bias = normal(HEADS * case.queries * case.length, 4);
    // A factor of the weights is positive.
    let bias = if case.squash { bias.iter().map(|b| b.exp()).collect() } else { bias };
    [normal(rows * case.queries * case.d, 1), cache(case.d, 2), cache(case.dv, 3), bias]
}

/// The definition, in `f64` and loops of its own.
fn expected(case: &Case, [queries, keys, values, bias]: &[Vec<f64>; 4]) -> Vec<f64> {
    let &Case { queries: per_head, length, capacity, d, dv, .. } = case;
    let mut out = Vec::new();
    for row in 0..BATCH * HEADS * per_head {
        let (group, query) = (row / per_head, row % per_head);
        let (batch, head) = (group / HEADS, group % HEADS);
        let kv_head = batch * case.kv_heads + head * case.kv_heads / HEADS;
        let span = match &case.spans {
            None => 0..length,
            Some(spans) => {
                let span = spans[(batch * per_head + query) % spans.len()];
                span.start as usize..(span.end as usize).max(span.start as usize)
            }
        };
        let weight = |j: usize| {
            let score: f64 = (0..d).map(|c| queries[row * d + c] * keys[(kv_head * capacity + j) * d + c]).sum();
            let (score, b) = (0.3 * score, bias[(head * per_head + query) * length + j]);
            match (case.squash, case.biased) {
                (false, false) => score.exp(),
                (false, true) => (score + b).exp(),
                (true, false) => score * score / (1.0 + score * score),
                (true, true) => b * score * score / (1.0 + score * score),
            }
        };
        let total = span.clone().map(weight).sum::<f64>() + if case.squash { 1e-3 } else { 0.0 };
        for c in 0..dv {
            let mixed: f64 = span.clone().map(|j| weight(j) * values[(kv_head * capacity + j) * dv + c]).sum();
            out.push(if span.is_empty() { 0.0 } else { mixed / total });
        }
    }
    out
}

/// The kernel in an element type.
macro_rules! run {
    ($type:ident, $case:expr, $inputs:expr) => {{
        let (case, [queries, keys, values, bias]) = ($case, $inputs);
        let weights = if case.squash { CacheWeights::Squash { eps: 1e-3 as $type } } else { CacheWeights::Softmax };
        let mut out = vec![$type::NAN; BATCH * HEADS * case.queries * case.dv];
        let args = CachedAttention::<$type> {
            queries,
            keys,
            values,
            batch: BATCH,
            heads: HEADS,
            kv_heads: case.kv_heads,
            length: case.length,
            capacity: case.capacity,
            d: case.d,
            dv: case.dv,
            scale: 0.3,
            weights,
            bias: case.biased.then_some(bias),
            spans: case.spans.as_ref().map(|rows| Spans { rows, queries: case.queries, heads: HEADS }),
        };
        attend_cached(args, &mut out);
        out
    }};
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (queries, length, capacity) in
        [(1, 0, 0), (1, 0, 3), (1, 1, 1), (1, 7, 9), (2, 33, 40), (3, 100, 100), (1, 257, 300)]
    {
        for (d, dv) in [(1, 1), (5, 3), (32, 32), (64, 48), (65, 33)] {
            let end = length as u32;
            let shared: Vec<Span> = (0..queries as u32).map(|q| Span::new(end / 3 * q.min(1), end)).collect();
            let own = (0..(BATCH * queries) as u32).map(|q| Span::new(end / 2, end - end / 4 * q.min(3))).collect();
            for spans in [None, Some(shared), Some(own)] {
                for (squash, biased) in [(false, false), (false, true), (true, false), (true, true)] {
                    let kv_heads = [6, 3, 1, 2][cases.len() / 4 % 4];
                    cases.push(Case {
                        kv_heads,
                        queries,
                        length,
                        capacity,
                        d,
                        dv,
                        squash,
                        biased,
                        spans: spans.clone(),
                    });
                }
            }
        }
    }
    cases
}

#[test]
fn every_level_gives_the_definition() {
    let mut compared = 0;
    for case in cases() {
        let inputs = inputs(&case);
        let wide = inputs.each_ref().map(|x| wide(x));
        let want = expected(&case, &wide);
        let [a, b, c, e] = &wide;
        let double = run!(f64, &case, [a, b, c, e]);
        let close = double.iter().zip(&want).all(|(x, y)| (x - y).abs() <= 1e-12 * (1.0 + y.abs()));
        assert!(close, "f64: {double:?} {want:?}");
        let [a, b, c, e] = &inputs;
        at_each_level(|level| {
            let got = run!(f32, &case, [a, b, c, e]);
            let what = format!("{level}: {} queries, {} keys, {} x {}", case.queries, case.length, case.d, case.dv);
            assert_close(&what, &got, &want, |_, _| EPS * (60.0 + 4.0 * (case.d as f64).sqrt()));
            compared += 1;
        });
    }
    assert!(compared >= 420 * 3, "{compared} comparisons");
}

/// The reciprocal of a sum of weights may be too large for `f32` where the quotient is not.
#[test]
fn tiny_weights_are_divided_by_their_tiny_sum() {
    at_each_level(|level| {
        let args = CachedAttention {
            queries: &[1e-20f32],
            keys: &[1.0],
            values: &[2.0, -3.0],
            batch: 1,
            heads: 1,
            kv_heads: 1,
            length: 1,
            capacity: 1,
            d: 1,
            dv: 2,
            scale: 1.0,
            weights: CacheWeights::Squash { eps: 0.0 },
            bias: None,
            spans: None,
        };
        let mut out = [f32::NAN; 2];
        attend_cached(args, &mut out);
        // A denormal weight of 1e−40 has five digits.
        assert_close(&format!("{level}"), &out, &[2.0, -3.0], |_, _| 1e-4);
    });
}

#[test]
fn threads_do_not_change_a_bit() {
    let case = Case {
        kv_heads: 3,
        queries: 2,
        length: 700,
        capacity: 701,
        d: 64,
        dv: 64,
        squash: false,
        biased: true,
        spans: None,
    };
    let inputs = inputs(&case);
    let [a, b, c, e] = &inputs;
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        bits(&pool.install(|| run!(f32, &case, [a, b, c, e])))
    };
    let alone = on(1);
    assert!([2, 3, 8].iter().all(|&threads| on(threads) == alone));
}

/// One head of keys for all queries gives what the same keys give that lie there once for each head, to the last bit: queries that read keys together do
/// not meet in any sum.
#[test]
fn shared_keys_are_repeated_keys() {
    at_each_level(|level| {
        for (queries, kv_heads, d, dv) in [(1, 1, 32, 40), (1, 2, 7, 33), (3, 3, 16, 5), (5, 6, 8, 64)] {
            let end = 130;
            let spans =
                (0..queries as u32).map(|q| Span::new(3 * q, end - 60 * (queries as u32 - 1 - q).min(2))).collect();
            let (length, capacity) = (end as usize, 133);
            let (squash, biased) = (d > 16, true);
            let shared = Case { kv_heads, queries, length, capacity, d, dv, squash, biased, spans: Some(spans) };
            let repeated = Case { kv_heads: HEADS, spans: shared.spans.clone(), ..shared };
            let [a, b, c, e] = &inputs(&shared);
            let each = |x: &[f32], width: usize| -> Vec<f32> {
                x.chunks(capacity * width).flat_map(|head| vec![head; HEADS / kv_heads].concat()).collect()
            };
            let alone = run!(f32, &repeated, [a, &each(b, d), &each(c, dv), e]);
            assert_eq!(
                bits(&run!(f32, &shared, [a, b, c, e])),
                bits(&alone),
                "{level}: {queries} queries, {kv_heads} heads"
            );
        }
    });
}

#[test]
#[should_panic(expected = "kernels::attend_cached: 4 heads of keys do not divide 6 heads")]
fn heads_of_keys_that_do_not_divide_are_refused() {
    let case = Case {
        kv_heads: 4,
        queries: 1,
        length: 1,
        capacity: 2,
        d: 1,
        dv: 1,
        squash: false,
        biased: false,
        spans: None,
    };
    let [a, b, c, e] = &inputs(&case);
    run!(f32, &case, [a, b, c, e]);
}

#[test]
fn a_row_without_weight_gives_zeros() {
    at_each_level(|_| {
        let case = Case {
            kv_heads: 6,
            queries: 1,
            length: 2,
            capacity: 2,
            d: 4,
            dv: 4,
            squash: true,
            biased: false,
            spans: None,
        };
        let [_, keys, values, bias] = inputs(&case);
        let queries = vec![0.0; BATCH * HEADS * 4];
        assert!(run!(f32, &case, [&queries, &keys, &values, &bias]).iter().all(|&x| x == 0.0));
    });
}

#[test]
#[should_panic(expected = "kernels::attend_cached: 3 keys are more than the 2 rows of a head")]
fn more_keys_than_room_are_refused() {
    let case = Case {
        kv_heads: 6,
        queries: 1,
        length: 3,
        capacity: 2,
        d: 1,
        dv: 1,
        squash: false,
        biased: false,
        spans: None,
    };
    let none: [&[f32]; 4] = [&[], &[], &[], &[]];
    run!(f32, &case, none);
}

#[test]
#[should_panic(expected = "kernels::attend_cached: `bias` has 35 elements but this call needs 36")]
fn a_bias_that_does_not_fit_is_refused() {
    let case =
        Case { kv_heads: 6, queries: 1, length: 6, capacity: 6, d: 2, dv: 2, squash: false, biased: true, spans: None };
    let [queries, keys, values, bias] = inputs(&case);
    run!(f32, &case, [&queries, &keys, &values, &bias[1..]]);
}
