//! The masked language model: guesses hidden tokens of a sequence from those on both sides.

use anther_attention::{AttentionConfig, ConfigError, Mask};
use anther_chain::ChainRules;
use anther_tensor::layers::{Embedding, Linear};
use anther_tensor::{Element, Ids, Init, ParamId, Scope, Stream, Tape, Tensor, Unary, Var};
use serde::{Deserialize, Serialize};

use crate::block::BlockNames;
use crate::block_config::{Activation, BlockConfig, NormKind, NormPosition, check_counts, check_std};
use crate::chains;
use crate::norm::Norm;
use crate::positions::Positions;
use crate::stack::Stack;

/// An encoder that predicts the tokens of a sequence, of which some are hidden.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MaskedLmConfig {
    /// Number of tokens. The data fix it; a recipe leaves it out.
    #[serde(skip)]
    pub vocab_size: usize,
    /// Number of blocks.
    pub layers: usize,
    /// Number of attention heads of a block.
    pub heads: usize,
    /// Width of the residual stream.
    pub width: usize,
    /// The longest sequence, in tokens.
    pub context: usize,
    /// Width inside the feed-forward block; without it 4 × `width`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feed_forward: Option<usize>,
    /// The function of the feed-forward block, and of the head unless it is SwiGLU, where the head has GELU.
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
    /// Whether embedded tokens are normalised before the first block.
    pub embedding_norm: bool,
    /// Whether the output matrix is the embedding table.
    pub tied: bool,
    /// The probability of dropout on the embedding and on what each sub-block adds.
    pub dropout: f64,
    /// Standard deviation of the first weights, those of the projections into the residual stream divided by √(2 · layers);
    /// without it every weight has variance 1/fan-in.
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

impl Default for MaskedLmConfig {
    fn default() -> Self {
        MaskedLmConfig {
            vocab_size: 0,
            layers: 2,
            heads: 2,
            width: 32,
            context: 64,
            feed_forward: None,
            activation: Activation::Gelu,
            norm: NormKind::LayerNorm,
            norm_position: NormPosition::Post,
            norm_affine: true,
            norm_eps: 1e-5,
            bias: true,
            embedding_norm: true,
            tied: true,
            dropout: 0.0,
            init_std: None,
            position_std: 0.02,
            attention: AttentionConfig::default(),
            chains: ChainRules::default(),
        }
    }
}

impl MaskedLmConfig {
    /// Checks everything that could make building or running the model fail. Every error names its key.
    pub fn validate(&self) -> Result<(), ConfigError> {
        check_counts(&[("model.layers", self.layers, 1 << 10), ("model.context", self.context, 1 << 20)])?;
        if self.vocab_size == 0 {
            return Err(ConfigError::new("vocabulary", "there are no tokens to predict"));
        }
        self.block().validate()?;
        check_std("model.position_std", self.position_std)?;
        self.attention.validate_layers(self.layers)
    }

    /// What its blocks are made of.
    pub fn block(&self) -> BlockConfig {
        BlockConfig {
            heads: self.heads,
            width: self.width,
            feed_forward: self.feed_forward.unwrap_or(self.width.saturating_mul(4)),
            activation: self.activation,
            norm: self.norm,
            norm_position: self.norm_position,
            norm_affine: self.norm_affine,
            norm_eps: self.norm_eps,
            bias: self.bias,
            dropout: self.dropout,
            drop_path: 0.0,
            init_std: self.init_std,
            residuals: 2 * self.layers,
            attention: self.attention.clone(),
        }
    }
}

/// An encoder in the form of RoBERTa: embedded tokens and positions, a norm, blocks in which each token sees all, and a head
/// `decoder(norm(gelu(dense(x))))` whose matrix is the embedding table.
///
/// Parameters `embeddings.word_embeddings`, `embeddings.position_embeddings`, `embeddings.LayerNorm`, `encoder.layers.N`, `encoder.norm` (with pre-norm),
/// `lm_head.dense`, `lm_head.layer_norm`, `lm_head.bias`, and `lm_head.decoder` if the output is not tied. The vector that RoBERTa adds to all tokens for
/// their one type is a part of the positions here.
#[derive(Clone, Debug)]
pub struct MaskedLm {
    config: MaskedLmConfig,
    tokens: Embedding,
    positions: Positions,
    embedding_norm: Option<Norm>,
    dropout: Stream,
    stack: Stack,
    head: Head,
}

/// From hidden states to logits.
#[derive(Clone, Debug)]
struct Head {
    dense: Linear,
    activation: Unary,
    norm: Norm,
    decoder: Linear,
}

impl MaskedLm {
    /// A model in `scope`.
    ///
    /// # Errors
    /// If the configuration is not valid.
    pub fn new(scope: &mut Scope<'_>, config: &MaskedLmConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        chains::build_with(scope, &config.chains, |scope| MaskedLm::build(scope, config))
    }

    fn build(scope: &mut Scope<'_>, config: &MaskedLmConfig) -> Result<Self, ConfigError> {
        let (width, vocabulary, block) = (config.width, config.vocab_size, config.block());
        let mut at = scope.child("embeddings");
        let tokens = Embedding::new(&mut at.child("word_embeddings"), vocabulary, width, block.embedding_init());
        let mut place = at.child("position_embeddings");
        let positions = Positions::new(&mut place, &config.attention, config.context, width, config.position_std);
        let embedding_norm = config.embedding_norm.then(|| Norm::new(&mut at.child("LayerNorm"), &block));
        let dropout = at.stream("dropout");
        let stack = Stack::new(&mut scope.child("encoder"), &block, config.layers, BlockNames::Llama, "norm")?;
        let head = Head::new(&mut scope.child("lm_head"), config, &block, tokens);
        Ok(MaskedLm { config: config.clone(), tokens, positions, embedding_norm, dropout, stack, head })
    }

    /// The same model, which computes each block a second time in the backward pass if `recompute` is true; see [`Tape::recomputed`].
    #[must_use]
    pub fn recomputing(self, recompute: bool) -> Self {
        MaskedLm { stack: self.stack.recomputing(recompute), ..self }
    }

    /// The configuration.
    pub fn config(&self) -> &MaskedLmConfig {
        &self.config
    }

    /// Logits of the token at every position: ids `[batch, length]` give `[batch, length, vocab_size]`.
    ///
    /// # Panics
    /// If the ids are not `[batch, length]`, longer than the context, or name no token.
    #[track_caller]
    pub fn logits<'t, T: Element>(&self, tape: &'t Tape<T>, ids: &Ids) -> Var<'t, T> {
        let hidden = self.hidden(tape, ids);
        self.head.decoder.forward(&self.head.transformed(&hidden))
    }

    /// The mean cross-entropy of the targets, in nats a token. Arguments as those of [`Var::cross_entropy`]. The head is computed for the places whose weight
    /// is not 0 alone, which are 15 % in training.
    ///
    /// # Panics
    /// As [`MaskedLm::logits`], or if the targets or weights do not fit the inputs.
    #[track_caller]
    pub fn loss<'t, T: Element>(
        &self,
        tape: &'t Tape<T>,
        inputs: &Ids,
        targets: &Ids,
        weights: Option<&Tensor<T>>,
        smoothing: f64,
    ) -> Var<'t, T> {
        let hidden = self.hidden(tape, inputs);
        let Some(weights) = weights else { return self.head.loss(&hidden, targets, None, smoothing) };
        assert!(
            targets.shape() == inputs.shape() && *weights.shape() == *inputs.shape(),
            "loss: targets of shape {:?} and weights of shape {:?} do not fit inputs of shape {:?}",
            targets.shape(),
            weights.shape(),
            inputs.shape()
        );
        let of = weights.data();
        let chosen: Vec<u32> = (0..of.len() as u32).filter(|&place| of[place as usize] != T::ZERO).collect();
        let count = chosen.len();
        let targets = chosen.iter().map(|&place| targets.data()[place as usize]).collect();
        let weights = Tensor::from_fn([count], |i| of[chosen[i] as usize]);
        let rows = hidden.reshape([of.len(), self.config.width]).embedding(&Ids::new([count], chosen));
        self.head.loss(&rows, &Ids::new([count], targets), Some(&weights), smoothing)
    }

    /// Hidden states `[batch, length, width]` after the last block.
    #[track_caller]
    fn hidden<'t, T: Element>(&self, tape: &'t Tape<T>, ids: &Ids) -> Var<'t, T> {
        let [batch, length] = *ids.shape() else { panic!("ids of shape {:?} are not [batch, length]", ids.shape()) };
        let context = self.config.context;
        assert!(length <= context, "{length} tokens are longer than the context of {context}");
        let x = self.positions.add(self.tokens.forward(tape, ids), 0);
        let x = self.embedding_norm.map_or_else(|| x.clone(), |norm| norm.forward(&x, None));
        let contexts = self.stack.contexts(&Mask::full(), [batch, length], 0);
        self.stack.forward(x.dropout(self.config.dropout, self.dropout), None, &contexts, None)
    }
}

impl Head {
    fn new(scope: &mut Scope<'_>, config: &MaskedLmConfig, block: &BlockConfig, tokens: Embedding) -> Self {
        let (width, vocabulary, init) = (config.width, config.vocab_size, block.weight_init(config.width));
        let activation = match config.activation {
            Activation::Gelu | Activation::Swiglu => Unary::Gelu,
            Activation::GeluTanh => Unary::GeluTanh,
            Activation::Relu => Unary::Relu,
            Activation::Silu => Unary::Silu,
        };
        let dense = Linear::with_init(&mut scope.child("dense"), width, width, true, init);
        let norm = Norm::new(&mut scope.child("layer_norm"), block);
        let weight = match config.tied {
            true => tokens.weight,
            false => Linear::with_init(&mut scope.child("decoder"), width, vocabulary, false, init).weight,
        };
        let bias: ParamId = scope.param("bias", [vocabulary], Init::Zeros);
        Head { dense, activation, norm, decoder: Linear { weight, bias: Some(bias) } }
    }

    /// What the last matrix is multiplied with.
    #[track_caller]
    fn transformed<'t, T: Element>(&self, hidden: &Var<'t, T>) -> Var<'t, T> {
        self.norm.forward(&self.dense.forward_activated(hidden, self.activation), None)
    }

    #[track_caller]
    fn loss<'t, T: Element>(
        &self,
        hidden: &Var<'t, T>,
        targets: &Ids,
        weights: Option<&Tensor<T>>,
        smoothing: f64,
    ) -> Var<'t, T> {
        let x = self.transformed(hidden);
        let bias = self.decoder.bias.map(|bias| x.param(bias));
        x.linear_cross_entropy(&x.weight(self.decoder.weight), bias.as_ref(), targets, weights, smoothing)
    }
}
