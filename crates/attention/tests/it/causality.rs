//! What a query must not see changes nothing, to the last bit.

use anther_attention::{AttentionConfig, AttentionContext, Mask, MultiHeadAttention, Position, SparseConfig, Weighing};
use anther_tensor::{ParamSet, Parameters, RandomKey, Tape, Tensor};

const WIDTH: usize = 8;
const HEADS: usize = 2;

/// The output of a layer with fixed parameters.
fn run(config: &AttentionConfig, mask: &Mask, x: &Tensor<f32>) -> Vec<f32> {
    let mut set = ParamSet::new();
    let layer = MultiHeadAttention::new(&mut set.root(), config, WIDTH, HEADS).unwrap();
    let parameters = Parameters::initialise(&set, 5);
    let tape = Tape::inference(&parameters);
    let (batch, length) = (x.shape()[0], x.shape()[1]);
    let context = AttentionContext::new(config, mask, batch, length, 0, HEADS, WIDTH / HEADS);
    layer.forward(&tape.constant(x.clone()), &context).value().data().to_vec()
}

fn input(batch: usize, length: usize) -> Tensor<f32> {
    let key = RandomKey::new(3, 1, 4);
    Tensor::from_fn([batch, length, WIDTH], |i| key.normal(i as u64) as f32)
}

fn configs() -> Vec<AttentionConfig> {
    let mut configs = Vec::new();
    for weighing in [Weighing::Softmax, Weighing::Expressive] {
        for position in [Position::None, Position::Alibi, Position::Rotary] {
            configs.push(AttentionConfig { weighing, position, ..AttentionConfig::default() });
        }
    }
    for preset in AttentionConfig::preset_names().chain([
        "kgv+expressive+centred",
        "mlp-qkv+qk-norm+bn-learned",
        "linear+kgv+centred",
        "bn-sh+kgv+centred",
        "sh+expressive",
    ]) {
        // The tests have masks of their own.
        configs.push(AttentionConfig { window: None, ..AttentionConfig::preset(preset).unwrap() });
    }
    let sparse = Some(SparseConfig { block: 3, local: 1, global: 1 });
    configs.push(AttentionConfig { sparse, ..AttentionConfig::default() });
    configs.retain(|config| config.validate_causal().is_ok());
    configs
}

#[test]
fn the_future_changes_nothing() {
    // Some rows in one block of a kernel, and more than one block of any.
    for (length, changed) in [(7, 4), (150, 131)] {
        for (config, other) in configs().into_iter().flat_map(|config| [(config.clone(), 1e6), (config, f32::NAN)]) {
            let before = input(2, length);
            let mut after = before.clone();
            for sequence in after.data_mut().chunks_mut(length * WIDTH) {
                sequence[changed * WIDTH..].iter_mut().for_each(|x| *x = other - *x);
            }
            let (a, b) = (run(&config, &Mask::causal(), &before), run(&config, &Mask::causal(), &after));
            for (a, b) in a.chunks(length * WIDTH).zip(b.chunks(length * WIDTH)) {
                let past = a.iter().zip(b).take(changed * WIDTH);
                past.for_each(|(a, b)| assert_eq!(a.to_bits(), b.to_bits(), "{config:?}"));
                assert_ne!(a[changed * WIDTH..], b[changed * WIDTH..], "{config:?}");
            }
        }
    }
}

#[test]
fn tokens_outside_the_window_change_nothing() {
    let length = 7;
    // A convolution mixes tokens before the window is looked through.
    let windowed =
        |config: &AttentionConfig| AttentionConfig { window: Some(3), ..config.clone() }.validate(WIDTH, HEADS).is_ok();
    for config in configs().into_iter().filter(|config| windowed(config) && config.validate_decoding().is_ok()) {
        let before = input(1, length);
        let mut after = before.clone();
        after.data_mut()[..3 * WIDTH].fill(-50.0);
        let mask = Mask::causal().within(3);
        let (a, b) = (run(&config, &mask, &before), run(&config, &mask, &after));
        // Query 5 is the first that sees keys 3, 4, 5 only.
        assert_eq!(a[5 * WIDTH..], b[5 * WIDTH..], "{config:?}");
        assert_ne!(a[4 * WIDTH..5 * WIDTH], b[4 * WIDTH..5 * WIDTH], "{config:?}");
    }
}

#[test]
fn padding_changes_nothing() {
    for config in configs() {
        let x = input(2, 6);
        let alone = Tensor::from_slice([1, 4, WIDTH], &x.data()[6 * WIDTH..][..4 * WIDTH]);
        let padded = run(&config, &Mask::full().padded(vec![6, 4]), &x);
        let exact = run(&config, &Mask::full(), &alone);
        let close = |a: &f32, b: &f32| (a - b).abs() <= 1e-5 * (1.0 + b.abs());
        let rows = &padded[6 * WIDTH..][..4 * WIDTH];
        assert!(rows.iter().zip(&exact).all(|(a, b)| close(a, b)), "{config:?}");
    }
}

/// Keys under Linear-BN are normalised with statistics of all that are seen: padding is not among them.
#[test]
fn padding_changes_no_normalised_features() {
    let config = AttentionConfig::preset("linear+bn").unwrap();
    let mut x = input(2, 6);
    let mask = Mask::full().padded(vec![6, 4]);
    let before = run(&config, &mask, &x);
    x.data_mut()[10 * WIDTH..].fill(50.0);
    let after = run(&config, &mask, &x);
    assert_eq!(before[..10 * WIDTH], after[..10 * WIDTH]);
    assert_ne!(before[10 * WIDTH..], after[10 * WIDTH..], "padding asks too");
}

#[test]
#[should_panic(expected = "queries of one sequence see different keys")]
fn normalised_features_have_no_causal_form() {
    run(&AttentionConfig::preset("linear+bn").unwrap(), &Mask::causal(), &input(1, 3));
}

#[test]
#[should_panic(expected = "pooling: a query sees the keys 1..3")]
fn pooled_keys_have_no_window() {
    run(&AttentionConfig::preset("sh").unwrap(), &Mask::causal().within(2), &input(1, 4));
}
