//! Weights held in bf16: which ones they are, and what they change.

use anther_tensor::{Ids, ParamSet, Parameters, Precision, Tape, Tensor};
use anther_testkit::assert_close;
use anther_transformer::{Activation, CausalLm, CausalLmConfig};

const CONTEXT: usize = 24;
const VOCABULARY: usize = 60;

fn model(tied: bool, activation: Activation) -> (CausalLm, Parameters<f32>) {
    let config = CausalLmConfig {
        vocab_size: VOCABULARY,
        layers: 3,
        heads: 4,
        width: 64,
        context: CONTEXT,
        tied,
        bias: true,
        activation,
        ..CausalLmConfig::default()
    };
    let mut set = ParamSet::new();
    let model = CausalLm::new(&mut set.root(), &config).unwrap();
    (model, Parameters::initialise(&set, 5))
}

fn tokens(stream: u32) -> Ids {
    Ids::new([1, CONTEXT], (0..CONTEXT as u32).map(|i| (i * i + stream) % VOCABULARY as u32).collect())
}

fn logits(model: &CausalLm, parameters: &Parameters<f32>) -> Tensor<f32> {
    model.logits(&Tape::inference(parameters), &tokens(1)).into_value()
}

/// The weights of linear layers and of the output layer, no others: rounding exactly those by hand gives the same bits.
#[test]
fn linear_layers_read_rounded_weights_and_nothing_else_does() {
    for activation in [Activation::GeluTanh, Activation::Swiglu] {
        let (model, full) = model(false, activation);
        let mut by_hand = full.clone();
        let mut rounded = 0;
        for id in full.ids() {
            let spec = full.spec(id);
            if spec.shape.len() == 2 && !spec.name.contains("embed") {
                let held = full.clone().with_precision(Precision::Bf16).tensor(id);
                let values: Vec<f32> = (0..held.numel()).map(|i| held.weights().get(i)).collect();
                by_hand.set(id, &values);
                rounded += 1;
            }
        }
        assert_eq!(rounded, 1 + 3 * if activation == Activation::Swiglu { 7 } else { 6 });
        let held = full.clone().with_precision(Precision::Bf16);
        assert_eq!(logits(&model, &held).data(), logits(&model, &by_hand).data(), "{activation:?}");
        assert_ne!(logits(&model, &held).data(), logits(&model, &full).data(), "{activation:?}");
    }
}

/// A tied table gives exact rows as an embedding and rounded ones as the output layer.
#[test]
fn a_tied_table_is_rounded_as_output_layer_only() {
    let (model, full) = model(true, Activation::GeluTanh);
    let held = full.clone().with_precision(Precision::Bf16);
    let table = full.find("model.embed_tokens.weight").unwrap();
    let embed = |parameters: &Parameters<f32>| {
        let tape = Tape::inference(parameters);
        tape.param(table).embedding(&tokens(1)).into_value()
    };
    assert_eq!(embed(&held).data(), embed(&full).data());
    assert_ne!(logits(&model, &held).data(), logits(&model, &full).data());
}

/// A weight changes by up to 2⁻⁸ of itself, the weights of a product independently of each other, so a product changes by about that share at
/// most, and so do the logits times the root of the number of products behind each other. Probabilities then change by at most half of the greatest
/// change of a logit, and the loss by twice it.
#[test]
fn scores_probabilities_and_loss_change_as_little_as_the_weights() {
    let (model, full) = model(true, Activation::GeluTanh);
    let held = full.clone().with_precision(Precision::Bf16);
    let (exact, changed) = (logits(&model, &full), logits(&model, &held));
    let square = |x: f32| f64::from(x) * f64::from(x);
    let difference = || exact.data().iter().zip(changed.data()).map(|(a, b)| b - a);
    let share = (difference().map(square).sum::<f64>() / exact.data().iter().map(|&x| square(x)).sum::<f64>()).sqrt();
    // Value, output projection and two layers in each of three blocks, then the output layer.
    let products = 3.0 * 4.0 + 1.0f64;
    assert!(share > 0.0 && share < 2f64.powi(-8) * products.sqrt(), "logits changed by {share:e} of their size");

    let greatest = difference().fold(0.0f32, |max, d| max.max(d.abs()));
    let softmax = |logits: &Tensor<f32>| {
        let parameters = Parameters::empty();
        Tape::inference(&parameters).constant(logits.clone()).softmax().into_value()
    };
    let (p, q) = (softmax(&exact), softmax(&changed));
    assert!(p.data().iter().zip(q.data()).all(|(p, q)| (p - q).abs() <= greatest / 2.0 + 1e-6));

    let loss = |parameters| model.loss(&Tape::inference(parameters), &tokens(1), &tokens(7), None, 0.0).value().item();
    let change = (loss(&held) - loss(&full)).abs();
    assert!(change > 0.0 && change <= 2.0 * greatest + 1e-6, "the loss changed by {change:e}");
}

#[test]
fn decoding_equals_the_full_pass() {
    let (model, full) = model(true, Activation::GeluTanh);
    let held = full.with_precision(Precision::Bf16);
    let all = logits(&model, &held);
    let tape = Tape::inference(&held);
    let mut cache = model.cache(1);
    for (at, &token) in tokens(1).data().iter().enumerate() {
        let scores = model.decode(&tape, &Ids::new([1, 1], vec![token]), &mut cache);
        let wide = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
        let expected = wide(&all.data()[at * VOCABULARY..][..VOCABULARY]);
        assert_close(&format!("token {at}"), &wide(scores.data()), &expected, 1e-4, 1e-4);
    }
}

#[test]
#[should_panic(expected = "these are held in bf16, which is for inference")]
fn training_refuses_them() {
    let (_, full) = model(true, Activation::GeluTanh);
    Tape::recording(&full.with_precision(Precision::Bf16));
}
