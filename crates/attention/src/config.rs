//! What an attention layer is made of, as data that can be written in a recipe.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::after::After;
use crate::condition::{self, Condition};
use crate::position::alibi::Slopes;
use crate::position::{Pairing, Position, sinusoidal};
use crate::project::Project;
use crate::score::ScoreConfig;
use crate::sparse::SparseConfig;

/// Why a configuration cannot be built.
#[derive(Clone, Debug, PartialEq, Error)]
#[error("{key}: {reason}")]
pub struct ConfigError {
    /// The key of the configuration, such as `model.heads`.
    pub key: String,
    /// What is wrong with it and how to mend it.
    pub reason: String,
}

impl ConfigError {
    /// An error about a key.
    pub fn new(key: &str, reason: impl Into<String>) -> Self {
        ConfigError { key: key.to_owned(), reason: reason.into() }
    }
}

/// How scores become weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weighing {
    /// [`crate::Softmax`]
    #[default]
    Softmax,
    /// [`crate::Expressive`]
    Expressive,
    /// [`crate::linear_attention`] of φ(q) and φ(k), φ = elu + 1: no score, and a state instead of keys and values.
    Linear,
    /// [`crate::Sigmoid`]
    Sigmoid,
    /// [`crate::ReluPower`] with the power 1.
    Relu,
    /// [`crate::ReluPower`] with the power 2.
    ReluSquared,
}

/// The slots of an attention layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AttentionConfig {
    /// How a query meets a key.
    pub score: ScoreConfig,
    /// How scores become weights.
    pub weighing: Weighing,
    /// Whether each head learns the score of a key without a value, which takes its share of a softmax; see [`crate::Softmax`].
    pub sinks: bool,
    /// The factor c of the scores that have one, all but cosine and neural; without it 1/√d. The program that expressive attention was read from uses 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
    /// The ε of expressive and of linear attention, above 0: it keeps a sum of tiny weights a number that can be divided by.
    pub eps: f64,
    /// How the order of tokens is known.
    pub position: Position,
    /// The columns of sinusoidal positions.
    pub sinusoidal_layout: sinusoidal::Layout,
    /// The slopes of ALiBi.
    pub alibi_slopes: Slopes,
    /// The base of the angles of rotary positions.
    pub rotary_base: f64,
    /// The coordinates that rotary positions pair up.
    pub rotary_pairing: Pairing,
    /// How many keys a query sees at most, its own included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<usize>,
    /// The probability of dropout on the weights.
    pub dropout: f64,
    /// Whether the projections have biases.
    pub bias: bool,
    /// What happens to queries and keys between projection and score.
    pub condition: Vec<Condition>,
    /// How tokens become queries, keys and values, and heads tokens again.
    pub project: Project,
    /// What happens after mixing.
    pub after: After,
    /// Which blocks of tokens see each other, if not all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sparse: Option<SparseConfig>,
    /// The layers of a model with this mechanism, counted from 0; all if none is listed. The others have softmax attention to scaled dot products, with the
    /// same positions, biases and dropout. An encoder and a decoder are counted each for itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<usize>,
}

impl Default for AttentionConfig {
    fn default() -> Self {
        AttentionConfig {
            score: ScoreConfig::default(),
            weighing: Weighing::Softmax,
            sinks: false,
            scale: None,
            eps: 1e-6,
            position: Position::Learned,
            sinusoidal_layout: sinusoidal::Layout::Interleaved,
            alibi_slopes: Slopes::Press,
            rotary_base: 10_000.0,
            rotary_pairing: Pairing::Halves,
            window: None,
            dropout: 0.0,
            bias: true,
            condition: Vec::new(),
            project: Project::default(),
            after: After::default(),
            sparse: None,
            layers: Vec::new(),
        }
    }
}

impl AttentionConfig {
    /// The attention of the layer of this number.
    #[must_use]
    pub fn of_layer(&self, layer: usize) -> Self {
        if self.layers.is_empty() || self.layers.contains(&layer) { self.clone() } else { self.without_mechanism() }
    }

    /// Checks that a model of so many layers has all that are listed.
    pub fn validate_layers(&self, layers: usize) -> Result<(), ConfigError> {
        match self.layers.iter().find(|&&layer| layer >= layers) {
            None => Ok(()),
            Some(layer) => Err(ConfigError::new(
                "model.attention.layers",
                format!("there is no layer {layer}; the {layers} layers are counted from 0"),
            )),
        }
    }

    /// Checks that layers of `width` and `heads` can be built. Every error names its key below `model`.
    pub fn validate(&self, width: usize, heads: usize) -> Result<(), ConfigError> {
        let refuse = |key: &str, reason: String| Err(ConfigError::new(key, reason));
        if heads == 0 || width == 0 || !width.is_multiple_of(heads) {
            return refuse(
                "model.heads",
                format!("{heads} heads do not divide a width of {width}; choose a divisor of model.width"),
            );
        }
        let d = width / heads;
        if self.position == Position::Rotary && !d.is_multiple_of(2) {
            return refuse(
                "model.attention.position",
                format!(
                    "rotary positions pair up coordinates, but a head of width {d} is odd; change model.width or model.heads"
                ),
            );
        }
        if !((self.rotary_base as f32).is_finite() && self.rotary_base > 1.0) {
            return refuse(
                "model.attention.rotary_base",
                format!("{} is not a finite number above 1", self.rotary_base),
            );
        }
        if let Some(scale) = self.scale
            && !((scale as f32).is_normal() && scale > 0.0)
        {
            return refuse("model.attention.scale", format!("{scale} is not a positive number that f32 holds"));
        }
        if !((self.eps as f32).is_normal() && self.eps > 0.0) {
            return refuse(
                "model.attention.eps",
                format!("{} is not a positive number that f32 holds; choose one such as 1e-6", self.eps),
            );
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return refuse("model.attention.dropout", format!("{} is not in [0, 1)", self.dropout));
        }
        if self.window == Some(0) {
            return refuse(
                "model.attention.window",
                "a window of 0 keys sees nothing; choose at least 1 or leave it out".into(),
            );
        }
        if self.weighing == Weighing::Linear {
            self.validate_linear()?;
        }
        if self.pools() {
            self.validate_pooling()?;
        }
        let keeps_shifts = self.weighing != Weighing::Softmax || self.sinks || self.score != ScoreConfig::default();
        if (keeps_shifts && self.weighing != Weighing::Linear)
            && self.condition.iter().any(|condition| matches!(condition, Condition::BatchNorm(_)))
        {
            return refuse(
                "model.attention.condition",
                "batch-norm moves all dot products of a query alike, which only a softmax without sinks does not see; use it with \
                 weighing = \"softmax\", sinks = false and the dot score"
                    .into(),
            );
        }
        if self.sinks && self.weighing != Weighing::Softmax {
            return refuse(
                "model.attention.sinks",
                "a sink takes its share of a softmax; use it with weighing = \"softmax\" or set it to false".into(),
            );
        }
        if let Some(sparse) = &self.sparse {
            sparse.validate()?;
            self.validate_sparse()?;
        }
        self.score.validate()?;
        self.validate_score()?;
        self.project.validate(heads)?;
        condition::validate(&self.condition, heads)?;
        self.after.validate()
    }

    /// Checks, beside [`AttentionConfig::validate`], that keys and values may come from another sequence than queries.
    pub fn validate_across(&self, width: usize, heads: usize) -> Result<(), ConfigError> {
        self.validate(width, heads)?;
        let refuse = |key: &str, reason: &str| Err(ConfigError::new(key, reason));
        if matches!(self.position, Position::Alibi | Position::Relative | Position::Rotary) {
            return refuse(
                "model.attention.position",
                "distances between two sequences mean nothing; use none, learned or sinusoidal",
            );
        }
        if self.window.is_some() {
            return refuse("model.attention.window", "a window over another sequence means nothing; leave it out");
        }
        if self.sparse.is_some() {
            return refuse("model.attention.sparse", "blocks of two sequences are not near each other; leave it out");
        }
        self.project.validate_across()
    }

    /// Checks, beside [`AttentionConfig::validate`], that a cache lets the layer decode token by token. Without that, new tokens need an empty cache
    /// and the whole sequence.
    pub fn validate_decoding(&self) -> Result<(), ConfigError> {
        if self.condition.iter().any(|condition| matches!(condition, Condition::Convolution(_))) {
            return Err(ConfigError::new(
                "model.attention.condition",
                "a convolution reads tokens before it, which a cache does not hold; give the whole sequence at once",
            ));
        }
        self.validate_causal()?;
        Ok(())
    }

    /// The factor on the dot product for heads of width `d`.
    pub fn score_scale(&self, d: usize) -> f64 {
        self.scale.unwrap_or_else(|| (d as f64).sqrt().recip())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::after::CentredConfig;
    use crate::condition::{BatchNormConfig, ConvolutionConfig};
    use crate::project::{GateConfig, GateOrder, LinearConfig, MlpConfig, Role};
    use crate::score::{CosineConfig, NeuralConfig};

    /// The refusal of a configuration that differs from the default.
    pub(crate) fn message(change: impl FnOnce(&mut AttentionConfig), width: usize, heads: usize) -> String {
        let mut config = AttentionConfig::default();
        change(&mut config);
        config.validate(width, heads).unwrap_err().to_string()
    }

    #[test]
    fn the_default_is_valid() {
        assert_eq!(AttentionConfig::default().validate(8, 2), Ok(()));
    }

    #[test]
    fn a_refusal_names_the_key_and_the_reason() {
        assert!(message(|_| (), 10, 3).starts_with("model.heads: 3 heads do not divide a width of 10"));
        assert!(message(|_| (), 10, 0).starts_with("model.heads"));
        assert!(message(|c| c.position = Position::Rotary, 6, 2).contains("a head of width 3 is odd"));
        assert!(message(|c| c.scale = Some(0.0), 8, 2).starts_with("model.attention.scale"));
        for eps in [f64::NAN, 0.0, -1.0, 1e-40, 1e39] {
            assert!(message(|c| c.eps = eps, 8, 2).starts_with("model.attention.eps"), "{eps}");
        }
        assert!(message(|c| c.dropout = 1.0, 8, 2).starts_with("model.attention.dropout"));
        assert!(message(|c| c.window = Some(0), 8, 2).starts_with("model.attention.window"));
        assert!(message(|c| c.rotary_base = 1.0, 8, 2).starts_with("model.attention.rotary_base"));
    }

    #[test]
    fn a_refusal_of_a_slot_names_the_slot() {
        let gelu = |maps| Project::Mlp(MlpConfig { maps, ..MlpConfig::default() });
        let grouped = |kv_heads| Project::Linear(LinearConfig { kv_heads: Some(kv_heads) });
        let bn = |change: fn(&mut BatchNormConfig)| {
            let mut config = BatchNormConfig::default();
            change(&mut config);
            Condition::BatchNorm(config)
        };
        let project = "model.attention.project";
        assert!(message(|c| c.project = gelu(vec![]), 8, 2).starts_with(&format!("{project}.maps: no map")));
        let twice = vec![Role::Key, Role::Key];
        assert!(
            message(|c| c.project = gelu(twice), 8, 2).starts_with(&format!("{project}.maps: a map is named twice"))
        );
        let empty = Project::Mlp(MlpConfig { hidden: Some(0), ..MlpConfig::default() });
        assert!(message(|c| c.project = empty, 8, 2).starts_with(&format!("{project}.hidden: 0 is not between 1")));
        assert!(message(|c| c.project = grouped(0), 8, 2).starts_with(&format!("{project}.kv_heads: 0 do not divide")));
        assert!(message(|c| c.project = grouped(3), 8, 4).starts_with(&format!("{project}.kv_heads: 3 do not divide")));
        let condition = "model.attention.condition";
        assert!(message(|c| c.condition = vec![bn(|c| c.eps = 0.0)], 8, 2).starts_with(condition));
        assert!(message(|c| c.condition = vec![bn(|c| c.beta = f64::NAN)], 8, 2).starts_with(condition));
        assert!(message(|c| c.condition = vec![bn(|_| ()), bn(|c| c.beta = 0.5)], 8, 2).contains("twice"));
        let long = vec![Condition::Convolution(ConvolutionConfig { taps: 0 })];
        assert!(message(|c| c.condition = long, 8, 2).contains("0 taps is not between 1 and"));
        let expressive = message(|c| (c.weighing, c.condition) = (Weighing::Expressive, vec![bn(|_| ())]), 8, 2);
        assert!(expressive.contains("use it with weighing = \"softmax\""), "{expressive}");
        let neural = ScoreConfig::Neural(NeuralConfig::default());
        assert!(message(|c| (c.score, c.condition) = (neural, vec![bn(|_| ())]), 8, 2).contains("the dot score"));
        assert!(message(|c| (c.sinks, c.weighing) = (true, Weighing::Relu), 8, 2).starts_with("model.attention.sinks"));
        let neural = ScoreConfig::Neural(NeuralConfig { width: 0, ..NeuralConfig::default() });
        assert!(message(|c| c.score = neural, 8, 2).starts_with("model.attention.score.width: 0 is not between"));
        let cosine = ScoreConfig::Cosine(CosineConfig { temperature: f64::NAN });
        assert!(message(|c| c.score = cosine, 8, 2).starts_with("model.attention.score.temperature"));
        let gain = After::Centred(CentredConfig { gain: f64::INFINITY, learned: false });
        assert!(message(|c| c.after = gain, 8, 2).starts_with("model.attention.after.gain"));
    }

    #[test]
    fn what_means_nothing_across_sequences_is_refused_there() {
        let across = |change: &dyn Fn(&mut AttentionConfig)| {
            let mut config = AttentionConfig::default();
            change(&mut config);
            assert_eq!(config.validate(8, 2), Ok(()));
            config.validate_across(8, 2).map_err(|error| error.to_string())
        };
        for order in GateOrder::ALL {
            let result = across(&|c| c.project = Project::Gate(GateConfig { order, ..GateConfig::default() }));
            match order {
                GateOrder::KgV | GateOrder::VgK => assert_eq!(result, Ok(())),
                GateOrder::QgV | GateOrder::QgK => assert!(result.unwrap_err().contains("see its own future")),
                GateOrder::KgQ | GateOrder::VgQ => assert!(result.unwrap_err().contains("unrelated token")),
            }
        }
        assert!(across(&|c| c.position = Position::Rotary).unwrap_err().starts_with("model.attention.position"));
        assert!(across(&|c| c.window = Some(2)).unwrap_err().starts_with("model.attention.window"));
        assert_eq!(across(&|_| ()), Ok(()));
    }
}
