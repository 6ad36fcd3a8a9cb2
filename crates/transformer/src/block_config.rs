//! What the blocks of every model have in common: their settings, and the checks of them.

use anther_attention::{AttentionConfig, ConfigError};
use anther_tensor::Init;
use serde::{Deserialize, Serialize};

/// Where a block normalises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NormPosition {
    /// `x + f(norm(x))`, with a norm after the last block.
    #[default]
    Pre,
    /// `norm(x + f(x))`.
    Post,
}

/// How rows are normalised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NormKind {
    /// By mean and standard deviation.
    #[default]
    LayerNorm,
    /// By root mean square.
    RmsNorm,
    /// Each column by its mean and variance over all tokens of a batch, and by running ones outside training; for classifiers, whose tokens do not wait for each other.
    BatchNorm,
}

/// The function between the two linear layers of a feed-forward block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// `x Φ(x)`
    #[default]
    Gelu,
    /// The tanh approximation of GELU.
    GeluTanh,
    /// `max(x, 0)`
    Relu,
    /// `x σ(x)`
    Silu,
    /// `silu(x W_g) ⊙ (x W_u)` (Shazeer 2020), with three matrices instead of two.
    Swiglu,
}

/// What a block is made of. The configuration of a model makes one for each kind of its blocks.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockConfig {
    /// Number of attention heads.
    pub heads: usize,
    /// Width of the residual stream.
    pub width: usize,
    /// Width inside the feed-forward block.
    pub feed_forward: usize,
    /// The function of the feed-forward block.
    pub activation: Activation,
    /// How rows are normalised.
    pub norm: NormKind,
    /// Where a block normalises.
    pub norm_position: NormPosition,
    /// Whether norms have a learned scale (and shift).
    pub norm_affine: bool,
    /// The ε of the norms.
    pub norm_eps: f64,
    /// Whether the linear layers of the feed-forward block have biases.
    pub bias: bool,
    /// The probability of dropout on what each part of a block adds.
    pub dropout: f64,
    /// The probability that a part of the last block adds nothing to a sequence (stochastic depth); 0 for the first block, linear between them.
    pub drop_path: f64,
    /// Standard deviation of the first weights; without it every weight has variance 1/fan-in.
    pub init_std: Option<f64>,
    /// How many parts of blocks write into the residual stream: with `init_std`, their last weights are divided by its root.
    pub residuals: usize,
    /// The attention.
    pub attention: AttentionConfig,
}

impl BlockConfig {
    /// Checks everything that could make building or running a block fail. Every error names its key below `model`.
    ///
    /// Batch normalisation is refused: the statistics of a whole batch tell a token what comes after it.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.norm == NormKind::BatchNorm {
            let reason = "batch normalisation is for classifiers; use \"layer-norm\" or \"rms-norm\"";
            return Err(ConfigError::new("model.norm", reason));
        }
        self.validate_with_batch_norm()
    }

    /// The same where batch normalisation is at home.
    pub(crate) fn validate_with_batch_norm(&self) -> Result<(), ConfigError> {
        check_counts(&[("model.width", self.width, 1 << 16), ("model.feed_forward", self.feed_forward, 1 << 20)])?;
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(ConfigError::new("model.dropout", format!("{} is not in [0, 1)", self.dropout)));
        }
        check_std("model.init_std", self.init_std.unwrap_or(1.0))?;
        check_std("model.norm_eps", self.norm_eps)?;
        self.attention.validate(self.width, self.heads)
    }

    /// What the block of this number is made of.
    #[must_use]
    pub fn of_layer(&self, layer: usize) -> Self {
        let last = (self.residuals / 2).saturating_sub(1).max(1);
        let drop_path = self.drop_path * (layer as f64 / last as f64).min(1.0);
        BlockConfig { attention: self.attention.of_layer(layer), drop_path, ..self.clone() }
    }

    /// Initialiser of a weight with that many inputs.
    pub(crate) fn weight_init(&self, fan_in: usize) -> Init {
        self.init_std.map_or(Init::fan_in(fan_in), |std| Init::Normal { std })
    }

    /// Initialiser of a projection into the residual stream.
    pub(crate) fn residual_init(&self, fan_in: usize) -> Init {
        let std = |std: f64| Init::Normal { std: std / (self.residuals as f64).sqrt() };
        self.init_std.map_or(Init::fan_in(fan_in), std)
    }

    /// Initialiser of an embedding table: the vector of a token has a length of about 1.
    pub(crate) fn embedding_init(&self) -> Init {
        Init::Normal { std: self.init_std.unwrap_or_else(|| (self.width as f64).sqrt().recip()) }
    }
}

/// Checks numbers that count something: key, value and limit each.
pub(crate) fn check_counts(counts: &[(&str, usize, usize)]) -> Result<(), ConfigError> {
    match counts.iter().find(|(_, value, limit)| *value == 0 || value > limit) {
        Some((key, value, limit)) => Err(ConfigError::new(key, format!("{value} is not between 1 and {limit}"))),
        None => Ok(()),
    }
}

/// Checks a number that must be positive in `f32` too.
pub(crate) fn check_std(key: &str, value: f64) -> Result<(), ConfigError> {
    if (value as f32).is_normal() && value > 0.0 {
        return Ok(());
    }
    Err(ConfigError::new(key, format!("{value} is not a positive number that f32 holds")))
}
