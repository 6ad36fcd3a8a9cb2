//! The score of a layer: its settings, its parameters, and what it makes of queries and keys before the tiles.

use anther_tensor::layers::Linear;
use anther_tensor::{Element, Init, ParamId, Scope, Var};
use serde::{Deserialize, Serialize};

use super::{Neural, ScoreActivation};
use crate::config::ConfigError;
use crate::sight::Sight;

/// How a query meets a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ScoreConfig {
    /// [`crate::ScaledDot`]
    Dot {},
    /// [`crate::SquaredDot`]
    SquaredDot {},
    /// [`crate::Distance`]
    Distance {},
    /// [`crate::Yat`]
    Yat {},
    /// `s_ij = τ_h ⟨q_i, k_j⟩ / (|q_i| |k_j|)`, with a factor τ for each head that is learned (Liu et al. 2022, arXiv 2111.09883, without its bound on τ).
    Cosine(CosineConfig),
    /// [`Neural`]
    Neural(NeuralConfig),
}

impl Default for ScoreConfig {
    fn default() -> Self {
        ScoreConfig::Dot {}
    }
}

/// Settings of the cosine score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CosineConfig {
    /// The first value of τ.
    pub temperature: f64,
}

impl Default for CosineConfig {
    fn default() -> Self {
        CosineConfig { temperature: 10.0 }
    }
}

/// Settings of the neural score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NeuralConfig {
    /// The width d′ to which queries and keys are projected first, and the units of the first hidden layer. The released program has ⌊d/32⌋, which is 2 or
    /// 3, and of which a third are born dead: all pairs on the flat side of the ReLU, no gradient. 8 is ours.
    pub width: usize,
    /// Whether there is a second hidden layer, of ⌊d′/2⌋ units, as in the released program. The printed formula has one hidden layer.
    pub second_layer: bool,
    /// The function between layers.
    pub activation: ScoreActivation,
    /// The first value of b₂ (of b₁ without a second layer), if it is not drawn like the others: 0.5 keeps pairs alive at the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bias_init: Option<f64>,
}

impl Default for NeuralConfig {
    fn default() -> Self {
        NeuralConfig { width: 8, second_layer: true, activation: ScoreActivation::Relu, bias_init: None }
    }
}

impl ScoreConfig {
    /// Checks the settings.
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let refuse = |key: &str, reason: String| Err(ConfigError::new(&format!("model.attention.score.{key}"), reason));
        match self {
            ScoreConfig::Cosine(config) if !((config.temperature as f32).is_normal() && config.temperature > 0.0) => {
                refuse("temperature", format!("{} is not a positive number that f32 holds", config.temperature))
            }
            ScoreConfig::Neural(config) if !(1..=256).contains(&config.width) => {
                refuse("width", format!("{} is not between 1 and 256", config.width))
            }
            ScoreConfig::Neural(NeuralConfig { bias_init: Some(bias), .. }) if !(*bias as f32).is_finite() => {
                refuse("bias_init", format!("{bias} is not a finite number that f32 holds"))
            }
            _ => Ok(()),
        }
    }
}

/// What the tiles get in the places of queries and keys, and the numbers that all pairs share.
pub(crate) struct Features<'t, T: Element> {
    pub(crate) queries: Var<'t, T>,
    pub(crate) keys: Var<'t, T>,
    pub(crate) params: Option<Var<'t, T>>,
}

/// The parameters of a score.
#[derive(Clone, Debug)]
pub(crate) enum ScoreLayer {
    /// None.
    Plain,
    /// τ, `[heads]`.
    Cosine {
        temperature: ParamId,
    },
    Neural(NeuralLayer),
}

/// The network of a neural score: projections to d′, the first layer `hidden` `[h, 2 d′]`, the second and the last.
#[derive(Clone, Debug)]
pub(crate) struct NeuralLayer {
    q_down: Linear,
    k_down: Linear,
    hidden: Linear,
    second: Option<Linear>,
    out: Linear,
    width: usize,
}

impl NeuralLayer {
    /// All weights and biases are uniform on ±1/√fan_in, as in the released program.
    fn new(scope: &mut Scope<'_>, config: &NeuralConfig, d: usize) -> Self {
        let width = config.width;
        let linear = |scope: &mut Scope<'_>, name: &str, inputs: usize, outputs: usize, bias: Option<f64>| {
            let mut scope = scope.child(name);
            let init = Init::Uniform { bound: (inputs as f64).sqrt().recip() };
            let weight = scope.weight([outputs, inputs], init);
            Linear { weight, bias: Some(scope.param("bias", [outputs], bias.map_or(init, Init::Constant))) }
        };
        let last_bias = config.bias_init;
        let second = (width / 2).max(1);
        NeuralLayer {
            q_down: linear(scope, "q_down", d, width, None),
            k_down: linear(scope, "k_down", d, width, None),
            hidden: linear(scope, "hidden", 2 * width, width, last_bias.filter(|_| !config.second_layer)),
            second: config.second_layer.then(|| linear(scope, "second", width, second, last_bias)),
            out: linear(scope, "out", if config.second_layer { second } else { width }, 1, None),
            width,
        }
    }

    fn features<'t, T: Element>(&self, queries: &Var<'t, T>, keys: &Var<'t, T>) -> Features<'t, T> {
        let weight = queries.weight(self.hidden.weight);
        let bias = self.hidden.bias.map(|bias| queries.param(bias));
        let (of_queries, of_keys) = (weight.slice(1, 0..self.width), weight.slice(1, self.width..2 * self.width));
        let tape = queries.tape();
        let flat = |x: Var<'t, T>| {
            let length = x.shape().numel();
            x.reshape([length])
        };
        let mut shared = Vec::new();
        for layer in self.second.iter().chain([&self.out]) {
            shared.push(flat(queries.weight(layer.weight)));
            shared.extend(layer.bias.map(|bias| flat(queries.param(bias))));
        }
        Features {
            queries: self.q_down.forward(queries).linear(&of_queries, bias.as_ref(), None),
            keys: self.k_down.forward(keys).linear(&of_keys, None, None),
            params: Some(tape.concat(0, &shared.iter().collect::<Vec<_>>())),
        }
    }
}

impl ScoreLayer {
    pub(crate) fn new(scope: &mut Scope<'_>, config: &ScoreConfig, heads: usize, d: usize) -> Self {
        match config {
            ScoreConfig::Cosine(config) => {
                let init = Init::Constant(config.temperature);
                ScoreLayer::Cosine { temperature: scope.param("score_temperature", [heads], init) }
            }
            ScoreConfig::Neural(config) => ScoreLayer::Neural(NeuralLayer::new(&mut scope.child("score"), config, d)),
            _ => ScoreLayer::Plain,
        }
    }

    /// Whether the tiles get queries and keys as they are.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self, ScoreLayer::Plain)
    }

    /// The width of what the tiles get for keys of width `d`.
    pub(crate) fn width(&self, d: usize) -> usize {
        match self {
            ScoreLayer::Neural(layer) => layer.width,
            _ => d,
        }
    }

    /// What the tiles get for queries `[batch, heads, queries, d]` and keys `[batch, kv_heads, keys, d]`.
    pub(crate) fn features<'t, T: Element>(
        &self,
        queries: &Var<'t, T>,
        keys: &Var<'t, T>,
        sight: &Sight,
    ) -> Features<'t, T> {
        match self {
            ScoreLayer::Plain => Features { queries: queries.clone(), keys: keys.clone(), params: None },
            ScoreLayer::Cosine { temperature } => {
                // The root mean square is the norm over √d.
                let d = queries.shape()[3] as f64;
                let unit = |x: &Var<'t, T>| x.rms_norm(None, 1e-12);
                let temperature = sight.per_head(queries.tape(), *temperature).scale(d.recip());
                Features { queries: unit(queries) * temperature, keys: unit(keys), params: None }
            }
            ScoreLayer::Neural(layer) => layer.features(queries, keys),
        }
    }
}

impl From<&NeuralConfig> for Neural {
    fn from(config: &NeuralConfig) -> Self {
        Neural { second: config.second_layer.then(|| (config.width / 2).max(1)), activation: config.activation }
    }
}
