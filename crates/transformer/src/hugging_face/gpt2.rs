//! `GPT2LMHeadModel`: pre-norm blocks under a causal mask, learned positions, weights transposed (`Conv1D`) and query, key and value in one.

use super::fields::Fields;
use super::table::Table;
use super::{FormError, TokenIds};
use crate::config::CausalLmConfig;

/// What no key changes.
pub(super) fn template() -> CausalLmConfig {
    CausalLmConfig::default()
}

pub(super) fn bind(fields: &mut Fields<'_>, c: &mut CausalLmConfig, tokens: &mut TokenIds) -> Result<(), FormError> {
    fields.count("vocab_size", &mut c.vocab_size)?;
    fields.count("n_positions", &mut c.context)?;
    fields.count("n_embd", &mut c.width)?;
    fields.count("n_layer", &mut c.layers)?;
    fields.count("n_head", &mut c.heads)?;
    fields.optional_count("n_inner", &mut c.feed_forward)?;
    fields.activation("activation_function", "gelu_new", &mut c.activation)?;
    fields.number("layer_norm_epsilon", 1e-5, &mut c.norm_eps)?;
    fields.number("resid_pdrop", 0.1, &mut c.dropout)?;
    fields.number("attn_pdrop", 0.1, &mut c.attention.dropout)?;
    // One probability for both here.
    fields.left_alone(&["embd_pdrop"]);
    fields.put("embd_pdrop", c.dropout);
    fields.flag("tie_word_embeddings", true, &mut c.tied)?;
    let mut divided = c.attention.scale.is_none();
    fields.flag("scale_attn_weights", true, &mut divided)?;
    if fields.reads() {
        c.attention.scale = (!divided).then_some(1.0);
    }
    fields.fixed("scale_attn_by_inverse_layer_idx", false)?;
    fields.fixed("add_cross_attention", false)?;
    fields.tokens(tokens)
}

pub(super) fn table(c: &CausalLmConfig) -> Table {
    let (width, inner) = (c.width, c.feed_forward());
    let mut table = Table::prefixed("transformer.");
    table.same("transformer.wte.weight", &[c.vocab_size, width], "model.embed_tokens.weight");
    table.same("transformer.wpe.weight", &[c.context, width], "model.embed_positions.weight");
    for layer in 0..c.layers {
        let theirs = |name: &str| format!("transformer.h.{layer}.{name}");
        let ours = |name: &str| format!("model.layers.{layer}.{name}");
        let attention = ["q_proj", "k_proj", "v_proj"].map(|name| ours(&format!("self_attn.{name}")));
        table.norm(&theirs("ln_1"), width, &ours("input_layernorm"));
        table.columns(&theirs("attn.c_attn"), [width, width], &attention);
        table.columns(&theirs("attn.c_proj"), [width, width], &[ours("self_attn.o_proj")]);
        table.norm(&theirs("ln_2"), width, &ours("post_attention_layernorm"));
        table.columns(&theirs("mlp.c_fc"), [width, inner], &[ours("mlp.fc1")]);
        table.columns(&theirs("mlp.c_proj"), [inner, width], &[ours("mlp.fc2")]);
        // The causal mask, which older files hold.
        table.unused(theirs("attn.bias"));
        table.unused(theirs("attn.masked_bias"));
    }
    table.norm("transformer.ln_f", width, "model.norm");
    if c.tied {
        table.copy("lm_head.weight", "transformer.wte.weight");
    } else {
        table.same("lm_head.weight", &[c.vocab_size, width], "lm_head.weight");
    }
    table
}
