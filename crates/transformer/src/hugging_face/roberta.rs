//! `RobertaForMaskedLM`: post-norm blocks that see both sides, learned positions counted from the number of the padding on, and a head of its own.

use super::fields::Fields;
use super::table::Table;
use super::{FormError, TokenIds};
use crate::masked_lm::MaskedLmConfig;

/// What no key changes.
pub(super) fn template() -> MaskedLmConfig {
    MaskedLmConfig::default()
}

/// Rows of the table of positions before the first that is read: positions are counted from one more than the number of the padding.
fn rows_before(tokens: &TokenIds) -> usize {
    tokens.padding.map_or(0, |padding| padding as usize + 1)
}

pub(super) fn bind(
    fields: &mut Fields<'_>,
    c: &mut MaskedLmConfig,
    tokens: &mut TokenIds,
    types: &mut usize,
) -> Result<(), FormError> {
    fields.count("vocab_size", &mut c.vocab_size)?;
    fields.count("hidden_size", &mut c.width)?;
    fields.count("num_hidden_layers", &mut c.layers)?;
    fields.count("num_attention_heads", &mut c.heads)?;
    let mut inner = c.block().feed_forward;
    fields.count("intermediate_size", &mut inner)?;
    c.feed_forward = Some(inner);
    // The head has GELU whatever the blocks have, and here the activation of the blocks.
    fields.fixed("hidden_act", "gelu")?;
    fields.number("layer_norm_eps", 1e-12, &mut c.norm_eps)?;
    fields.number("hidden_dropout_prob", 0.1, &mut c.dropout)?;
    fields.number("attention_probs_dropout_prob", 0.1, &mut c.attention.dropout)?;
    fields.flag("tie_word_embeddings", true, &mut c.tied)?;
    fields.count_or("type_vocab_size", 2, types)?;
    if *types == 0 {
        return Err(FormError::key("type_vocab_size", "is 0, but each token has a type"));
    }
    fields.formerly("position_embedding_type", "absolute")?;
    fields.fixed("is_decoder", false)?;
    fields.fixed("add_cross_attention", false)?;
    fields.tokens(tokens)?;
    if fields.reads() {
        tokens.padding.get_or_insert(1);
    } else if tokens.padding.is_none() {
        return Err(FormError::key("pad_token_id", "must be a number, but the tokenizer has no token for padding"));
    }
    let before = rows_before(tokens);
    let mut rows = c.context + before;
    fields.count("max_position_embeddings", &mut rows)?;
    c.context = rows.checked_sub(before).filter(|&context| context > 0).ok_or_else(|| {
        let reason = format!("is {rows}, but positions are counted from {before}, one more than pad_token_id");
        FormError::key("max_position_embeddings", reason)
    })?;
    Ok(())
}

pub(super) fn table(c: &MaskedLmConfig, tokens: TokenIds, types: usize) -> Table {
    let (width, inner, vocabulary) = (c.width, c.block().feed_forward, c.vocab_size);
    let words = "roberta.embeddings.word_embeddings.weight";
    let positions = "embeddings.position_embeddings.weight";
    let mut table = Table::default();
    table.same(words, &[vocabulary, width], "embeddings.word_embeddings.weight");
    let before = rows_before(&tokens);
    table.rows_from("roberta.embeddings.position_embeddings.weight", before, [c.context, width], positions);
    table.added_to_rows("roberta.embeddings.token_type_embeddings.weight", [types, width], positions);
    table.norm("roberta.embeddings.LayerNorm", width, "embeddings.LayerNorm");
    for layer in 0..c.layers {
        let theirs = |name: &str| format!("roberta.encoder.layer.{layer}.{name}");
        let ours = |name: &str| format!("encoder.layers.{layer}.{name}");
        for (name, own) in [("query", "q_proj"), ("key", "k_proj"), ("value", "v_proj")] {
            table.linear(
                &theirs(&format!("attention.self.{name}")),
                [width, width],
                &ours(&format!("self_attn.{own}")),
            );
        }
        table.linear(&theirs("attention.output.dense"), [width, width], &ours("self_attn.o_proj"));
        table.norm(&theirs("attention.output.LayerNorm"), width, &ours("input_layernorm"));
        table.linear(&theirs("intermediate.dense"), [inner, width], &ours("mlp.fc1"));
        table.linear(&theirs("output.dense"), [width, inner], &ours("mlp.fc2"));
        table.norm(&theirs("output.LayerNorm"), width, &ours("post_attention_layernorm"));
    }
    table.linear("lm_head.dense", [width, width], "lm_head.dense");
    table.norm("lm_head.layer_norm", width, "lm_head.layer_norm");
    if c.tied {
        table.same("lm_head.bias", &[vocabulary], "lm_head.bias");
        table.copy("lm_head.decoder.bias", "lm_head.bias");
        table.copy("lm_head.decoder.weight", words);
    } else {
        // Version 5 adds the bias of the decoder alone; in older versions the two were one, and files may have the other name only.
        table.same("lm_head.decoder.weight", &[vocabulary, width], "lm_head.decoder.weight");
        table.same("lm_head.decoder.bias", &[vocabulary], "lm_head.bias");
        table.formerly("lm_head.bias", "lm_head.decoder.bias");
    }
    for name in ["embeddings.position_ids", "embeddings.token_type_ids", "pooler.dense.weight", "pooler.dense.bias"] {
        table.unused(format!("roberta.{name}"));
    }
    table
}
