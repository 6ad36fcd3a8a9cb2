//! Forward and gradients equal those of an independent numpy program, to 1e-10 in `f64` and 1e-4 in `f32`.

use anther_attention::position::alibi::{self, Slopes};
use anther_attention::position::relative;
use anther_attention::{
    AttentionConfig, AttentionContext, Expressive, Mask, MultiHeadAttention, Operands, Position, ScaledDot, Score,
    Softmax, TileScore, TileWeigh, Weigh, Weighing, attend, attend_tiled, attention_weights,
};
use anther_tensor::{Element, ParamSet, Parameters, Tape, Tensor, Var};
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
    let seen = mask.seen(q.shape()[0], length, length, 0);
    let slopes = match slopes {
        "none" => None,
        "press" => Some(Slopes::Press),
        "steep" => Some(Slopes::Steep),
        other => panic!("{other}"),
    };
    let bias = slopes.map(|slopes| tape.constant(alibi::distance_bias::<T>(slopes, heads, length, length, 0)));
    let score = ScaledDot { scale: case.scalar("scale") };
    let operands = Operands::new(&q, &k, &v, &seen);
    let [composed, tiled, weights] = match kind {
        "dot" => forms(&score, &Softmax, operands, bias),
        "expressive" => forms(&score, &Expressive { eps: case.scalar("eps") }, operands, bias),
        other => panic!("{other}"),
    };
    compare(case, "weights", weights.value());
    compare(case, "y", composed.value());
    let y = tiled;
    compare(case, "y", y.value());
    let gradients = tape.backward(&y, Some(case.tensor("dy")), &mut parameters.gradients());
    for (name, input) in [("dq", &q), ("dk", &k), ("dv", &v)] {
        compare(case, name, gradients.get(input).expect("every input is used"));
    }
}

/// The output of the core in both forms, and the weights alone.
fn forms<'t, T: Element>(
    score: &(impl Score + TileScore<T> + Clone),
    weigh: &(impl Weigh + TileWeigh<T> + Clone),
    operands: Operands<'_, 't, T>,
    bias: Option<Var<'t, T>>,
) -> [Var<'t, T>; 3] {
    let bias = bias.map(|bias| weigh.prepare_bias(bias));
    let operands = Operands { bias: bias.as_ref(), ..operands };
    [
        attend(score, weigh, operands),
        attend_tiled(score.clone(), weigh.clone(), operands),
        attention_weights(score, weigh, operands),
    ]
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
        position: Position::Relative,
        ..AttentionConfig::default()
    };
    let mut set = ParamSet::new();
    let layer = MultiHeadAttention::new(&mut set.root(), &config, width, heads).unwrap();
    let mut parameters = Parameters::<T>::initialise(&set, 0);
    let (tables, ids): (Vec<_>, Vec<_>) =
        parameters.ids().partition(|&id| parameters.spec(id).name == "relative_attention_bias.weight");
    for &id in &ids {
        let value = ours(case, &parameters.spec(id).name, "");
        parameters.set(id, value.cast::<T>().data());
    }
    // The reference has the slopes 2^{−8h/H} for three heads too: here numbers by distance, which have a bucket each.
    let bias = |at: usize| -((at / heads) as f64) * (-8.0 * (at % heads + 1) as f64 / heads as f64).exp2();
    let table = Tensor::from_fn([relative::BUCKETS, heads], |at| T::from_f64(bias(at)));
    parameters.set(tables[0], table.data());
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
