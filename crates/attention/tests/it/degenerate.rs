//! Inputs at the edge of sense give finite results and finite gradients: one token, equal tokens, zeros, queries that see nothing, pools longer than the sequence.

use anther_attention::{
    AttentionConfig, AttentionContext, BatchNormConfig, Condition, Mask, MultiHeadAttention, Operands, PoolingConfig,
    ScaledDot, Seen, Softmax, attend, attend_tiled,
};
use anther_tensor::{ParamSet, Parameters, Tape, Tensor};

const WIDTH: usize = 8;
const HEADS: usize = 2;

/// Every preset, Attention-BN that divides by the variance, one without a shift, and pools of five tokens.
fn configs() -> Vec<(String, AttentionConfig)> {
    let presets = AttentionConfig::preset_names().map(|name| (name.to_owned(), AttentionConfig::preset(name).unwrap()));
    let with = |condition| AttentionConfig { condition: vec![condition], ..AttentionConfig::default() };
    let bn = |bn| with(Condition::BatchNorm(bn));
    let own = [
        ("scaled bn", bn(BatchNormConfig { scale: true, ..BatchNormConfig::default() })),
        ("bn of nothing", bn(BatchNormConfig { beta: 0.0, ..BatchNormConfig::default() })),
        ("long pools", with(Condition::Pooling(PoolingConfig { scales: vec![1, 5] }))),
    ];
    presets.chain(own.map(|(name, config)| (name.to_owned(), config))).collect()
}

fn check(name: &str, config: &AttentionConfig, mask: &Mask, x: Tensor<f32>) {
    let what = format!("{name}, {mask:?}, {:?}", x.shape());
    let mut set = ParamSet::new();
    let layer = MultiHeadAttention::new(&mut set.root(), config, WIDTH, HEADS).unwrap();
    let parameters = Parameters::<f32>::initialise(&set, 4);
    let mut slab = parameters.gradients();
    let tape = Tape::recording(&parameters);
    let (batch, length) = (x.shape()[0], x.shape()[1]);
    let x = tape.input(x);
    let context = AttentionContext::new(config, mask, batch, length, 0, HEADS, WIDTH / HEADS);
    let y = layer.forward(&x, &context);
    assert!(y.value().data().iter().all(|y| y.is_finite()), "{what}");
    let gradients = tape.backward(&y, Some(Tensor::ones(y.shape())), &mut slab);
    assert!(gradients.get(&x).unwrap().data().iter().all(|g| g.is_finite()), "the gradient of the input: {what}");
    for id in parameters.ids() {
        let finite = slab.get(id).is_none_or(|gradient| gradient.iter().all(|g| g.is_finite()));
        assert!(finite, "the gradient of {}: {what}", parameters.spec(id).name);
    }
}

#[test]
fn results_and_gradients_are_finite() {
    let equal = |length: usize| Tensor::from_fn([2, length, WIDTH], |i| ((i % WIDTH) as f32 * 0.7).sin());
    let inputs = [equal(1), equal(3), Tensor::zeros([2, 3, WIDTH]), Tensor::full([2, 2, WIDTH], 1e4)];
    for (name, config) in configs() {
        for x in &inputs {
            let mut masks = vec![Mask::full(), Mask::full().padded(vec![0, 1])];
            if config.validate_causal().is_ok() {
                masks.extend([Mask::causal(), Mask::causal().padded(vec![1, 0])]);
            }
            masks.iter().for_each(|mask| check(&name, &config, mask, x.clone()));
        }
    }
}

#[test]
fn a_sink_may_be_far_from_the_scores() {
    // Scores of 300 and 150, or of −300 and −150, and a sink whose difference to them is too large for an exponential of f32.
    for (query, expected) in [(300.0f32, 3.0), (-300.0, 0.0)] {
        for tiled in [false, true] {
            let empty = Parameters::<f32>::empty();
            let tape = Tape::recording(&empty);
            let q = tape.input(Tensor::full([1, 1, 1, 1], query));
            let k = tape.input(Tensor::from_vec([1, 1, 2, 1], vec![1.0, 0.5]));
            let v = tape.input(Tensor::from_vec([1, 1, 2, 1], vec![3.0, 5.0]));
            let sinks = tape.input(Tensor::full([1], -30.0));
            let (score, seen) = (ScaledDot { scale: 1.0 }, Seen::default());
            let operands = Operands { sinks: Some(&sinks), ..Operands::new(&q, &k, &v, &seen) };
            let y = if tiled { attend_tiled(score, Softmax, operands) } else { attend(&score, &Softmax, operands) };
            assert!((y.value().item() - expected).abs() < 1e-5, "{query}, {tiled}: {y:?}");
            let gradients = tape.backward(&y, Some(Tensor::ones(y.shape())), &mut empty.gradients());
            for input in [&q, &k, &v, &sinks] {
                assert!(gradients.get(input).unwrap().data().iter().all(|g| g.is_finite()), "{query}, {tiled}");
            }
        }
    }
}
