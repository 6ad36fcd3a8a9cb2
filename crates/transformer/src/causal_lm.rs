//! The causal language model: predicts each token from those before it.

use anther_attention::{AttentionContext, AttentionMap, ConfigError, KeyValueCache, Mask};
use anther_tensor::layers::Linear;
use anther_tensor::{Element, Ids, Scope, Tape, Tensor, Var, Weight};

use crate::block::BlockNames;
use crate::chains;
use crate::config::CausalLmConfig;
use crate::embedder::{Embedder, EmbedderCache, EmbeddingKind, Tokens};
use crate::positions::Positions;
use crate::stack::{PerLayer, Stack};

/// A decoder-only transformer: embedding, blocks under a causal mask, a norm (if pre-norm), and logits.
///
/// Parameters `model.embed_tokens`, `model.embed_positions`, `model.layers.N`, `model.norm` and `lm_head`; without `lm_head` when
/// the output matrix is tied to the embedding.
#[derive(Clone, Debug)]
pub struct CausalLm {
    config: CausalLmConfig,
    embedder: Embedder,
    stack: Stack,
    output: Weight,
}

/// The key–value caches of all blocks, and what the embedding keeps.
pub struct LmCache<T: Element> {
    embedded: EmbedderCache<T>,
    layers: Vec<KeyValueCache<T>>,
}

impl<T: Element> LmCache<T> {
    /// Number of tokens that have been seen.
    pub fn len(&self) -> usize {
        self.layers.first().map_or(0, KeyValueCache::len)
    }

    /// Whether no token has been seen.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of tokens that still fit.
    pub fn room(&self) -> usize {
        self.layers.first().map_or(0, |cache| cache.capacity() - cache.len())
    }

    /// Forgets all tokens.
    pub fn clear(&mut self) {
        self.embedded.clear();
        self.layers.iter_mut().for_each(KeyValueCache::clear);
    }
}

impl CausalLm {
    /// A model with learned token vectors.
    ///
    /// # Errors
    /// If the configuration is not valid, or asks for a fixed table.
    pub fn new(scope: &mut Scope<'_>, config: &CausalLmConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        chains::build_with(scope, &config.chains, |scope| {
            let (kind, init) = ((config.embedding, config.embedding_levels), config.block().embedding_init());
            let at = &mut scope.child("model.embed_tokens");
            let tokens = Tokens::new(at, kind, config.vocab_size, config.width, init)?;
            CausalLm::build(scope, config, tokens)
        })
    }

    /// A model whose token vectors are the rows of `table`, `[vocab_size, width]`, and do not change.
    ///
    /// # Errors
    /// If the configuration is not valid, asks for learned vectors, or the table does not fit.
    pub fn with_fixed_embedding(
        scope: &mut Scope<'_>,
        config: &CausalLmConfig,
        table: Tensor<f64>,
    ) -> Result<Self, ConfigError> {
        config.validate()?;
        if config.embedding != EmbeddingKind::Fixed {
            return Err(ConfigError::new("model.embedding", "a table of token vectors needs embedding = \"fixed\""));
        }
        if *table.shape() != [config.vocab_size, config.width] {
            let reason = format!(
                "a table of shape {:?} does not hold {} tokens of width {}",
                table.shape(),
                config.vocab_size,
                config.width
            );
            return Err(ConfigError::new("model.embedding", reason));
        }
        chains::build_with(scope, &config.chains, |scope| CausalLm::build(scope, config, Tokens::Fixed(table.clone())))
    }

    fn build(scope: &mut Scope<'_>, config: &CausalLmConfig, tokens: Tokens) -> Result<Self, ConfigError> {
        let (width, block) = (config.width, config.block());
        let mut at = scope.child("model.embed_positions");
        let positions = Positions::new(&mut at, &config.attention, config.context, width, config.position_std);
        let stack = Stack::new(&mut scope.child("model"), &block, config.layers, BlockNames::Llama, "norm")?;
        let output = match (tokens.table(), config.tied) {
            (Some(table), true) => table,
            _ => {
                let init = block.weight_init(width);
                Linear::with_init(&mut scope.child("lm_head"), width, config.vocab_size, false, init).weight
            }
        };
        let dropout = (config.dropout, scope.stream("model.embed_dropout"));
        let embedder = Embedder::new(tokens, positions, None, dropout);
        Ok(CausalLm { config: config.clone(), embedder, stack, output })
    }

    /// The same model, which on a recording tape keeps nothing of a block but its input and runs the block again in the backward pass,
    /// if `recompute` is true. Loss and gradients are the same, bit for bit; a step costs a third more and holds the activations of one
    /// block instead of those of all. See [`Tape::recomputed`].
    #[must_use]
    pub fn recomputing(self, recompute: bool) -> Self {
        CausalLm { stack: self.stack.recomputing(recompute), ..self }
    }

    /// The configuration.
    pub fn config(&self) -> &CausalLmConfig {
        &self.config
    }

    /// Logits of the next token at every position: ids `[batch, length]` give `[batch, length, vocab_size]`.
    ///
    /// # Panics
    /// If the ids are not `[batch, length]`, longer than the context, or name no token.
    #[track_caller]
    pub fn logits<'t, T: Element>(&self, tape: &'t Tape<T>, ids: &Ids) -> Var<'t, T> {
        self.unembed(&self.hidden(tape, ids, None))
    }

    /// The mean cross-entropy of the targets, in nats a token: what training minimises. Arguments as those of
    /// [`Var::cross_entropy`]. The logits are never held whole.
    ///
    /// # Panics
    /// As [`CausalLm::logits`], or if the targets or weights do not fit the inputs.
    #[track_caller]
    pub fn loss<'t, T: Element>(
        &self,
        tape: &'t Tape<T>,
        inputs: &Ids,
        targets: &Ids,
        weights: Option<&Tensor<T>>,
        smoothing: f64,
    ) -> Var<'t, T> {
        let hidden = self.hidden(tape, inputs, None);
        hidden.linear_cross_entropy(&hidden.weight(self.output), None, targets, weights, smoothing)
    }

    /// What the attention of each block looks at when the model reads `ids`, `[batch, length]`: one map a block, the first block first.
    ///
    /// # Panics
    /// As [`CausalLm::logits`], or if the tape records: this is for inference.
    #[track_caller]
    pub fn attention_maps<T: Element>(&self, tape: &Tape<T>, ids: &Ids) -> Vec<AttentionMap<T>> {
        assert!(!tape.is_recording(), "attention_maps: this is for inference, but the tape records");
        let contexts = self.contexts(ids, 0).map(AttentionContext::probed);
        self.run(tape, ids, &contexts, None);
        contexts.in_order(self.config.layers, AttentionContext::take_maps)
    }

    /// Empty caches for decoding up to a full context.
    pub fn cache<T: Element>(&self, batch: usize) -> LmCache<T> {
        LmCache { embedded: self.embedder.cache(batch), layers: self.stack.caches(batch, self.config.context) }
    }

    /// Logits `[batch, vocab_size]` after the last of new tokens `[batch, length]`, which join the cache.
    ///
    /// # Panics
    /// If there are no new tokens or they do not fit the rest of the context, or if the cache has tokens and the attention cannot decode token by token
    /// ([`anther_attention::AttentionConfig::validate_decoding`]).
    #[track_caller]
    pub fn decode<T: Element>(&self, tape: &Tape<T>, ids: &Ids, cache: &mut LmCache<T>) -> Tensor<T> {
        let hidden = self.hidden(tape, ids, Some(cache));
        let [batch, length, width] = *hidden.shape() else { unreachable!("hidden states have three axes") };
        assert!(length > 0, "decode: there are no new tokens");
        let last = hidden.slice(1, length - 1..length).reshape([batch, width]);
        self.unembed(&last).into_value()
    }

    /// Hidden states `[batch, length, width]` after the last norm.
    #[track_caller]
    fn hidden<'t, T: Element>(&self, tape: &'t Tape<T>, ids: &Ids, cache: Option<&mut LmCache<T>>) -> Var<'t, T> {
        let past = cache.as_ref().map_or(0, |cache| cache.len());
        self.run(tape, ids, &self.contexts(ids, past), cache)
    }

    /// What all blocks share when ids `[batch, length]` follow `past` tokens.
    #[track_caller]
    fn contexts<T: Element>(&self, ids: &Ids, past: usize) -> PerLayer<AttentionContext<T>> {
        let [batch, length] = *ids.shape() else { panic!("ids of shape {:?} are not [batch, length]", ids.shape()) };
        assert!(
            past + length <= self.config.context,
            "{past} + {length} tokens are longer than the context of {}",
            self.config.context
        );
        self.stack.contexts(&Mask::causal(), [batch, length], past)
    }

    #[track_caller]
    fn run<'t, T: Element>(
        &self,
        tape: &'t Tape<T>,
        ids: &Ids,
        contexts: &PerLayer<AttentionContext<T>>,
        mut cache: Option<&mut LmCache<T>>,
    ) -> Var<'t, T> {
        let past = cache.as_ref().map_or(0, |cache| cache.len());
        let x = self.embedder.forward(tape, ids, past, cache.as_mut().map(|cache| &mut cache.embedded));
        self.stack.forward(x, None, contexts, cache.map(|cache| &mut cache.layers[..]))
    }

    fn unembed<'t, T: Element>(&self, hidden: &Var<'t, T>) -> Var<'t, T> {
        Linear { weight: self.output, bias: None }.forward(hidden)
    }
}
