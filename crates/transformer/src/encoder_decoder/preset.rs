//! The models that arXiv 2305.10991 compares, by name.

use anther_attention::position::sinusoidal::Layout;
use anther_attention::{AttentionConfig, ConfigError, Position};
use anther_chain::{ChainRule, ChainRules, FactorRule};

use super::config::{Embeddings, EncoderDecoderConfig, OutputKind};
use crate::block_config::{Activation, NormKind, NormPosition};
use crate::embedder::EmbeddingKind;

/// Sets what makes a model of that name.
type Part = fn(&mut EncoderDecoderConfig);

/// Names and what they mean, in the order in which messages list them.
const PRESETS: [(&str, Part); 6] = [
    ("transformer-untied", vaswani),
    ("transformer-tied", |c| {
        vaswani(c);
        (c.embeddings, c.output) = (Embeddings::Shared, OutputKind::Tied);
        // A table that is the output too must not begin as short as one that is only read.
        c.embedding_std = None;
    }),
    ("transformer-frozen-output", |c| {
        vaswani(c);
        (c.embeddings, c.output) = (Embeddings::Shared, OutputKind::Frozen);
    }),
    ("kgv", |c| {
        vaswani(c);
        set_kgv(c);
    }),
    ("anthe", anthe),
    ("anthe-256", |c| {
        anthe(c);
        (c.width, c.heads) = (256, 8);
    }),
];

/// The baseline: post-norm, ReLU, sines and cosines in halves, separate tables, an output of its own (Vaswani et al. 2017, as the program released with
/// the paper has it).
fn vaswani(c: &mut EncoderDecoderConfig) {
    (c.norm, c.norm_position, c.norm_affine, c.norm_eps) = (NormKind::LayerNorm, NormPosition::Post, true, 1e-6);
    (c.activation, c.feed_forward, c.bias) = (Activation::Relu, None, true);
    (c.embedding, c.embeddings, c.scale_embedding) = (EmbeddingKind::Learned, Embeddings::Separate, true);
    (c.output, c.output_bias) = (OutputKind::Dense, false);
    c.attention = AttentionConfig {
        position: Position::Sinusoidal,
        sinusoidal_layout: Layout::Halves,
        ..AttentionConfig::default()
    };
    c.chains = ChainRules::default();
}

fn set_kgv(c: &mut EncoderDecoderConfig) {
    c.attention = c.attention.with_preset("kgv").expect("there is a preset of this name");
}

/// KgV in all attentions, SwiGLU, H-SoftPOS of two levels, and tensor chains of two cores in the input projections of attention (ratio .07) and in the
/// feed-forward blocks (.005), with the legs and the least bond of the released program.
fn anthe(c: &mut EncoderDecoderConfig) {
    vaswani(c);
    set_kgv(c);
    c.attention.position = Position::None;
    c.activation = Activation::Swiglu;
    (c.embedding, c.embedding_levels) = (EmbeddingKind::HSoftpos, 2);
    let rule = |layers: &[&str], ratio| ChainRule {
        layers: layers.iter().map(|&glob| glob.to_owned()).collect(),
        ratio: Some(ratio),
        factors: FactorRule::Paper,
        min_rank: 2,
        ..ChainRule::of("")
    };
    c.chains = ChainRules(vec![
        rule(&["*.q_proj", "*.g_proj", "*.v_proj"], 0.07),
        rule(&["*.gate_proj", "*.up_proj", "*.down_proj"], 0.005),
    ]);
}

impl EncoderDecoderConfig {
    /// The names that [`EncoderDecoderConfig::with_preset`] knows.
    pub fn preset_names() -> impl Iterator<Item = &'static str> {
        PRESETS.iter().map(|(name, _)| *name)
    }

    /// This model in the form of one of those that arXiv 2305.10991 compares. Layers, heads, width, context and dropout stay (`anthe-256` has a width of its
    /// own); all that makes the form is set, so each part can be changed alone afterwards.
    ///
    /// | name | what |
    /// |---|---|
    /// | `transformer-untied` | the model of Vaswani et al. 2017 with two tables and an output of its own |
    /// | `transformer-tied` | the same with one table for source, target and output |
    /// | `transformer-frozen-output` | one table, and an output that is a copy of its first values and never learns: the baseline of the released program |
    /// | `kgv` | `transformer-untied` with KgV in all attentions |
    /// | `anthe` | KgV, SwiGLU, H-SoftPOS with two levels, tensor chains in q, g, v and the feed-forward blocks |
    /// | `anthe-256` | the same of width 256 |
    ///
    /// # Errors
    /// For a name that is not one of these.
    pub fn with_preset(&self, name: &str) -> Result<Self, ConfigError> {
        let Some((_, set)) = PRESETS.iter().find(|(known, _)| *known == name) else {
            let known: Vec<_> = EncoderDecoderConfig::preset_names().collect();
            let shown: String = name.chars().take(40).flat_map(char::escape_debug).collect();
            let reason = format!("there is no preset `{shown}`; choose from {}", known.join(", "));
            return Err(ConfigError::new("model", reason));
        };
        let mut config = self.clone();
        set(&mut config);
        Ok(config)
    }
}
