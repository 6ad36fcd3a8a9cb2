//! Mechanisms by name.

use crate::after::{After, CentredConfig};
use crate::condition::{BatchNormConfig, Condition, ConvolutionConfig, PoolingConfig, QkNormConfig};
use crate::config::{AttentionConfig, ConfigError, Weighing};
use crate::project::{GateConfig, GateForm, GateOrder, LinearConfig, MlpConfig, Project};
use crate::score::{CosineConfig, NeuralConfig, ScoreConfig};
use crate::sparse::SparseConfig;

/// The keys a query sees under the preset `window`.
const WINDOW: usize = 16;

/// Sets the slots of a preset.
type Part = fn(&mut AttentionConfig);

/// Names and what they mean, in the order in which messages list them.
const PRESETS: [(&str, Part); 29] = [
    ("dot", |_| ()),
    ("multi-query", |c| c.project = Project::Linear(LinearConfig { kv_heads: Some(1) })),
    ("mlp-qkv-marian", |c| c.project = Project::Mlp(MlpConfig::marian())),
    ("mlp-qkv-roberta", |c| c.project = Project::Mlp(MlpConfig::roberta())),
    ("mlp-qkv", |c| c.project = Project::Mlp(MlpConfig::qkv())),
    ("kgv", |c| c.project = Project::Gate(GateConfig::default())),
    ("kgv-projected", |c| {
        c.project = Project::Gate(GateConfig { order: GateOrder::KgV, form: GateForm::Projected });
    }),
    ("conv", |c| c.condition.push(Condition::Convolution(ConvolutionConfig::default()))),
    ("qk-norm", |c| c.condition.push(Condition::QkNorm(QkNormConfig::default()))),
    ("bn", |c| c.condition.push(Condition::BatchNorm(BatchNormConfig::default()))),
    ("bn-learned", |c| {
        c.condition.push(Condition::BatchNorm(BatchNormConfig { learned: true, ..BatchNormConfig::default() }));
    }),
    ("sh", |c| c.condition.push(Condition::Pooling(PoolingConfig::default()))),
    ("bn-sh", |c| {
        let pooling = Condition::Pooling(PoolingConfig::default());
        c.condition.extend([pooling, Condition::BatchNorm(BatchNormConfig::default())]);
    }),
    ("neural", |c| c.score = ScoreConfig::Neural(NeuralConfig::default())),
    ("neural-formula", |c| {
        c.score = ScoreConfig::Neural(NeuralConfig { second_layer: false, ..NeuralConfig::default() });
    }),
    ("squared-dot", |c| c.score = ScoreConfig::SquaredDot {}),
    ("distance", |c| c.score = ScoreConfig::Distance {}),
    ("yat", |c| c.score = ScoreConfig::Yat {}),
    ("cosine", |c| c.score = ScoreConfig::Cosine(CosineConfig::default())),
    ("expressive", |c| c.weighing = Weighing::Expressive),
    ("sigmoid", |c| c.weighing = Weighing::Sigmoid),
    ("relu", |c| c.weighing = Weighing::Relu),
    ("relu-squared", |c| c.weighing = Weighing::ReluSquared),
    ("linear", |c| c.weighing = Weighing::Linear),
    ("sinks", |c| c.sinks = true),
    ("centred", |c| c.after = After::Centred(CentredConfig::default())),
    ("output-gate", |c| c.after = After::OutputGate {}),
    ("window", |c| c.window = Some(WINDOW)),
    ("block-sparse", |c| c.sparse = Some(SparseConfig::default())),
];

impl AttentionConfig {
    /// The names that [`AttentionConfig::preset`] knows.
    pub fn preset_names() -> impl Iterator<Item = &'static str> {
        PRESETS.iter().map(|(name, _)| *name)
    }

    /// A mechanism by name, or several joined by `+`, such as `kgv+expressive`: everything else has its default.
    ///
    /// # Errors
    /// As [`AttentionConfig::with_preset`].
    ///
    /// ```
    /// use anther_attention::{AttentionConfig, Weighing};
    ///
    /// let config = AttentionConfig::preset("kgv+expressive").unwrap();
    /// assert_eq!(config.weighing, Weighing::Expressive);
    /// assert!(AttentionConfig::preset("keys").unwrap_err().to_string().contains("kgv, "));
    /// ```
    pub fn preset(name: &str) -> Result<Self, ConfigError> {
        AttentionConfig::default().with_preset(name)
    }

    /// This configuration with another mechanism: the slots project, condition, score, weighing, sinks, after, window and sparse are those of the
    /// preset and nothing else, while positions, biases, dropout and the rest stay. The factor on the scores stays if score and weighing do; it was chosen
    /// for them.
    ///
    /// # Errors
    /// For an unknown name, which lists the known ones, and for two names that want the same slot.
    pub fn with_preset(&self, name: &str) -> Result<Self, ConfigError> {
        let refuse = |reason: String| Err(ConfigError::new("attention", reason));
        let plain = AttentionConfig::default();
        let mut config = AttentionConfig { scale: self.scale, layers: self.layers.clone(), ..self.without_mechanism() };
        for part in name.split('+').map(str::trim) {
            let Some((_, set)) = PRESETS.iter().find(|(known, _)| *known == part) else {
                let known: Vec<&str> = AttentionConfig::preset_names().collect();
                let shown: String = part.chars().take(40).flat_map(char::escape_debug).collect();
                return refuse(format!(
                    "there is no preset `{shown}`; choose from {}, or join some with +",
                    known.join(", ")
                ));
            };
            let mut alone = plain.clone();
            set(&mut alone);
            if let Some(slot) = shared_slot(&config, &alone) {
                return refuse(format!("`{part}` is not the first of the presets that set {slot}; keep one of them"));
            }
            set(&mut config);
        }
        if config.weighing != self.weighing || config.score != self.score {
            config.scale = None;
        }
        Ok(config)
    }

    /// This configuration with softmax attention to scaled dot products in the place of its mechanism; positions, biases and dropout stay.
    #[must_use]
    pub fn without_mechanism(&self) -> Self {
        let plain = AttentionConfig::default();
        AttentionConfig {
            project: plain.project,
            condition: plain.condition,
            score: plain.score,
            weighing: plain.weighing,
            sinks: plain.sinks,
            scale: plain.scale,
            after: plain.after,
            window: plain.window,
            sparse: plain.sparse,
            layers: plain.layers,
            ..self.clone()
        }
    }
}

/// The slot that both configurations change.
fn shared_slot(a: &AttentionConfig, b: &AttentionConfig) -> Option<&'static str> {
    let plain = AttentionConfig::default();
    let kind = std::mem::discriminant::<Condition>;
    let condition = b.condition.iter().any(|new| a.condition.iter().any(|old| kind(old) == kind(new)));
    let both = [
        ("project", a.project != plain.project && b.project != plain.project),
        ("condition", condition),
        ("score", a.score != plain.score && b.score != plain.score),
        ("sinks", a.sinks && b.sinks),
        ("weighing", a.weighing != plain.weighing && b.weighing != plain.weighing),
        ("after", a.after != plain.after && b.after != plain.after),
        ("window", a.window.is_some() && b.window.is_some()),
        ("sparse", a.sparse.is_some() && b.sparse.is_some()),
    ];
    both.into_iter().find_map(|(slot, both)| both.then_some(slot))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(name: &str) -> String {
        AttentionConfig::preset(name).unwrap_err().to_string()
    }

    #[test]
    fn every_preset_is_valid_and_no_two_are_the_same() {
        let configs: Vec<_> =
            AttentionConfig::preset_names().map(|name| AttentionConfig::preset(name).unwrap()).collect();
        for (i, config) in configs.iter().enumerate() {
            assert_eq!(config.validate(8, 2), Ok(()));
            assert!(!configs[..i].contains(config), "{config:?}");
        }
        assert_eq!(configs[0], AttentionConfig::default());
    }

    #[test]
    fn parts_combine_unless_they_want_the_same_slot() {
        let all = AttentionConfig::preset("kgv+qk-norm+bn+centred+window").unwrap();
        assert_eq!((all.condition.len(), all.window), (2, Some(WINDOW)));
        let scored = AttentionConfig::preset("neural+expressive+kgv").unwrap();
        assert_eq!((scored.validate(8, 2), scored.weighing), (Ok(()), Weighing::Expressive));
        assert!(refusal("neural+yat").contains("score"));
        assert!(refusal("sinks+sinks").contains("sinks"));
        assert_eq!(all.validate(8, 2), Ok(()));
        assert!(refusal("kgv+mlp-qkv").contains("`mlp-qkv` is not the first of the presets that set project"));
        assert!(refusal("bn+bn-learned").contains("condition"));
        assert!(refusal("centred+output-gate").contains("after"));
        assert!(refusal("window+window").contains("window"));
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let message = refusal("dot+softmaks");
        assert!(message.contains("no preset `softmaks`; choose from dot, multi-query,"), "{message}");
        assert!(refusal("").contains("no preset ``"));
        assert!(refusal(&"x\n".repeat(100)).len() < 500);
    }

    #[test]
    fn what_a_preset_does_not_set_stays() {
        let recipe = AttentionConfig {
            weighing: Weighing::Expressive,
            scale: Some(0.1),
            dropout: 0.2,
            window: Some(3),
            ..AttentionConfig::default()
        };
        let dot = recipe.with_preset("dot").unwrap();
        assert_eq!(dot, AttentionConfig { dropout: 0.2, ..AttentionConfig::default() });
        assert_eq!(recipe.with_preset("expressive+kgv").unwrap().scale, Some(0.1));
    }
}
