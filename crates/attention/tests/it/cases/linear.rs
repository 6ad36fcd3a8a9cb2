//! Linear attention against its composed form, which makes the whole matrix of weights.

use anther_attention::{Mask, linear_attention};
use anther_tensor::{Element, KeySpans, Parameters, RandomKey, Tape, Tensor, Trans, Var};
use anther_testkit::{Case, assert_close, case, check, normal, positive};

const EPS: f64 = 1e-3;

/// The same out of ordinary ops.
fn composed<'t, T: Element>(
    (q, k, v): (&Var<'t, T>, &Var<'t, T>, &Var<'t, T>),
    spans: Option<&KeySpans>,
) -> Var<'t, T> {
    q.matmul_with(Trans::No, k, Trans::Yes).normalize(spans, EPS).matmul(v)
}

/// Batch, heads, queries, keys, d, dv.
type Shape = [usize; 6];

/// Small ones for finite differences, some of which are empty; the others cross blocks of queries, tiles of keys, panels and registers.
const SHAPES: [Shape; 12] = [
    [1, 1, 1, 1, 1, 1],
    [2, 2, 3, 5, 4, 3],
    [1, 3, 7, 2, 5, 8],
    [2, 1, 4, 4, 3, 3],
    [0, 2, 3, 3, 2, 2],
    [1, 1, 0, 3, 2, 2],
    [1, 2, 3, 0, 2, 2],
    [1, 1, 3, 4, 0, 2],
    [1, 2, 65, 129, 17, 33],
    [2, 1, 200, 200, 64, 64],
    [1, 1, 131, 37, 31, 16],
    [2, 3, 130, 257, 32, 8],
];

fn masks([batch, _, queries, keys, ..]: Shape) -> Vec<(&'static str, Option<KeySpans>)> {
    let offset = keys.saturating_sub(queries);
    let lengths = (0..batch).map(|b| keys.saturating_sub(3 * b + 1)).collect();
    let named = [
        ("full", Mask::full()),
        ("causal", Mask::causal()),
        ("padded", Mask::full().padded(lengths)),
        ("causal and padded", Mask::causal().padded(vec![2; batch])),
        ("nothing", Mask::full().padded(vec![0; batch])),
    ];
    let mut masks: Vec<_> =
        named.map(|(name, mask)| (name, mask.spans(batch, queries, keys, offset))).into_iter().collect();
    // Keys come to sight many at a time, so that some tiles are whole and some blocks meet several.
    let steps = (0..queries).map(|i| anther_tensor::Span::new(0, (i / 3 * 3 * keys / queries) as u32)).collect();
    masks.push(("steps", Some(KeySpans::new(steps, queries))));
    masks
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for shape in SHAPES {
        let [batch, heads, queries, keys, d, dv] = shape;
        for (mask, spans) in masks(shape) {
            let case = case!(
                "linear_attention",
                format!("{mask}, {shape:?}"),
                [
                    positive([batch, heads, queries, d]),
                    positive([batch, heads, keys, d]),
                    normal([batch, heads, keys, dv])
                ],
                (spans: Option<KeySpans> = spans),
                |x| linear_attention((&x[0], &x[1], &x[2]), spans.as_ref(), EPS)
            );
            let case = case.tolerance(1e-4, 1e-5);
            cases.push(if queries * keys > 100 { case.big() } else { case });
        }
    }
    cases
}

#[test]
fn linear_attention_passes_every_check() {
    cases().iter().for_each(check);
}

/// The result and all gradients.
fn all<T: Element>(
    [batch, heads, queries, keys, d, dv]: Shape,
    spans: Option<&KeySpans>,
    running: bool,
) -> Vec<Vec<f64>> {
    let parameters = Parameters::<T>::empty();
    let tape = Tape::recording(&parameters);
    let noise = |shape: [usize; 4], salt: u64| {
        let key = RandomKey::new(11, salt, 0);
        Tensor::<T>::from_fn(shape, |i| T::from_f64(key.normal(i as u64)))
    };
    let [q, k] = [(queries, 1), (keys, 2)].map(|(rows, salt)| tape.input(noise([batch, heads, rows, d], salt)));
    let v = tape.input(noise([batch, heads, keys, dv], 3));
    let features = (&q.elu_plus_one(), &k.elu_plus_one(), &v);
    let y = if running { linear_attention(features, spans, EPS) } else { composed(features, spans) };
    let dy = noise([batch, heads, queries, dv], 9);
    let gradients = tape.backward(&y, Some(dy), &mut parameters.gradients());
    let mut all = vec![y.value().data().to_vec()];
    all.extend([&q, &k, &v].map(|x| gradients.get(x).expect("a gradient of each input").data().to_vec()));
    all.into_iter().map(|x| x.into_iter().map(T::to_f64).collect()).collect()
}

#[test]
fn the_running_state_equals_the_matrix_of_weights_forward_and_backward() {
    for shape in SHAPES.into_iter().filter(|shape| shape.iter().product::<usize>() > 0) {
        for (mask, spans) in masks(shape) {
            let (running, composed) =
                (all::<f64>(shape, spans.as_ref(), true), all::<f64>(shape, spans.as_ref(), false));
            for ((name, running), composed) in ["y", "dq", "dk", "dv"].iter().zip(&running).zip(&composed) {
                assert_close(&format!("{name}, {mask}, {shape:?}"), running, composed, 1e-11, 1e-12);
            }
        }
    }
}

/// Sums over 3000 keys of one sign lose at most the digits that a sum of tiles does.
#[test]
fn long_sums_keep_their_digits() {
    let shape = [1, 1, 3000, 3000, 8, 8];
    let spans = Mask::causal().spans(1, 3000, 3000, 0);
    let (short, long) = (all::<f32>(shape, spans.as_ref(), true), all::<f64>(shape, spans.as_ref(), true));
    for ((name, short), long) in ["y", "dq", "dk", "dv"].iter().zip(&short).zip(&long) {
        let largest = long.iter().fold(0.0f64, |m, x| m.max(x.abs()));
        assert_close(name, short, long, 1e-5, 2e-6 * largest);
    }
}

#[test]
fn what_lies_outside_of_the_spans_is_not_read() {
    let (length, d, seen) = (150, 16, 70);
    let spans = Mask::causal().spans(1, length, length, 0);
    let result = |poison: f32| {
        let parameters = Parameters::<f32>::empty();
        let tape = Tape::inference(&parameters);
        let tensor = |salt: u64| {
            let key = RandomKey::new(3, salt, 0);
            let value = |i: usize| if i / d < seen { key.normal(i as u64) as f32 } else { poison };
            tape.constant(Tensor::from_fn([1, 1, length, d], value))
        };
        let (q, k) = (tensor(1).elu_plus_one(), tensor(2).elu_plus_one());
        let y = linear_attention((&q, &k, &tensor(3)), spans.as_ref(), EPS);
        y.value().data()[..seen * d].iter().map(|y| y.to_bits()).collect::<Vec<_>>()
    };
    for poison in [1e30, f32::INFINITY, f32::NAN] {
        assert_eq!(result(0.5), result(poison), "{poison}");
    }
}

#[test]
#[should_panic(expected = "query 2 sees the keys 1..3 of 5, but a running state only has keys from the first on")]
fn a_window_has_no_running_state() {
    let shape = [1, 1, 5, 5, 2, 2];
    all::<f64>(shape, Mask::causal().within(2).spans(1, 5, 5, 0).as_ref(), true);
}

/// The vectors of the specification: Q = sin(1 + t), K = cos(1 + t), V = sin((3 + t)/2), t = 2·row + column.
#[test]
fn the_rows_of_the_specification() {
    let parameters = Parameters::<f64>::empty();
    let tape = Tape::inference(&parameters);
    let tensor = |f: fn(f64) -> f64| tape.constant(Tensor::from_fn([1, 1, 5, 2], |t| f(t as f64)));
    let (q, k, v) = (tensor(|t| (1.0 + t).sin()), tensor(|t| (1.0 + t).cos()), tensor(|t| (0.5 * (3.0 + t)).sin()));
    let y = linear_attention((&q.elu_plus_one(), &k.elu_plus_one(), &v), None, 1e-6);
    let y = y.value().data();
    assert_close("row 0", &y[..2], &[-0.159776681236, -0.315288007822], 0.0, 1e-11);
    assert_close("row 4", &y[8..], &[-0.145861561570, -0.283774457084], 0.0, 1e-11);
}
