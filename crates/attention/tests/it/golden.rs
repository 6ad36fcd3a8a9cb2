//! Forward and gradients equal those of an independent numpy program, to 1e-10 in `f64` and 1e-4 in `f32`.

use anther_attention::position::alibi::{self, Slopes};
use anther_attention::{
    AttentionConfig, AttentionContext, Expressive, Mask, MultiHeadAttention, Position, ScaledDot, Score, Softmax,
    Weigh, Weighing, attend,
};
use anther_tensor::{Element, KeySpans, ParamSet, Parameters, Stream, Tape, Tensor, Var};
use anther_testkit::{Golden, GoldenCase, assert_close};

fn golden(file: &str) -> Golden {
    Golden::read(format!("{}/tests/golden/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn compare<T: Element>(case: &GoldenCase, name: &str, got: &Tensor<T>) {
    let tolerance = if T::NAME == "f64" { 1e-10 } else { 1e-4 };
    let expected = case.array(name);
    assert_eq!(got.shape()[..], expected.shape, "{}: shape of {name}", case.name);
    let got: Vec<f64> = got.data().iter().map(|x| x.to_f64()).collect();
    // Small scores make large gradients (they grow like 1/|q|), so f32 is held to the size of the whole array.
    let largest = expected.data.iter().fold(1.0f64, |m, x| m.max(x.abs()));
    assert_close(&format!("{}: {name}", case.name), &got, &expected.data, tolerance, tolerance * largest);
}

fn core<T: Element>(case: &GoldenCase) {
    let [kind, mask, slopes, ..] = case.name.split('-').collect::<Vec<_>>()[..] else { panic!("{}", case.name) };
    let parameters = Parameters::<T>::empty();
    let tape = Tape::recording(&parameters);
    let [q, k, v] = ["q", "k", "v"].map(|name| tape.input(case.tensor(name)));
    let (heads, length) = (q.shape()[1], q.shape()[2]);
    let mask = if mask == "causal" { Mask::causal() } else { Mask::full() };
    let spans = mask.spans(q.shape()[0], length, length, 0);
    let bias = match slopes {
        "none" => None,
        "press" => Some(alibi::bias::<T>(Slopes::Press, heads, length, length, 0)),
        "steep" => Some(alibi::bias::<T>(Slopes::Steep, heads, length, length, 0)),
        other => panic!("{other}"),
    };
    let score = ScaledDot { scale: case.scalar("scale") };
    let (bias, spans) = (bias, spans.as_ref());
    let (y, weights) = match kind {
        "dot" => composed(&score, &Softmax, (&q, &k, &v), bias, spans),
        "expressive" => composed(&score, &Expressive { eps: case.scalar("eps") }, (&q, &k, &v), bias, spans),
        other => panic!("{other}"),
    };
    compare(case, "y", y.value());
    compare(case, "weights", weights.value());
    let gradients = tape.backward(&y, Some(case.tensor("dy")), &mut parameters.gradients());
    for (name, input) in [("dq", &q), ("dk", &k), ("dv", &v)] {
        compare(case, name, gradients.get(input).expect("every input is used"));
    }
}

/// The output of the core, and the weights alone.
fn composed<'t, T: Element>(
    score: &impl Score,
    weigh: &impl Weigh,
    (q, k, v): (&Var<'t, T>, &Var<'t, T>, &Var<'t, T>),
    bias: Option<Tensor<T>>,
    spans: Option<&KeySpans>,
) -> (Var<'t, T>, Var<'t, T>) {
    let bias = bias.map(|bias| weigh.prepare_bias(bias));
    let no_dropout = (0.0, Stream::named("none"));
    let y = attend(score, weigh, (q, k, v), bias.as_ref(), spans, no_dropout);
    (y, weigh.weigh(&score.score(q, k), bias.as_ref(), spans))
}

#[test]
fn the_core_equals_the_reference() {
    let golden = golden("attention_core.json");
    assert_eq!(golden.cases.len(), 24);
    for case in &golden.cases {
        core::<f64>(case);
        core::<f32>(case);
    }
}

/// A linear layer of the reference is `[in, out]`, ours `[out, in]`.
fn transposed(x: &Tensor<f64>) -> Tensor<f64> {
    let [rows, columns] = *x.shape() else { panic!("{x:?} is no matrix") };
    Tensor::from_fn([columns, rows], |i| x.data()[(i % rows) * columns + i / rows])
}

fn layer<T: Element>(case: &GoldenCase) {
    let weighing = if case.name == "dot" { Weighing::Softmax } else { Weighing::Expressive };
    let (heads, width) = (case.scalar("heads") as usize, case.array("x").shape[2]);
    let config = AttentionConfig {
        weighing,
        scale: Some(case.scalar("scale")),
        eps: case.scalar("eps"),
        position: Position::Alibi,
        ..AttentionConfig::default()
    };
    let mut set = ParamSet::new();
    let layer = MultiHeadAttention::new(&mut set.root(), &config, width, heads).unwrap();
    let mut parameters = Parameters::<T>::initialise(&set, 0);
    let ids: Vec<_> = parameters.ids().collect();
    for &id in &ids {
        let value = ours(case, &parameters.spec(id).name, "");
        parameters.set(id, value.cast::<T>().data());
    }
    let tape = Tape::recording(&parameters);
    let x = tape.input(case.tensor("x"));
    let (batch, length) = (x.shape()[0], x.shape()[1]);
    let context = AttentionContext::new(&config, &Mask::causal(), batch, length, 0, heads, width / heads);
    let y = layer.forward(&x, &context);
    compare(case, "y", y.value());
    let mut slab = parameters.gradients();
    let gradients = tape.backward(&y, Some(case.tensor("dy")), &mut slab);
    compare(case, "dx", gradients.get(&x).unwrap());
    for &id in &ids {
        let name = &parameters.spec(id).name;
        let got: Vec<f64> = slab.get(id).unwrap().iter().map(|x| x.to_f64()).collect();
        let tolerance = if T::NAME == "f64" { 1e-10 } else { 1e-4 };
        let expected = ours(case, name, "d");
        let largest = expected.data().iter().fold(1.0f64, |m, x| m.max(x.abs()));
        assert_close(&format!("{}: d{name}", case.name), &got, expected.data(), tolerance, tolerance * largest);
    }
}

/// The array of the reference (`Wq`, `bq`, …, with a prefix for gradients) in our layout, by our name.
fn ours(case: &GoldenCase, name: &str, prefix: &str) -> Tensor<f64> {
    let letter = &name[..1];
    if name.ends_with("weight") {
        transposed(&case.tensor(&format!("{prefix}W{letter}")))
    } else {
        case.tensor(&format!("{prefix}b{letter}"))
    }
}

#[test]
fn the_whole_layer_equals_the_reference() {
    let golden = golden("multi_head_attention.json");
    assert_eq!(golden.cases.len(), 2);
    for case in &golden.cases {
        layer::<f64>(case);
        layer::<f32>(case);
    }
}
