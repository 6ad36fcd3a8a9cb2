//! The tiled driver against the composed form.

use anther_attention::{Expressive, Mask, ScaledDot, Softmax, attend, attend_tiled};
use anther_tensor::{Element, KeySpans, ParamSet, Stream, Var};
use anther_testkit::{Case, assert_close, case, check, normal};

const SCALE: f64 = 0.3;

fn stream() -> Stream {
    ParamSet::new().root().stream("dropout")
}

/// The driver or the composed form, with or without squares.
fn run<'t, T: Element>(
    qkv: (&Var<'t, T>, &Var<'t, T>, &Var<'t, T>),
    tiled: bool,
    expressive: bool,
    spans: Option<&KeySpans>,
    p: f64,
) -> Var<'t, T> {
    let (softmax, squares, score) = (Softmax, Expressive { eps: 1e-3 }, ScaledDot { scale: SCALE });
    match (tiled, expressive) {
        (true, false) => attend_tiled(SCALE, &softmax, qkv, spans, (p, stream())),
        (true, true) => attend_tiled(SCALE, &squares, qkv, spans, (p, stream())),
        (false, false) => attend(&score, &softmax, qkv, None, spans, (p, stream())),
        (false, true) => attend(&score, &squares, qkv, None, spans, (p, stream())),
    }
}

struct Shape {
    batch: usize,
    heads: usize,
    queries: usize,
    keys: usize,
    d: usize,
    dv: usize,
}

const fn shape([batch, heads, queries, keys, d, dv]: [usize; 6]) -> Shape {
    Shape { batch, heads, queries, keys, d, dv }
}

/// Small ones for finite differences, some of which are empty; the others cross blocks, tiles, panels and registers.
const SHAPES: [Shape; 12] = [
    shape([1, 1, 1, 1, 1, 1]),
    shape([2, 2, 3, 5, 4, 3]),
    shape([1, 3, 7, 2, 5, 8]),
    shape([2, 1, 4, 4, 3, 3]),
    shape([0, 2, 3, 3, 2, 2]),
    shape([1, 1, 0, 3, 2, 2]),
    shape([1, 2, 3, 0, 2, 2]),
    shape([1, 2, 65, 129, 17, 33]),
    shape([2, 1, 200, 200, 64, 64]),
    shape([1, 2, 64, 300, 8, 48]),
    shape([1, 1, 131, 37, 31, 16]),
    shape([2, 3, 130, 257, 32, 8]),
];

fn masks(s: &Shape) -> Vec<(&'static str, Option<KeySpans>)> {
    let offset = s.keys.saturating_sub(s.queries);
    let lengths = (0..s.batch).map(|b| s.keys.saturating_sub(3 * b + 1)).collect();
    [
        ("full", Mask::full()),
        ("causal", Mask::causal()),
        ("window", Mask::causal().within(3)),
        ("both ways", Mask::full().within(20)),
        ("padded", Mask::full().padded(lengths)),
        ("causal and padded", Mask::causal().padded(vec![2; s.batch])),
        ("nothing", Mask::full().padded(vec![0; s.batch])),
    ]
    .map(|(name, mask)| (name, mask.spans(s.batch, s.queries, s.keys, offset)))
    .into()
}

fn cases(expressive: bool, p: f64) -> Vec<Case> {
    let mut cases = Vec::new();
    for s in &SHAPES {
        for (mask, spans) in masks(s) {
            let label = format!("{mask}, {}x{}x{}x{}x{}x{}", s.batch, s.heads, s.queries, s.keys, s.d, s.dv);
            let [q, k, v] = [(s.queries, s.d), (s.keys, s.d), (s.keys, s.dv)]
                .map(|(rows, width)| normal([s.batch, s.heads, rows, width]));
            let case = case!(
                "tiled_attention",
                label,
                [q, k, v],
                (expressive: bool = expressive, spans: Option<KeySpans> = spans, p: f64 = p),
                |x| run((&x[0], &x[1], &x[2]), true, *expressive, spans.as_ref(), *p)
            );
            let case = case.tolerance(2e-4, 2e-5);
            cases.push(if s.queries * s.keys > 100 { case.big() } else { case });
        }
    }
    cases
}

#[test]
fn softmax_passes_every_check() {
    cases(false, 0.0).iter().for_each(check);
}

#[test]
fn expressive_passes_every_check() {
    cases(true, 0.0).iter().for_each(check);
}

#[test]
fn dropout_passes_every_check() {
    cases(false, 0.25).into_iter().map(Case::training).for_each(|case| check(&case));
    cases(true, 0.25).into_iter().map(Case::training).for_each(|case| check(&case));
}

/// The result and all gradients.
fn all<T: Element>(s: &Shape, tiled: bool, expressive: bool, spans: Option<&KeySpans>, p: f64) -> Vec<Vec<f64>> {
    use anther_tensor::{Parameters, Randomness, Tape, Tensor};
    let noise = |shape: [usize; 4], salt: u64| {
        let key = anther_tensor::RandomKey::new(11, salt, 0);
        Tensor::<T>::from_fn(shape, |i| T::from_f64(key.normal(i as u64)))
    };
    let parameters = Parameters::<T>::empty();
    let tape = Tape::training(&parameters, Randomness { seed: 5, step: 2 });
    let inputs = [(s.queries, s.d), (s.keys, s.d), (s.keys, s.dv)];
    let mut salt = 0;
    let [q, k, v] = inputs.map(|(rows, width)| {
        salt += 1;
        tape.input(noise([s.batch, s.heads, rows, width], salt))
    });
    let y = run((&q, &k, &v), tiled, expressive, spans, p);
    let dy = noise([s.batch, s.heads, s.queries, s.dv], 9);
    let loss = (&y * tape.constant(dy)).sum();
    let gradients = tape.backward(&loss, None, &mut parameters.gradients());
    let mut all = vec![y.value().data().to_vec()];
    all.extend([&q, &k, &v].map(|x| gradients.get(x).expect("a gradient of each input").data().to_vec()));
    all.into_iter().map(|x| x.into_iter().map(T::to_f64).collect()).collect()
}

#[test]
fn the_driver_equals_the_composed_form_forward_and_backward() {
    for s in SHAPES.iter().filter(|s| s.batch * s.queries * s.keys > 0) {
        for (mask, spans) in masks(s) {
            for (expressive, p) in [(false, 0.0), (true, 0.0), (false, 0.4), (true, 0.4)] {
                let composed = all::<f64>(s, false, expressive, spans.as_ref(), p);
                let tiled = all::<f64>(s, true, expressive, spans.as_ref(), p);
                for ((name, tiled), composed) in ["y", "dq", "dk", "dv"].iter().zip(&tiled).zip(&composed) {
                    let what = format!("{name}, {mask}, {} x {}, squares {expressive}, p {p}", s.queries, s.keys);
                    assert_close(&what, tiled, composed, 1e-10, 1e-11);
                }
            }
        }
    }
}

#[test]
fn a_query_that_sees_nothing_gets_zeros_and_gives_none() {
    let s = shape([1, 1, 70, 140, 8, 8]);
    let spans = Mask::full().padded(vec![0]).spans(1, 70, 140, 0);
    for expressive in [false, true] {
        let zeros = all::<f32>(&s, true, expressive, spans.as_ref(), 0.0);
        assert!(zeros.iter().flatten().all(|&x| x == 0.0));
    }
}

#[test]
fn what_lies_outside_of_the_spans_is_not_read() {
    use anther_tensor::{Parameters, Tape, Tensor};
    let (length, d) = (150, 16);
    let spans = Mask::causal().spans(1, length, length, 0);
    let seen = 70;
    let result = |poison: f32| {
        let parameters = Parameters::<f32>::empty();
        let tape = Tape::inference(&parameters);
        let tensor = |salt: u64| {
            let key = anther_tensor::RandomKey::new(3, salt, 0);
            let value = |i: usize| if i / d < seen { key.normal(i as u64) as f32 } else { poison };
            tape.constant(Tensor::from_fn([1, 1, length, d], value))
        };
        let y = run((&tensor(1), &tensor(2), &tensor(3)), true, false, spans.as_ref(), 0.0);
        y.value().data()[..seen * d].iter().map(|y| y.to_bits()).collect::<Vec<_>>()
    };
    for poison in [1e30, f32::INFINITY, f32::NAN] {
        assert_eq!(result(0.5), result(poison), "{poison}");
    }
}
