//! The layer goes through every check of the registry: gradients of inputs and of every parameter, levels, threads.

use anther_attention::position::Pairing;
use anther_attention::position::alibi::Slopes;
use anther_attention::{AttentionConfig, AttentionContext, Mask, MultiHeadAttention, Position, Weighing};
use anther_testkit::{Case, check_all, function, normal};

const WIDTH: usize = 12;
const HEADS: usize = 3;

fn layer(label: &str, config: AttentionConfig, mask: Mask, batch: usize, length: usize) -> Case {
    Case::module("multi-head attention", label, vec![normal([batch, length, WIDTH])], |scope| {
        let layer = MultiHeadAttention::new(&mut scope.child("self_attn"), &config, WIDTH, HEADS).unwrap();
        function!((layer: MultiHeadAttention, config: AttentionConfig, mask: Mask), |x| {
            let (batch, length) = (x[0].shape()[0], x[0].shape()[1]);
            let context = AttentionContext::new(config, mask, batch, length, 0, HEADS, WIDTH / HEADS);
            layer.forward(&x[0], &context)
        })
    })
}

/// Under softmax a key bias shifts all scores of a query alike, unless positions rotate it: its gradient is zero.
fn cancels_key_bias(config: &AttentionConfig) -> bool {
    config.weighing == Weighing::Softmax && config.position != Position::Rotary
}

#[test]
fn every_combination_of_weighing_position_and_mask() {
    let mut cases = Vec::new();
    for weighing in [Weighing::Softmax, Weighing::Expressive] {
        for position in [Position::None, Position::Learned, Position::Sinusoidal, Position::Alibi, Position::Rotary] {
            for (name, mask) in [
                ("full", Mask::full()),
                ("causal", Mask::causal()),
                ("padded", Mask::causal().padded(vec![5, 2])),
                ("window", Mask::causal().within(2)),
            ] {
                let config = AttentionConfig { weighing, position, ..AttentionConfig::default() };
                let zero = cancels_key_bias(&config);
                let case = layer(&format!("{weighing:?} {position:?} {name}"), config, mask, 2, 5);
                cases.push(if zero { case.zero_gradient("self_attn.k_proj.bias") } else { case });
            }
        }
    }
    check_all(&cases);
}

#[test]
fn other_settings_and_odd_shapes() {
    let expressive = AttentionConfig { weighing: Weighing::Expressive, ..AttentionConfig::default() };
    let alibi = AttentionConfig { position: Position::Alibi, alibi_slopes: Slopes::Steep, ..expressive.clone() };
    let rotary = AttentionConfig {
        position: Position::Rotary,
        rotary_pairing: Pairing::Interleaved,
        rotary_base: 100.0,
        ..AttentionConfig::default()
    };
    let bare = AttentionConfig { bias: false, scale: Some(0.3), ..AttentionConfig::default() };
    let windowed = AttentionConfig { window: Some(3), ..expressive.clone() };
    let dropped = AttentionConfig { dropout: 0.4, bias: false, ..AttentionConfig::default() };
    check_all(&[
        layer("steep slopes", alibi, Mask::causal(), 1, 4),
        layer("interleaved pairs", rotary, Mask::causal(), 1, 4),
        layer("no biases, own scale", bare, Mask::full(), 1, 3),
        layer("window of the configuration", windowed, Mask::causal(), 2, 6),
        layer("dropout", dropped, Mask::causal(), 2, 4).training(),
        layer("one token", AttentionConfig { bias: false, ..expressive.clone() }, Mask::full(), 3, 1)
            .tolerance(1e-3, 1e-3),
        layer("above the thread threshold", expressive, Mask::causal(), 4, 65).big(),
    ]);
}
