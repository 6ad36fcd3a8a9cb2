//! The configuration of a classifier.

use anther_attention::{AttentionConfig, ConfigError};
use anther_chain::ChainRules;
use serde::{Deserialize, Serialize};

use crate::block_config::{Activation, BlockConfig, NormKind, NormPosition, check_counts, check_std};

/// What a classifier reads. The data fix it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExampleForm {
    /// Images `[channels, rows, columns]`.
    Images {
        /// Channels, rows and columns.
        shape: [usize; 3],
    },
    /// Series of up to `longest` steps with so many numbers each.
    Series {
        /// Numbers of a step.
        channels: usize,
        /// The most steps.
        longest: usize,
    },
    /// Sequences of up to `longest` tokens.
    Tokens {
        /// Number of different tokens.
        vocabulary: usize,
        /// The most tokens of a sequence.
        longest: usize,
    },
}

impl Default for ExampleForm {
    /// No tokens at all, which no model reads.
    fn default() -> Self {
        ExampleForm::Tokens { vocabulary: 0, longest: 0 }
    }
}

/// How the hidden states of an example become one vector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// The state of a learned vector that stands before the example (as in BERT and ViT).
    ClassToken,
    /// The mean of all states that are no padding.
    #[default]
    Mean,
    /// All states one after the other, after GELU and dropout, with zeros in the place of padding (as in the time-series transformer, arXiv 2010.02803).
    Flatten,
}

/// An encoder that tells the class of an image, a series or a sequence of tokens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClassifierConfig {
    /// What is read. The data fix it; a recipe leaves it out.
    #[serde(skip)]
    pub form: ExampleForm,
    /// Number of classes. The data fix it; a recipe leaves it out.
    #[serde(skip)]
    pub classes: usize,
    /// Number of blocks.
    pub layers: usize,
    /// Number of attention heads of a block.
    pub heads: usize,
    /// Width of the residual stream.
    pub width: usize,
    /// Images: the side of a square patch, which becomes one token; divides the sides of the image.
    pub patch: usize,
    /// How the hidden states become one vector.
    pub pooling: Pooling,
    /// Whether a second learned vector stands behind the class token, which the blocks see and no class is told from (as in DeiT, arXiv 2012.12877);
    /// only with `class-token`.
    pub distillation_token: bool,
    /// Units of a hidden layer with ReLU before the classes; without it there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head_hidden: Option<usize>,
    /// Whether embedded patches, steps or tokens are multiplied with √`width`, before positions are added.
    pub scale_input: bool,
    /// Width inside the feed-forward block; without it 4 × `width`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feed_forward: Option<usize>,
    /// The function of the feed-forward block.
    pub activation: Activation,
    /// How rows are normalised.
    pub norm: NormKind,
    /// Where a block normalises. Pre-norm has a norm after the last block.
    pub norm_position: NormPosition,
    /// Whether norms have a learned scale (and shift).
    pub norm_affine: bool,
    /// The ε of the norms.
    pub norm_eps: f64,
    /// Whether the linear layers of the feed-forward block have biases.
    pub bias: bool,
    /// The probability of dropout on the embedded example, on what each part of a block adds, and on what `flatten` gives.
    pub dropout: f64,
    /// The probability that the last block adds nothing to an example (stochastic depth, arXiv 1603.09382); it grows linearly with depth, from 0 at the
    /// first block, and each part of a block draws for itself.
    pub drop_path: f64,
    /// Standard deviation of the first weights, those of the projections into the residual stream divided by √(2 · layers); without it every weight has
    /// variance 1/fan-in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init_std: Option<f64>,
    /// Standard deviation of learned positions.
    pub position_std: f64,
    /// The attention of every block.
    pub attention: AttentionConfig,
    /// Layers whose weights are tensor chains; the first rule that matches a layer's name decides.
    #[serde(skip_serializing_if = "ChainRules::are_empty")]
    pub chains: ChainRules,
}

impl Default for ClassifierConfig {
    fn default() -> Self {
        ClassifierConfig {
            form: ExampleForm::default(),
            classes: 0,
            layers: 2,
            heads: 2,
            width: 32,
            patch: 4,
            pooling: Pooling::Mean,
            distillation_token: false,
            head_hidden: None,
            scale_input: false,
            feed_forward: None,
            activation: Activation::Gelu,
            norm: NormKind::LayerNorm,
            norm_position: NormPosition::Pre,
            norm_affine: true,
            norm_eps: 1e-5,
            bias: true,
            dropout: 0.0,
            drop_path: 0.0,
            init_std: None,
            position_std: 0.02,
            attention: AttentionConfig::default(),
            chains: ChainRules::default(),
        }
    }
}

impl ClassifierConfig {
    /// Checks everything that could make building or running the model fail. Every error names its key.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let refuse = |key: &str, reason: String| Err(ConfigError::new(key, reason));
        check_counts(&[
            ("model.layers", self.layers, 1 << 10),
            ("model.patch", self.patch, 1 << 12),
            ("model.head_hidden", self.head_hidden.unwrap_or(1), 1 << 20),
        ])?;
        match self.form {
            ExampleForm::Images { shape: [channels, rows, columns] } => {
                if channels == 0 || rows == 0 || columns == 0 {
                    return refuse("model.form", "images have no pixels".to_owned());
                }
                if !rows.is_multiple_of(self.patch) || !columns.is_multiple_of(self.patch) {
                    let reason = format!("patches of {0} × {0} do not tile images of {rows} × {columns}", self.patch);
                    return refuse("model.patch", reason);
                }
            }
            ExampleForm::Series { channels: 0, .. } => {
                return refuse("model.form", "series have no channels".to_owned());
            }
            ExampleForm::Tokens { vocabulary: 0, .. } => {
                return refuse("vocabulary", "there are no tokens to read".to_owned());
            }
            ExampleForm::Series { .. } | ExampleForm::Tokens { .. } => {}
        }
        if self.positions() == 0 || self.positions() > 1 << 20 {
            let reason = format!("examples of {} places are not between 1 and {}", self.positions(), 1 << 20);
            return refuse("model.form", reason);
        }
        if self.classes == 0 {
            return refuse("classes", "there are no classes to tell".to_owned());
        }
        if self.distillation_token && self.pooling != Pooling::ClassToken {
            let reason = "it stands behind a class token; set model.pooling to \"class-token\" or this to false";
            return refuse("model.distillation_token", reason.to_owned());
        }
        if !(0.0..1.0).contains(&self.drop_path) {
            return refuse("model.drop_path", format!("{} is not in [0, 1)", self.drop_path));
        }
        self.block().validate_with_batch_norm()?;
        check_std("model.position_std", self.position_std)?;
        self.attention.validate_layers(self.layers)
    }

    /// Places of an example that become a token each: patches, steps or tokens, without the class token.
    #[must_use]
    pub fn places(&self) -> usize {
        match self.form {
            ExampleForm::Images { shape: [_, rows, columns] } => {
                (rows / self.patch.max(1)) * (columns / self.patch.max(1))
            }
            ExampleForm::Series { longest, .. } | ExampleForm::Tokens { longest, .. } => longest,
        }
    }

    /// Learned vectors before the places: the class token and the one for distillation, if there are any.
    #[must_use]
    pub fn extra_tokens(&self) -> usize {
        usize::from(self.pooling == Pooling::ClassToken) + usize::from(self.distillation_token)
    }

    /// The most tokens that the blocks see: the places and what stands before them.
    #[must_use]
    pub fn positions(&self) -> usize {
        self.places() + self.extra_tokens()
    }

    /// Width inside the feed-forward block.
    #[must_use]
    pub fn feed_forward(&self) -> usize {
        self.feed_forward.unwrap_or(self.width.saturating_mul(4))
    }

    /// What its blocks are made of.
    #[must_use]
    pub fn block(&self) -> BlockConfig {
        BlockConfig {
            heads: self.heads,
            width: self.width,
            feed_forward: self.feed_forward(),
            activation: self.activation,
            norm: self.norm,
            norm_position: self.norm_position,
            norm_affine: self.norm_affine,
            norm_eps: self.norm_eps,
            bias: self.bias,
            dropout: self.dropout,
            drop_path: self.drop_path,
            init_std: self.init_std,
            residuals: 2 * self.layers,
            attention: self.attention.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(form: ExampleForm, change: impl FnOnce(&mut ClassifierConfig)) -> String {
        let mut config = ClassifierConfig { form, classes: 3, ..ClassifierConfig::default() };
        assert_eq!(config.validate(), Ok(()));
        change(&mut config);
        config.validate().unwrap_err().to_string()
    }

    #[test]
    fn a_refusal_names_the_key() {
        let images = ExampleForm::Images { shape: [3, 8, 12] };
        let tokens = ExampleForm::Tokens { vocabulary: 5, longest: 9 };
        assert!(
            refusal(images, |c| c.patch = 3).contains("model.patch: patches of 3 × 3 do not tile images of 8 × 12")
        );
        assert!(refusal(images, |c| c.patch = 0).starts_with("model.patch: 0"));
        assert!(refusal(images, |c| c.form = ExampleForm::Images { shape: [3, 0, 4] }).starts_with("model.form"));
        assert!(refusal(images, |c| c.form = ExampleForm::Series { channels: 0, longest: 4 }).contains("no channels"));
        assert!(refusal(tokens, |c| c.form = ExampleForm::Tokens { vocabulary: 0, longest: 4 }).contains("no tokens"));
        assert!(
            refusal(tokens, |c| c.form = ExampleForm::Tokens { vocabulary: 4, longest: 0 }).starts_with("model.form")
        );
        assert!(refusal(tokens, |c| c.classes = 0).starts_with("classes"));
        assert!(refusal(tokens, |c| c.distillation_token = true).starts_with("model.distillation_token"));
        assert!(refusal(tokens, |c| c.drop_path = 1.0).starts_with("model.drop_path"));
        assert!(refusal(tokens, |c| c.dropout = -1.0).starts_with("model.dropout"));
        assert!(refusal(tokens, |c| c.head_hidden = Some(0)).starts_with("model.head_hidden"));
        assert!(refusal(tokens, |c| c.layers = 0).starts_with("model.layers"));
        assert!(refusal(tokens, |c| c.attention.layers = vec![2]).contains("no layer 2"));
        assert!(refusal(tokens, |c| c.position_std = 0.0).starts_with("model.position_std"));
    }

    #[test]
    fn a_class_token_is_one_more_position() {
        let form = ExampleForm::Images { shape: [1, 8, 12] };
        let config = ClassifierConfig { form, pooling: Pooling::ClassToken, ..ClassifierConfig::default() };
        assert_eq!((config.places(), config.positions()), (6, 7));
        assert_eq!(ClassifierConfig { distillation_token: true, ..config }.positions(), 8);
    }
}
