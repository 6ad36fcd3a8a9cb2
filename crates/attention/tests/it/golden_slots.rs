//! The slots in a whole layer equal independent numpy programs: output, gradient of the input and of every parameter.

use anther_attention::{
    AttentionConfig, AttentionContext, BatchNormConfig, Condition, ConvolutionConfig, GateConfig, GateOrder,
    LinearConfig, Mask, MlpConfig, MultiHeadAttention, NeuralConfig, PoolingConfig, Position, Project, ScoreConfig,
    Weighing, position::Pairing,
};
use anther_tensor::{Element, ParamSet, Parameters, Tape, Tensor};
use anther_testkit::{Golden, GoldenCase, assert_close};

fn cases(file: &str, count: usize) -> Vec<GoldenCase> {
    let path = format!("{}/tests/golden/{file}", env!("CARGO_MANIFEST_DIR"));
    let cases = Golden::read(path).unwrap().cases;
    assert_eq!(cases.len(), count);
    cases
}

/// Whether the reference has this array: not every program has gradients.
fn has(case: &GoldenCase, name: &str) -> bool {
    case.arrays.contains_key(name)
}

fn compare<T: Element>(case: &GoldenCase, name: &str, got: &[T]) {
    let tolerance = if T::NAME == "f64" { 1e-10 } else { 1e-4 };
    let expected = &case.array(name).data;
    let got: Vec<f64> = got.iter().map(|x| x.to_f64()).collect();
    let largest = expected.iter().fold(1.0f64, |m, x| m.max(x.abs()));
    assert_close(&format!("{}: {name} in {}", case.name, T::NAME), &got, expected, tolerance, tolerance * largest);
}

/// A layer whose parameters have the names of the arrays; the loss is Σ y·dy. Returns how many gradients were compared.
fn layer<T: Element>(case: &GoldenCase, config: &AttentionConfig, mask: &Mask) -> usize {
    let (heads, width) = (case.scalar("heads") as usize, case.array("x").shape[2]);
    let mut set = ParamSet::new();
    let layer = MultiHeadAttention::new(&mut set.root(), config, width, heads).unwrap();
    let mut parameters = Parameters::<T>::initialise(&set, 0);
    let ids: Vec<_> = parameters.ids().collect();
    for &id in &ids {
        let value = case.tensor::<T>(&parameters.spec(id).name);
        assert_eq!(value.shape(), parameters.spec(id).shape, "{}: {}", case.name, parameters.spec(id).name);
        parameters.set(id, value.data());
    }
    let tape = Tape::recording(&parameters);
    let x = tape.input(case.tensor("x"));
    let (batch, length) = (x.shape()[0], x.shape()[1]);
    let memory = has(case, "memory").then(|| tape.input(case.tensor::<T>("memory")));
    let y = match &memory {
        Some(memory) => {
            let context = AttentionContext::across(mask, batch, length, memory.shape()[1]);
            layer.forward_across(&x, memory, &context)
        }
        None => {
            let context = AttentionContext::new(config, mask, batch, length, 0, heads, width / heads);
            layer.forward(&x, &context)
        }
    };
    compare(case, "y", y.value().data());
    let mut slab = parameters.gradients();
    let gradients = tape.backward(&y, Some(case.tensor("dy")), &mut slab);
    let mut compared = 0;
    let mut gradient = |name: &str, got: &[T]| {
        if has(case, name) {
            compare(case, name, got);
            compared += 1;
        }
    };
    gradient("dx", gradients.get(&x).unwrap().data());
    if let Some(memory) = &memory {
        gradient("dmemory", gradients.get(memory).unwrap().data());
    }
    for &id in &ids {
        gradient(&format!("d{}", parameters.spec(id).name), slab.get(id).unwrap());
    }
    compared
}

#[test]
fn projections_by_networks_equal_the_reference() {
    for case in cases("mlp_projection.json", 3) {
        let (mlp, mask, gradients) = match case.name.as_str() {
            "marian-causal" => (MlpConfig::marian(), Mask::causal(), 21),
            "marian-across" => (MlpConfig::marian(), Mask::full().padded(vec![4, 3]), 22),
            "roberta-full" => (MlpConfig::roberta(), Mask::full(), 15),
            other => panic!("{other}"),
        };
        let config = AttentionConfig { project: Project::Mlp(mlp), ..AttentionConfig::default() };
        assert_eq!(layer::<f64>(&case, &config, &mask), gradients, "{}", case.name);
        layer::<f32>(&case, &config, &mask);
    }
}

#[test]
fn gated_projections_equal_the_reference() {
    for case in cases("gated_projection.json", 8) {
        let (name, place) = case.name.split_once('-').unwrap();
        let order = GateOrder::ALL.into_iter().find(|order| format!("{order:?}").to_lowercase() == name).unwrap();
        let (mask, own) = match place {
            "causal" => (Mask::causal(), 0),
            "across" => (Mask::full().padded(vec![5]), 1),
            other => panic!("{other}"),
        };
        let project = Project::Gate(GateConfig { order, ..GateConfig::default() });
        let config = AttentionConfig { project, ..AttentionConfig::default() };
        let gradients = if order == GateOrder::KgV { 9 + own } else { 0 };
        assert_eq!(layer::<f64>(&case, &config, &mask), gradients, "{}", case.name);
        layer::<f32>(&case, &config, &mask);
    }
}

#[test]
fn attention_bn_equals_the_reference() {
    for case in cases("attention_bn.json", 6) {
        let causal = case.name.starts_with("causal");
        let lengths: Vec<usize> = case.array("lengths").data.iter().map(|&length| length as usize).collect();
        let mask = if causal { Mask::causal() } else { Mask::full().padded(lengths) };
        let scale = case.scalar("scale") == 1.0;
        let bn = BatchNormConfig { learned: true, scale, eps: case.scalar("eps"), ..BatchNormConfig::default() };
        let config = AttentionConfig { condition: vec![Condition::BatchNorm(bn)], ..AttentionConfig::default() };
        assert_eq!(layer::<f64>(&case, &config, &mask), if causal { 0 } else { 10 }, "{}", case.name);
        // The variance of two keys may be anything near 0, by which f32 cannot divide to four digits.
        if !(causal && scale) {
            layer::<f32>(&case, &config, &mask);
        }
    }
}

#[test]
fn linear_attention_equals_the_reference() {
    for case in cases("attention_linear.json", 7) {
        let lengths: Vec<usize> = case.array("lengths").data.iter().map(|&length| length as usize).collect();
        let mask = if case.name == "linear-causal" { Mask::causal() } else { Mask::full().padded(lengths) };
        let mut config = AttentionConfig { weighing: Weighing::Linear, ..AttentionConfig::default() };
        let mut gradients = if case.name == "linear-causal" { 0 } else { 9 };
        if case.name.starts_with("bn-") {
            let (scale, eps) = (case.scalar("scale") == 1.0, case.scalar("eps"));
            let bn = BatchNormConfig { learned: true, scale, eps, ..BatchNormConfig::default() };
            config.condition.push(Condition::BatchNorm(bn));
            gradients += 1;
        }
        assert_eq!(layer::<f64>(&case, &config, &mask), gradients, "{}", case.name);
        layer::<f32>(&case, &config, &mask);
    }
}

#[test]
fn attention_sh_equals_the_reference() {
    for case in cases("attention_sh.json", 8) {
        let lengths: Vec<usize> = case.array("lengths").data.iter().map(|&length| length as usize).collect();
        let causal = case.name == "sh-causal";
        let mask = if causal { Mask::causal() } else { Mask::full().padded(lengths) };
        let mut condition = vec![Condition::Pooling(PoolingConfig { scales: vec![1, 2, 2, 3] })];
        let mut gradients = if causal { 0 } else { 9 };
        if case.name.starts_with("bn-") {
            let (scale, eps) = (case.scalar("scale") == 1.0, case.scalar("eps"));
            condition.push(Condition::BatchNorm(BatchNormConfig {
                learned: true,
                scale,
                eps,
                ..BatchNormConfig::default()
            }));
            gradients += 1;
        }
        let weighing = if case.name.starts_with("linear") { Weighing::Linear } else { Weighing::Softmax };
        let config = AttentionConfig { condition, weighing, ..AttentionConfig::default() };
        assert_eq!(layer::<f64>(&case, &config, &mask), gradients, "{}", case.name);
        layer::<f32>(&case, &config, &mask);
    }
}

#[test]
fn convolved_attention_equals_the_reference() {
    for case in cases("attention_conv.json", 3) {
        let taps = case.scalar("taps") as usize;
        let condition = vec![Condition::Convolution(ConvolutionConfig { taps })];
        let config = AttentionConfig { condition, ..AttentionConfig::default() };
        let gradients = if taps == 1 { 10 } else { 11 };
        assert_eq!(layer::<f64>(&case, &config, &Mask::causal()), gradients, "{}", case.name);
        layer::<f32>(&case, &config, &Mask::causal());
    }
}

#[test]
fn the_neural_score_equals_the_reference() {
    for case in cases("neural_score.json", 4) {
        let (form, mask) = case.name.split_once('-').unwrap();
        let (second_layer, width) = (form == "code", case.scalar("width") as usize);
        let score = ScoreConfig::Neural(NeuralConfig { width, second_layer, ..NeuralConfig::default() });
        let config = AttentionConfig { score, bias: false, ..AttentionConfig::default() };
        let mask = if mask.starts_with("causal") { Mask::causal() } else { Mask::full() };
        // The input, four projections, and the weights and biases of four or five layers.
        let gradients = if second_layer { 15 } else { 13 };
        assert_eq!(layer::<f64>(&case, &config, &mask), gradients, "{}", case.name);
        layer::<f32>(&case, &config, &mask);
    }
}

#[test]
fn the_neural_score_has_the_parameters_of_the_paper() {
    for (d, width, count) in [(64, 2, 275), (64, 4, 569), (64, 8, 1217), (64, 16, 2753), (96, 3, 609)] {
        let score = ScoreConfig::Neural(NeuralConfig { width, ..NeuralConfig::default() });
        let config = AttentionConfig { score, ..AttentionConfig::default() };
        let mut set = ParamSet::new();
        MultiHeadAttention::new(&mut set.root(), &config, 8 * d, 8).unwrap();
        let parameters = Parameters::<f32>::initialise(&set, 0);
        let specs = parameters.ids().map(|id| parameters.spec(id)).filter(|spec| spec.name.starts_with("score."));
        assert_eq!(specs.map(|spec| spec.shape.iter().product::<usize>()).sum::<usize>(), count, "{d}, {width}");
    }
}

#[test]
fn rotation_windows_and_grouped_heads_equal_the_reference() {
    for case in cases("attention_variants.json", 3) {
        let config = match case.name.as_str() {
            "rotary" => AttentionConfig {
                position: Position::Rotary,
                rotary_pairing: Pairing::Interleaved,
                ..AttentionConfig::default()
            },
            "window" => AttentionConfig { window: Some(3), ..AttentionConfig::default() },
            "grouped" => AttentionConfig {
                project: Project::Linear(LinearConfig { kv_heads: Some(2) }),
                ..AttentionConfig::default()
            },
            other => panic!("{other}"),
        };
        assert_eq!(layer::<f64>(&case, &config, &Mask::causal()), 9, "{}", case.name);
        layer::<f32>(&case, &config, &Mask::causal());
    }
}

#[test]
fn a_constant_beta_is_a_learned_one_that_stays() {
    let mut outputs = [true, false].map(|learned| {
        let bn = BatchNormConfig { beta: 0.6, learned, ..BatchNormConfig::default() };
        let config = AttentionConfig { condition: vec![Condition::BatchNorm(bn)], ..AttentionConfig::default() };
        let mut set = ParamSet::new();
        let layer = MultiHeadAttention::new(&mut set.root(), &config, 8, 2).unwrap();
        let parameters = Parameters::<f64>::initialise(&set, 3);
        let tape = Tape::inference(&parameters);
        let x = Tensor::from_fn([2, 5, 8], |i| (i as f64 * 0.7).sin());
        let context = AttentionContext::new(&config, &Mask::causal(), 2, 5, 0, 2, 4);
        layer.forward(&tape.constant(x), &context).value().data().to_vec()
    });
    let constant = outputs[1].split_off(0);
    assert_close("y", &outputs[0], &constant, 1e-14, 1e-14);
}
