//! `MarianMTModel`: a post-norm encoder–decoder with one table for both sides and the output, sines in halves, and a bias of the output.

use anther_attention::position::sinusoidal::Layout;
use anther_attention::{AttentionConfig, Position};

use super::fields::Fields;
use super::table::Table;
use super::{FormError, TokenIds};
use crate::block_config::NormPosition;
use crate::encoder_decoder::{Embeddings, EncoderDecoderConfig, OutputKind};

/// What no key changes.
pub(super) fn template() -> EncoderDecoderConfig {
    EncoderDecoderConfig {
        norm_position: NormPosition::Post,
        embeddings: Embeddings::Shared,
        output: OutputKind::Tied,
        output_bias: true,
        attention: AttentionConfig {
            position: Position::Sinusoidal,
            sinusoidal_layout: Layout::Halves,
            ..AttentionConfig::default()
        },
        ..EncoderDecoderConfig::default()
    }
}

pub(super) fn bind(
    fields: &mut Fields<'_>,
    c: &mut EncoderDecoderConfig,
    tokens: &mut TokenIds,
) -> Result<(), FormError> {
    fields.count("vocab_size", &mut c.source_vocabulary)?;
    let mut target = c.source_vocabulary;
    fields.count_or("decoder_vocab_size", c.source_vocabulary, &mut target)?;
    if target != c.source_vocabulary {
        let reason = format!("is {target}, but one table serves both sides and vocab_size is {}", c.source_vocabulary);
        return Err(FormError::key("decoder_vocab_size", reason));
    }
    c.target_vocabulary = target;
    fields.count("d_model", &mut c.width)?;
    fields.count("encoder_layers", &mut c.encoder_layers)?;
    fields.count("decoder_layers", &mut c.decoder_layers)?;
    let (mut heads, mut inner) = (c.heads, c.feed_forward());
    fields.count("encoder_attention_heads", &mut c.heads)?;
    fields.count("decoder_attention_heads", &mut heads)?;
    equal("decoder_attention_heads", heads, "encoder_attention_heads", c.heads)?;
    let mut decoder_inner = inner;
    fields.count("encoder_ffn_dim", &mut inner)?;
    fields.count("decoder_ffn_dim", &mut decoder_inner)?;
    equal("decoder_ffn_dim", decoder_inner, "encoder_ffn_dim", inner)?;
    c.feed_forward = Some(inner);
    fields.count("max_position_embeddings", &mut c.context)?;
    fields.activation("activation_function", "gelu", &mut c.activation)?;
    fields.flag("scale_embedding", false, &mut c.scale_embedding)?;
    fields.number("dropout", 0.1, &mut c.dropout)?;
    fields.number("attention_dropout", 0.0, &mut c.attention.dropout)?;
    fields.left_alone(&["activation_dropout", "encoder_layerdrop", "decoder_layerdrop"]);
    fields.fixed("share_encoder_decoder_embeddings", true)?;
    fields.fixed("tie_word_embeddings", true)?;
    fields.fixed("is_encoder_decoder", true)?;
    fields.formerly("static_position_embeddings", true)?;
    fields.formerly("normalize_before", false)?;
    fields.formerly("normalize_embedding", false)?;
    fields.formerly("add_final_layer_norm", false)?;
    fields.fixed("is_decoder", false)?;
    fields.left_alone(&["add_bias_logits", "extra_pos_embeddings"]);
    fields.tokens(tokens)?;
    fields.token("decoder_start_token_id", &mut tokens.start)?;
    fields.left_alone(&["forced_eos_token_id", "forced_bos_token_id"]);
    fields.put("forced_eos_token_id", tokens.end);
    Ok(())
}

/// Refuses two sides that differ where they cannot here.
fn equal(key: &str, value: usize, other: &str, expected: usize) -> Result<(), FormError> {
    if value == expected {
        return Ok(());
    }
    Err(FormError::key(key, format!("is {value}, but both sides have the same here, and {other} is {expected}")))
}

pub(super) fn table(c: &EncoderDecoderConfig) -> Table {
    let (width, inner, vocabulary) = (c.width, c.feed_forward(), c.target_vocabulary);
    let mut table = Table::default();
    table.same("model.shared.weight", &[vocabulary, width], "model.shared.weight");
    for (side, layers) in [("encoder", c.encoder_layers), ("decoder", c.decoder_layers)] {
        for layer in 0..layers {
            let at = |name: &str| format!("model.{side}.layers.{layer}.{name}");
            let attentions: &[&str] = if side == "encoder" { &["self_attn"] } else { &["self_attn", "encoder_attn"] };
            for attention in attentions {
                for (theirs, ours) in
                    [("q_proj", "q_proj"), ("k_proj", "k_proj"), ("v_proj", "v_proj"), ("out_proj", "o_proj")]
                {
                    let (theirs, ours) = (at(&format!("{attention}.{theirs}")), at(&format!("{attention}.{ours}")));
                    table.linear(&theirs, [width, width], &ours);
                }
                let norm = at(&format!("{attention}_layer_norm"));
                table.norm(&norm, width, &norm);
            }
            table.linear(&at("fc1"), [inner, width], &at("fc1"));
            table.linear(&at("fc2"), [width, inner], &at("fc2"));
            table.norm(&at("final_layer_norm"), width, &at("final_layer_norm"));
        }
        table.copy(&format!("model.{side}.embed_tokens.weight"), "model.shared.weight");
        // Sines and cosines, which follow from the width.
        table.unused(format!("model.{side}.embed_positions.weight"));
    }
    table.same("final_logits_bias", &[1, vocabulary], "final_logits_bias");
    table.copy("lm_head.weight", "model.shared.weight");
    table
}
