//! Names and shapes of parameters are part of the interface: checkpoints are read by them.

use anther_tensor::{ParamSet, Parameters};
use anther_transformer::{Activation, CausalLm, CausalLmConfig, ModelSummary};

fn specs(config: &CausalLmConfig) -> Vec<String> {
    let mut set = ParamSet::new();
    CausalLm::new(&mut set.root(), config).unwrap();
    set.specs().iter().map(|spec| format!("{} {:?}", spec.name, spec.shape)).collect()
}

fn tiny() -> CausalLmConfig {
    CausalLmConfig { vocab_size: 5, layers: 1, heads: 2, width: 4, context: 6, ..CausalLmConfig::default() }
}

#[test]
fn the_names_are_those_of_hugging_face() {
    assert_eq!(
        specs(&tiny()),
        [
            "model.embed_tokens.weight [5, 4]",
            "model.embed_positions.weight [6, 4]",
            "model.layers.0.input_layernorm.weight [4]",
            "model.layers.0.input_layernorm.bias [4]",
            "model.layers.0.self_attn.q_proj.weight [4, 4]",
            "model.layers.0.self_attn.q_proj.bias [4]",
            "model.layers.0.self_attn.k_proj.weight [4, 4]",
            "model.layers.0.self_attn.k_proj.bias [4]",
            "model.layers.0.self_attn.v_proj.weight [4, 4]",
            "model.layers.0.self_attn.v_proj.bias [4]",
            "model.layers.0.self_attn.o_proj.weight [4, 4]",
            "model.layers.0.self_attn.o_proj.bias [4]",
            "model.layers.0.post_attention_layernorm.weight [4]",
            "model.layers.0.post_attention_layernorm.bias [4]",
            "model.layers.0.mlp.fc1.weight [16, 4]",
            "model.layers.0.mlp.fc1.bias [16]",
            "model.layers.0.mlp.fc2.weight [4, 16]",
            "model.layers.0.mlp.fc2.bias [4]",
            "model.norm.weight [4]",
            "model.norm.bias [4]",
            "lm_head.weight [5, 4]",
        ]
    );
    let gated = CausalLmConfig { activation: Activation::Swiglu, bias: false, tied: true, ..tiny() };
    let names = specs(&gated);
    assert!(names.contains(&"model.layers.0.mlp.gate_proj.weight [16, 4]".to_owned()));
    assert!(names.contains(&"model.layers.0.mlp.up_proj.weight [16, 4]".to_owned()));
    assert!(names.contains(&"model.layers.0.mlp.down_proj.weight [4, 16]".to_owned()));
    assert!(!names.iter().any(|name| name.starts_with("lm_head")), "a tied model has no output matrix of its own");
}

#[test]
fn the_summary_counts_products_and_parameters() {
    let config = tiny();
    let mut set = ParamSet::new();
    let model = CausalLm::new(&mut set.root(), &config).unwrap();
    let parameters = Parameters::initialise(&set, 1);
    let summary = ModelSummary::measure(&model, &parameters, 2);
    let (d, ff, v, t) = (4, 16, 5, 6);
    // Projections, feed-forward and output of one token, and the two products with the keys it sees: half of them, and its own.
    assert_eq!(summary.forward_flops_per_token, 2 * (4 * d * d + 2 * d * ff + d * v) + 2 * d * (t + 1));
    assert_eq!(summary.parameters, parameters.count());
    assert_eq!(summary.rows.len(), set.specs().len());
    assert!(summary.activation_bytes > 0);
}
