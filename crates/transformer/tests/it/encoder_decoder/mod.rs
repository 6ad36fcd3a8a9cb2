//! The tests of the encoder–decoder model.

mod beam;
mod counts;
mod decoding;
mod gradients;
mod sight;

use anther_attention::{AttentionConfig, Position};
use anther_chain::{ChainRule, ChainRules};
use anther_tensor::{Element, Ids, ParamSet, Parameters};
use anther_transformer::{EmbeddingKind, EncoderDecoder, EncoderDecoderConfig, Sentences};

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

/// The same in the form of one of the models of arXiv 2305.10991.
fn form(name: &str) -> EncoderDecoderConfig {
    EncoderDecoderConfig { feed_forward: None, ..tiny().with_preset(name).unwrap() }
}

/// Every kind of embedding.
fn embeddings() -> [EncoderDecoderConfig; 3] {
    let of_low_rank = ChainRule { rank: Some(2), ..ChainRule::of("*.embed_tokens*") };
    let chain = EncoderDecoderConfig { chains: ChainRules(vec![of_low_rank]), ..tiny() };
    let no_positions = AttentionConfig { position: Position::None, ..AttentionConfig::default() };
    let soft = EncoderDecoderConfig {
        embedding: EmbeddingKind::HSoftpos,
        embedding_levels: 2,
        attention: no_positions,
        ..tiny()
    };
    [chain, EncoderDecoderConfig { embedding_levels: 3, ..soft.clone() }, soft]
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
