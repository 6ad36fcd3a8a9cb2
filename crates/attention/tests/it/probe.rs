//! Attention maps: the weights that a layer works with, and the numbers that are taken of them, known by hand or from an independent program.

use anther_attention::{
    AttentionConfig, AttentionContext, AttentionMap, Condition, Expressive, LinearConfig, Mask, MultiHeadAttention,
    NeuralConfig, Operands, PoolingConfig, Project, ReluPower, ScaledDot, ScoreConfig, Sigmoid, Softmax, Weighing,
    attention_weights,
};
use anther_tensor::{Element, ParamSet, Parameters, Tape, Tensor};
use anther_testkit::{Golden, assert_close};

const WIDTH: usize = 8;
const HEADS: usize = 4;

fn map(batch: usize, heads: usize, queries: usize, keys: usize, weights: &[f64]) -> AttentionMap<f64> {
    AttentionMap::new(Tensor::from_vec([batch, heads, queries, keys], weights.to_vec()), None)
}

fn noise<T: Element>(shape: [usize; 3], seed: f64) -> Tensor<T> {
    Tensor::from_fn(shape, |i| T::from_f64(((i as f64 + seed) * 12.9898).sin() * 1.3))
}

/// A layer with these parameters, and the map it leaves over tokens `[2, length, WIDTH]`, with its output.
fn probe<T: Element>(
    config: &AttentionConfig,
    mask: &Mask,
    length: usize,
    change: impl FnOnce(&mut Parameters<T>),
) -> (AttentionMap<T>, Tensor<T>) {
    let mut set = ParamSet::new();
    let layer = MultiHeadAttention::new(&mut set.root(), config, WIDTH, HEADS).unwrap();
    let mut parameters = Parameters::<T>::initialise(&set, 5);
    change(&mut parameters);
    let tape = Tape::inference(&parameters);
    let x = tape.constant(noise([2, length, WIDTH], 0.0));
    let context = || AttentionContext::new(config, mask, 2, length, 0, HEADS, WIDTH / HEADS);
    let probed = context().probed();
    let y = layer.forward(&x, &probed);
    let mut maps = probed.take_maps();
    assert_eq!(maps.len(), 1);
    assert!(probed.take_maps().is_empty(), "maps are handed out once");
    let plain = context();
    assert_eq!(layer.forward(&x, &plain).value().data(), y.value().data(), "a probe changes no bit");
    assert!(plain.take_maps().is_empty(), "nobody asked");
    (maps.remove(0), y.into_value())
}

#[test]
fn entropy_of_one_key_of_equal_keys_and_of_none() {
    // Rows: one key, two alike, three alike whose sum is not 1, none.
    let weights = [1.0, 0.0, 0.0, 0.5, 0.0, 0.5, 0.2, 0.2, 0.2, 0.0, 0.0, 0.0];
    let one = map(1, 1, 4, 3, &weights).entropy();
    assert_close("entropy", &one, &[(0.0 + 2.0f64.ln() + 3.0f64.ln()) / 3.0], 1e-15, 1e-15);
    let sharp: Vec<f64> = [1.0, 0.0, 0.0].repeat(4);
    let both = map(2, 1, 4, 3, &[&weights[..], &sharp].concat()).entropy();
    assert_close("entropy of two sequences", &both, &[(2.0f64.ln() + 3.0f64.ln()) / 7.0], 1e-15, 1e-15);
    assert!(map(1, 2, 1, 2, &[0.0, 0.0, 1.0, 0.0]).entropy()[0].is_nan());
    assert_eq!(map(1, 2, 1, 2, &[0.0, 0.0, 1.0, 0.0]).entropy()[1], 0.0);
    assert!(map(1, 1, 0, 0, &[]).entropy()[0].is_nan());
}

#[test]
fn head_distance_equals_the_reference() {
    let golden = Golden::read(format!("{}/tests/golden/head_distance.json", env!("CARGO_MANIFEST_DIR"))).unwrap();
    assert_eq!(golden.cases.len(), 2);
    for case in &golden.cases {
        let maps = case.array("maps");
        let [heads, queries, keys] = maps.shape[..] else { panic!("{:?}", maps.shape) };
        let got = map(1, heads, queries, keys, &maps.data).head_distance().unwrap();
        let expected = [case.scalar("mean"), case.scalar("deviation")];
        assert_close(&case.name, &[got.mean, got.deviation], &expected, 1e-14, 1e-14);
        // The mean of two equal sequences is that of one.
        let twice = map(2, heads, queries, keys, &maps.data.repeat(2)).head_distance().unwrap();
        assert_close(&case.name, &[twice.mean, twice.cosine], &[got.mean, got.cosine], 1e-14, 1e-14);
    }
    // The identity twice and the uniform map of four tokens: √3 apart, with an angle whose cosine is a half.
    let known = map(1, 3, 4, 4, &golden.case("known").array("maps").data).head_distance().unwrap();
    let expected = [2.0 / 3.0f64.sqrt(), (2.0f64 / 3.0).sqrt(), 1.0 / 3.0];
    assert_close("known", &[known.mean, known.deviation, known.cosine], &expected, 1e-14, 1e-14);
    assert_eq!(map(1, 1, 1, 1, &[1.0]).head_distance(), None);
    assert_eq!(map(0, 3, 1, 1, &[]).head_distance(), None);
}

#[test]
fn a_map_has_the_weights_of_the_composed_form() {
    for weighing in [Weighing::Softmax, Weighing::Expressive, Weighing::Sigmoid, Weighing::Relu] {
        for mask in [Mask::full(), Mask::causal(), Mask::causal().within(2), Mask::causal().padded(vec![5, 2])] {
            let config = AttentionConfig { weighing, ..AttentionConfig::default() };
            let mut own = None;
            let (got, _) = probe::<f64>(&config, &mask, 5, |parameters| own = Some(parameters.clone()));
            let parameters = own.unwrap();
            let tape = Tape::inference(&parameters);
            let x = tape.constant(noise([2, 5, WIDTH], 0.0));
            let named = |name: &str| parameters.ids().find(|&id| parameters.spec(id).name == name).unwrap();
            let heads = |letter: &str| {
                let [weight, bias] = ["weight", "bias"].map(|part| tape.param(named(&format!("{letter}_proj.{part}"))));
                x.linear(&weight, Some(&bias), None).split_heads(HEADS)
            };
            let [q, k, v] = ["q", "k", "v"].map(heads);
            let seen = mask.seen(2, 5, 5, 0);
            let operands = Operands::new(&q, &k, &v, &seen);
            let score = ScaledDot { scale: config.score_scale(WIDTH / HEADS) };
            let expected = match weighing {
                Weighing::Softmax => attention_weights(&score, &Softmax, operands),
                Weighing::Expressive => attention_weights(&score, &Expressive { eps: config.eps }, operands),
                Weighing::Sigmoid => attention_weights(&score, &Sigmoid, operands),
                _ => attention_weights(&score, &ReluPower { power: 1 }, operands),
            };
            assert_close(&format!("{weighing:?}"), got.weights().data(), expected.value().data(), 1e-13, 1e-13);
        }
    }
}

#[test]
fn maps_of_the_neural_score_equal_the_reference() {
    let golden = Golden::read(format!("{}/tests/golden/neural_score.json", env!("CARGO_MANIFEST_DIR"))).unwrap();
    for case in &golden.cases {
        let (form, mask) = case.name.split_once('-').unwrap();
        let score = NeuralConfig {
            width: case.scalar("width") as usize,
            second_layer: form == "code",
            ..NeuralConfig::default()
        };
        let config = AttentionConfig { score: ScoreConfig::Neural(score), bias: false, ..AttentionConfig::default() };
        let (heads, width) = (case.scalar("heads") as usize, case.array("x").shape[2]);
        let mut set = ParamSet::new();
        let layer = MultiHeadAttention::new(&mut set.root(), &config, width, heads).unwrap();
        let mut parameters = Parameters::<f64>::initialise(&set, 0);
        for id in parameters.ids().collect::<Vec<_>>() {
            let value = case.tensor::<f64>(&parameters.spec(id).name);
            parameters.set(id, value.data());
        }
        let tape = Tape::inference(&parameters);
        let x = tape.constant(case.tensor("x"));
        let mask = if mask.starts_with("causal") { Mask::causal() } else { Mask::full() };
        let context =
            AttentionContext::new(&config, &mask, x.shape()[0], x.shape()[1], 0, heads, width / heads).probed();
        layer.forward(&x, &context);
        let [map] = &context.take_maps()[..] else { panic!("one layer") };
        assert_close(&case.name, map.weights().data(), &case.array("weights").data, 1e-10, 1e-10);
        // The reference keeps the last layer of its released form alive by hand.
        let live = map.live_pairs().unwrap();
        assert!(live.iter().all(|&live| if form == "code" { live == 1.0 } else { (0.0..=1.0).contains(&live) }));
    }
}

#[test]
fn linear_attention_has_a_map_too() {
    let config = AttentionConfig { weighing: Weighing::Linear, ..AttentionConfig::default() };
    let (map, _) = probe::<f64>(&config, &Mask::causal(), 5, |_| ());
    for row in 0..2 * HEADS * 5 {
        let weights = &map.weights().data()[row * 5..][..5];
        assert!(weights[..=row % 5].iter().all(|&a| a > 0.0) && weights[row % 5 + 1..].iter().all(|&a| a == 0.0));
        assert_close("sum", &[weights.iter().sum::<f64>()], &[1.0], 1e-5, 1e-5);
    }
}

#[test]
fn pooled_heads_share_the_weight_of_a_mean_among_its_tokens() {
    let pooling = PoolingConfig { scales: vec![1, 2] };
    let config = AttentionConfig { condition: vec![Condition::Pooling(pooling)], ..AttentionConfig::default() };
    for (mask, length) in [(Mask::full(), 5), (Mask::causal(), 5), (Mask::full().padded(vec![5, 3]), 5)] {
        let (map, _) = probe::<f64>(&config, &mask, length, |_| ());
        let seen = mask.seen(2, length, length, 0);
        for (sequence, head, query) in
            (0..2 * HEADS * length).map(|i| (i / HEADS / length, i / length % HEADS, i % length))
        {
            let row = &map.of(sequence, head)[query * length..][..length];
            assert_close("sum", &[row.iter().sum::<f64>()], &[1.0], 1e-14, 1e-14);
            let shows = |key: usize| seen.shows(sequence, head, query, key);
            assert!((0..length).all(|key| (row[key] > 0.0) == shows(key)), "{sequence} {head} {query}: {row:?}");
            // The last two heads see means of two tokens, of those pairs that are seen whole.
            let pairs = (0..length / 2).filter(|pair| shows(2 * pair + 1));
            let differ = pairs.filter(|pair| row[2 * pair] != row[2 * pair + 1]).count();
            assert!(if head < 2 {
                differ == (0..length / 2).filter(|p| shows(2 * p + 1)).count()
            } else {
                differ == 0
            });
        }
    }
}

#[test]
fn grouped_heads_have_a_map_each() {
    let project = Project::Linear(LinearConfig { kv_heads: Some(2) });
    let config = AttentionConfig { project, ..AttentionConfig::default() };
    let (map, _) = probe::<f64>(&config, &Mask::causal(), 3, |_| ());
    assert_eq!(map.weights().shape()[..], [2, HEADS, 3, 3]);
    assert_eq!(map.live_pairs(), None);
    let distance = map.head_distance().unwrap();
    assert!(distance.mean > 0.0 && distance.cosine > 0.0, "four queries read the keys differently: {distance:?}");
}

/// Sets all numbers of a parameter.
fn fill(parameters: &mut Parameters<f64>, name: &str, values: &[f64]) {
    let id = parameters.ids().find(|&id| parameters.spec(id).name == name).unwrap_or_else(|| panic!("{name}"));
    let count = parameters.spec(id).shape.iter().product::<usize>();
    parameters.set(id, &values.repeat(count / values.len()));
}

#[test]
fn live_pairs_are_those_whose_last_hidden_layer_is_not_zero() {
    let score = ScoreConfig::Neural(NeuralConfig { width: 4, ..NeuralConfig::default() });
    let config = AttentionConfig { score, ..AttentionConfig::default() };
    let live = |mask: &Mask, bias: f64| {
        let (map, _) = probe::<f64>(&config, mask, 6, |parameters| fill(parameters, "score.second.bias", &[bias]));
        map.live_pairs().unwrap().to_vec()
    };
    assert_eq!(live(&Mask::causal(), 100.0), [1.0; HEADS], "all are alive");
    assert_eq!(live(&Mask::causal(), -100.0), [0.0; HEADS], "all are dead");
    assert!(live(&Mask::full().padded(vec![0, 0]), 0.0).iter().all(|live| live.is_nan()), "there are no pairs");
}

#[test]
fn live_pairs_are_counted_among_those_seen() {
    // The network is the feature of the key alone, and the key is the first number of its token: alive where that is positive.
    let score = ScoreConfig::Neural(NeuralConfig { width: 1, second_layer: false, ..NeuralConfig::default() });
    let config = AttentionConfig { score, bias: false, ..AttentionConfig::default() };
    let (map, _) = probe::<f64>(&config, &Mask::causal(), 6, |parameters| {
        let first = |row: usize, column: usize| f64::from(u8::from(row.is_multiple_of(2) && column == 0));
        let key: Vec<f64> = (0..WIDTH * WIDTH).map(|i| first(i / WIDTH, i % WIDTH)).collect();
        fill(parameters, "k_proj.weight", &key);
        fill(parameters, "score.k_down.weight", &[1.0, 0.0]);
        fill(parameters, "score.hidden.weight", &[0.0, 1.0]);
        for name in ["q_down", "k_down", "hidden"] {
            fill(parameters, &format!("score.{name}.bias"), &[0.0]);
        }
    });
    let x = noise::<f64>([2, 6, WIDTH], 0.0);
    let alive = |sequence: usize, key: usize| x.data()[(sequence * 6 + key) * WIDTH] > 0.0;
    // Key j is seen by the 6 − j queries from it on.
    let count: usize = (0..12).filter(|i| alive(i / 6, i % 6)).map(|i| 6 - i % 6).sum();
    assert!(count > 0 && count < 42, "{count}");
    assert_close("live", map.live_pairs().unwrap(), &[count as f64 / 42.0; HEADS], 1e-15, 1e-15);
}

#[test]
#[should_panic(expected = "a probe is for inference, but this tape records")]
fn a_recording_tape_is_refused() {
    let config = AttentionConfig::default();
    let mut set = ParamSet::new();
    let layer = MultiHeadAttention::new(&mut set.root(), &config, WIDTH, HEADS).unwrap();
    let parameters = Parameters::<f64>::initialise(&set, 5);
    let tape = Tape::recording(&parameters);
    let context = AttentionContext::new(&config, &Mask::causal(), 2, 3, 0, HEADS, WIDTH / HEADS).probed();
    layer.forward(&tape.constant(noise([2, 3, WIDTH], 0.0)), &context);
}

#[test]
#[should_panic(expected = "a probe looks at whole sequences")]
fn a_cache_is_refused() {
    let config = AttentionConfig::default();
    let mut set = ParamSet::new();
    let layer = MultiHeadAttention::new(&mut set.root(), &config, WIDTH, HEADS).unwrap();
    let parameters = Parameters::<f64>::initialise(&set, 5);
    let tape = Tape::inference(&parameters);
    let context = AttentionContext::new(&config, &Mask::causal(), 2, 3, 0, HEADS, WIDTH / HEADS).probed();
    layer.forward_cached(&tape.constant(noise([2, 3, WIDTH], 0.0)), &context, &mut layer.cache(2, 3));
}

/// Heads that share keys, where a map needs keys for each head.
const SHARED_KEYS: [&str; 2] = ["multi-query+neural", "multi-query+sh"];

#[test]
fn every_preset_leaves_a_map_of_what_it_gathers() {
    for name in AttentionConfig::preset_names().chain(SHARED_KEYS) {
        let config = AttentionConfig::preset(name).unwrap();
        let (map, _) = probe::<f32>(&config, &Mask::causal(), 5, |_| ());
        assert_eq!(map.weights().shape()[..], [2, HEADS, 5, 5], "{name}");
        let future = |i: usize| i % 5 > i / 5 % 5;
        let weights = map.weights().data().iter().enumerate();
        assert!(weights.clone().all(|(i, &a)| if future(i) { a == 0.0 } else { a.is_finite() }), "{name}");
        assert!((0..HEADS).all(|head| map.of(1, head).iter().any(|&a| a != 0.0)), "{name}");
        assert_eq!(map.live_pairs().is_some(), name.contains("neural"), "{name}");
    }
}

#[test]
fn pooled_heads_with_a_network_count_their_own_pairs() {
    let condition = vec![Condition::Pooling(PoolingConfig { scales: vec![1, 2, 2, 3] })];
    let score = ScoreConfig::Neural(NeuralConfig { width: 4, ..NeuralConfig::default() });
    let config = AttentionConfig { condition, score, ..AttentionConfig::default() };
    for (bias, expected) in [(100.0, 1.0), (-100.0, 0.0)] {
        let set = |parameters: &mut Parameters<f64>| fill(parameters, "score.second.bias", &[bias]);
        let (map, _) = probe::<f64>(&config, &Mask::causal(), 7, set);
        assert_eq!(map.live_pairs(), Some(&[expected; HEADS][..]));
    }
}

#[test]
fn a_sequence_of_no_tokens_has_an_empty_map() {
    let neural = ScoreConfig::Neural(NeuralConfig::default());
    let pooling = Condition::Pooling(PoolingConfig { scales: vec![1, 2] });
    for (score, condition) in
        [(neural, vec![]), (ScoreConfig::default(), vec![pooling]), (ScoreConfig::default(), vec![])]
    {
        let config = AttentionConfig { score, condition, ..AttentionConfig::default() };
        let (map, _) = probe::<f64>(&config, &Mask::causal(), 0, |_| ());
        assert_eq!(map.weights().shape()[..], [2, HEADS, 0, 0]);
        assert!(map.entropy().iter().all(|entropy| entropy.is_nan()));
        assert_eq!(map.live_pairs().is_some(), config.score != ScoreConfig::default());
    }
}
