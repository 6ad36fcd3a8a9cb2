//! Names and numbers of parameters, and what a pass costs.

use anther_attention::{AttentionConfig, Position};
use anther_chain::{ChainRule, ChainRules, FactorRule};
use anther_tensor::{Init, ParamSet};
use anther_transformer::{
    Activation, Embeddings, EncoderDecoder, EncoderDecoderConfig, ModelSummary, NormPosition, OutputKind,
};

use super::{build, tiny};

/// Names, and numbers of scalars, without values.
fn parameters(config: &EncoderDecoderConfig) -> (Vec<String>, usize) {
    let mut set = ParamSet::new();
    EncoderDecoder::new(&mut set.root(), config).unwrap();
    let shown = set.specs().iter().map(|spec| format!("{} {:?}", spec.name, spec.shape)).collect();
    (shown, set.specs().iter().map(|spec| spec.shape.numel()).sum())
}

/// The model of arXiv 2305.10991 as its released program builds it, over so many tokens of each side.
fn released(tokens: usize) -> EncoderDecoderConfig {
    EncoderDecoderConfig {
        source_vocabulary: tokens,
        target_vocabulary: tokens,
        encoder_layers: 6,
        decoder_layers: 6,
        heads: 8,
        width: 512,
        context: 100,
        activation: Activation::Relu,
        norm_position: NormPosition::Post,
        attention: AttentionConfig { position: Position::Sinusoidal, ..AttentionConfig::default() },
        ..EncoderDecoderConfig::default()
    }
}

/// The counts of the released program, digit for digit.
#[test]
fn the_counts_are_those_of_the_released_program() {
    let count = |config: &EncoderDecoderConfig| parameters(config).1;
    let frozen = |tokens| EncoderDecoderConfig {
        embeddings: Embeddings::Shared,
        output: OutputKind::Frozen,
        ..released(tokens)
    };
    assert_eq!(count(&released(32_000)), 93_322_496);
    assert_eq!(count(&frozen(32_000)), 60_522_496);
    assert_eq!(count(&frozen(37_000)), 63_082_496);
    let swiglu = EncoderDecoderConfig { activation: Activation::Swiglu, ..frozen(32_000) };
    assert_eq!(count(&swiglu), 60_524_536);
    // Really tied, the matrix that nothing trains there is the table itself.
    assert_eq!(count(&EncoderDecoderConfig { output: OutputKind::Tied, ..frozen(32_000) }), 60_522_496);
    for config in [released(32_000), frozen(32_000)] {
        let kgv = config.attention.clone().with_preset("kgv").unwrap();
        assert_eq!(count(&EncoderDecoderConfig { attention: kgv, ..config.clone() }), count(&config));
    }
}

/// The counts of the released program for its own model, and with tensor chains in the token vectors or the input projections alone.
#[test]
fn the_counts_of_anthe_are_those_of_the_released_program() {
    let count = |config: &EncoderDecoderConfig| parameters(config).1;
    let form = |name| released(32_000).with_preset(name).unwrap();
    assert_eq!(count(&form("transformer-untied")), 93_322_496);
    assert_eq!(count(&form("transformer-frozen-output")), 60_522_496);
    assert_eq!(count(&form("kgv")), 93_322_496);
    assert_eq!(count(&form("anthe")), 30_695_032);
    assert_eq!(count(&form("anthe-256")), 13_876_208);
    let dense = |mut config: EncoderDecoderConfig| {
        config.chains = ChainRules::default();
        config
    };
    assert_eq!(count(&dense(form("anthe"))), 68_912_632);
    let chains = |glob: &[&str], config: EncoderDecoderConfig| {
        let layers = glob.iter().map(|&glob| glob.to_owned()).collect();
        let rule = ChainRule { layers, ratio: Some(0.2), factors: FactorRule::Paper, min_rank: 2, ..ChainRule::of("") };
        EncoderDecoderConfig { chains: ChainRules(vec![rule]), ..config }
    };
    assert_eq!(count(&chains(&["*.embed_tokens.embed"], dense(form("anthe")))), 62_353_912);
    assert_eq!(count(&chains(&["*.embed_tokens"], form("transformer-untied"))), 67_095_296);
    let projections = ["*.q_proj", "*.k_proj", "*.v_proj"];
    assert_eq!(count(&chains(&projections, form("transformer-untied"))), 81_931_520);
}

#[test]
fn rules_of_chains_name_layers_or_say_what_is_near() {
    let refusal = |rule: ChainRule| {
        let config = EncoderDecoderConfig { chains: ChainRules(vec![rule]), ..tiny() };
        let mut set = ParamSet::new();
        EncoderDecoder::new(&mut set.root(), &config).unwrap_err().to_string()
    };
    let nothing = refusal(ChainRule { rank: Some(2), ..ChainRule::of("*.qproj") });
    assert!(nothing.starts_with("model.chains: no layer matches *.qproj; near it are"), "{nothing}");
    assert!(nothing.contains("q_proj"), "{nothing}");
    let nothing = refusal(ChainRule { rank: Some(0), ..ChainRule::of("*.q_proj") });
    assert!(nothing.contains("a rank of 0"), "{nothing}");
    let both = refusal(ChainRule { rank: Some(1), ratio: Some(0.5), ..ChainRule::of("*.q_proj") });
    assert!(both.contains("exactly one"), "{both}");
}

#[test]
fn the_names_are_those_of_hugging_face() {
    let (names, _) = parameters(&EncoderDecoderConfig {
        attention: AttentionConfig { bias: false, ..AttentionConfig::default() },
        ..tiny()
    });
    assert_eq!(
        names,
        [
            "model.encoder.embed_tokens.weight [6, 8]",
            "model.decoder.embed_tokens.weight [5, 8]",
            "model.encoder.embed_positions.weight [9, 8]",
            "model.encoder.layers.0.self_attn_layer_norm.weight [8]",
            "model.encoder.layers.0.self_attn_layer_norm.bias [8]",
            "model.encoder.layers.0.self_attn.q_proj.weight [8, 8]",
            "model.encoder.layers.0.self_attn.k_proj.weight [8, 8]",
            "model.encoder.layers.0.self_attn.v_proj.weight [8, 8]",
            "model.encoder.layers.0.self_attn.o_proj.weight [8, 8]",
            "model.encoder.layers.0.final_layer_norm.weight [8]",
            "model.encoder.layers.0.final_layer_norm.bias [8]",
            "model.encoder.layers.0.fc1.weight [12, 8]",
            "model.encoder.layers.0.fc1.bias [12]",
            "model.encoder.layers.0.fc2.weight [8, 12]",
            "model.encoder.layers.0.fc2.bias [8]",
            "model.encoder.layer_norm.weight [8]",
            "model.encoder.layer_norm.bias [8]",
            "model.decoder.embed_positions.weight [9, 8]",
            "model.decoder.layers.0.self_attn_layer_norm.weight [8]",
            "model.decoder.layers.0.self_attn_layer_norm.bias [8]",
            "model.decoder.layers.0.self_attn.q_proj.weight [8, 8]",
            "model.decoder.layers.0.self_attn.k_proj.weight [8, 8]",
            "model.decoder.layers.0.self_attn.v_proj.weight [8, 8]",
            "model.decoder.layers.0.self_attn.o_proj.weight [8, 8]",
            "model.decoder.layers.0.encoder_attn_layer_norm.weight [8]",
            "model.decoder.layers.0.encoder_attn_layer_norm.bias [8]",
            "model.decoder.layers.0.encoder_attn.q_proj.weight [8, 8]",
            "model.decoder.layers.0.encoder_attn.k_proj.weight [8, 8]",
            "model.decoder.layers.0.encoder_attn.v_proj.weight [8, 8]",
            "model.decoder.layers.0.encoder_attn.o_proj.weight [8, 8]",
            "model.decoder.layers.0.final_layer_norm.weight [8]",
            "model.decoder.layers.0.final_layer_norm.bias [8]",
            "model.decoder.layers.0.fc1.weight [12, 8]",
            "model.decoder.layers.0.fc1.bias [12]",
            "model.decoder.layers.0.fc2.weight [8, 12]",
            "model.decoder.layers.0.fc2.bias [8]",
            "model.decoder.layer_norm.weight [8]",
            "model.decoder.layer_norm.bias [8]",
            "lm_head.weight [5, 8]",
            "lm_head.bias [5]",
        ]
    );
}

#[test]
fn a_joint_vocabulary_has_one_table_and_tying_takes_the_output_away() {
    let joint = EncoderDecoderConfig { target_vocabulary: 6, embeddings: Embeddings::Shared, ..tiny() };
    let (names, count) = parameters(&joint);
    assert_eq!(names[0], "model.shared.weight [6, 8]");
    assert!(names.iter().all(|name| !name.contains("embed_tokens")));
    for output in [OutputKind::Tied, OutputKind::Frozen] {
        let (names, less) = parameters(&EncoderDecoderConfig { output, ..joint.clone() });
        assert!(names.iter().all(|name| !name.starts_with("lm_head")));
        assert_eq!(count - less, 6 * 8 + 6);
    }
}

#[test]
fn the_first_weights_have_the_deviation_that_is_asked_for() {
    let config = EncoderDecoderConfig { init_std: Some(0.02), decoder_layers: 3, ..tiny() };
    let mut set = ParamSet::new();
    EncoderDecoder::new(&mut set.root(), &config).unwrap();
    let std = |name: &str| match set.specs().iter().find(|spec| spec.name == name).unwrap().init {
        Init::Normal { std } => std,
        other => panic!("{name} is {other:?}"),
    };
    for name in ["model.decoder.embed_tokens", "model.decoder.layers.2.self_attn.q_proj", "lm_head"] {
        assert_eq!(std(&format!("{name}.weight")), 0.02, "{name}");
    }
    let config = EncoderDecoderConfig { embedding_std: Some(0.03), ..config };
    let mut other = ParamSet::new();
    EncoderDecoder::new(&mut other.root(), &config).unwrap();
    let changed: Vec<_> = set.specs().iter().zip(other.specs()).filter(|(a, b)| a != b).map(|(_, b)| b.init).collect();
    assert_eq!(changed, [Init::Normal { std: 0.03 }; 2], "the two tables and nothing else");
    // Two parts of one block of the encoder and three parts of three blocks of the decoder write into a residual stream.
    assert_eq!(std("model.encoder.layers.0.fc2.weight"), 0.02 / 2f64.sqrt());
    assert_eq!(std("model.decoder.layers.1.encoder_attn.o_proj.weight"), 0.02 / 3.0);
}

#[test]
fn the_summary_counts_the_products_of_both_sides() {
    let config = tiny();
    let (model, parameters) = build(&config, 1);
    let summary = ModelSummary::measure(&model, &parameters, 3);
    let (d, ff, v, t) = (8, 12, 5, 9);
    // Of one token of the source and one of the target: three attentions, two feed-forward blocks and the output; two products with the keys it sees,
    // which are all of the source, twice, and half of the target and its own.
    let products = 2 * (3 * 4 * d * d + 2 * 2 * d * ff + d * v) + 2 * (4 * d * t) + 2 * d * (t + 1);
    assert_eq!(summary.forward_flops_per_token, products);
    assert_eq!(summary.parameters, parameters.count());
    assert!(summary.activation_bytes > 0);
}
