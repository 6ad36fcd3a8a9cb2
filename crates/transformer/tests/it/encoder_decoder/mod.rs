//! The tests of the encoder–decoder model.

mod counts;
mod decoding;
mod gradients;
mod sight;

use anther_attention::{AttentionConfig, Position};
use anther_tensor::{Element, Ids, ParamSet, Parameters};
use anther_transformer::{EncoderDecoder, EncoderDecoderConfig, Sentences};

/// Tokens of the source, and of the target.
const TOKENS: [usize; 2] = [6, 5];

/// A small model with positions that need no parameter.
fn tiny() -> EncoderDecoderConfig {
    EncoderDecoderConfig {
        source_vocabulary: TOKENS[0],
        target_vocabulary: TOKENS[1],
        encoder_layers: 1,
        decoder_layers: 1,
        heads: 2,
        width: 8,
        context: 9,
        feed_forward: Some(12),
        attention: AttentionConfig { position: Position::Sinusoidal, ..AttentionConfig::default() },
        ..EncoderDecoderConfig::default()
    }
}

/// The same with the attention of a preset.
fn preset(name: &str) -> EncoderDecoderConfig {
    EncoderDecoderConfig { attention: tiny().attention.with_preset(name).unwrap(), ..tiny() }
}

fn build<T: Element>(config: &EncoderDecoderConfig, seed: u64) -> (EncoderDecoder, Parameters<T>) {
    let mut set = ParamSet::new();
    let model = EncoderDecoder::new(&mut set.root(), config).unwrap();
    let parameters = Parameters::initialise(&set, seed);
    (model.frozen_at(&parameters), parameters)
}

/// Ids `[batch, longest]` of `tokens` tokens, of lengths.
fn sentences(lengths: &[usize], longest: usize, tokens: usize) -> Sentences {
    let ids = (0..lengths.len() * longest).map(|i| ((i * 7 + i / 3 + 1) % tokens) as u32).collect();
    Sentences::new(Ids::new([lengths.len(), longest], ids), lengths.to_vec())
}
