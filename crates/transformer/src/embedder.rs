//! The way of tokens into a model: vectors, scale, positions, dropout.

use anther_attention::{AttentionConfig, ConfigError, Position};
use anther_chain::layers::{HSoftPos, HSoftPosCache, HSoftPosConfig};
use anther_tensor::layers::Embedding;
use anther_tensor::{Element, Ids, Init, Scope, Stream, Tape, Tensor, Var, Weight};
use serde::{Deserialize, Serialize};

use crate::positions::Positions;

/// Where token vectors come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EmbeddingKind {
    /// A learned table.
    #[default]
    Learned,
    /// A fixed table, given with the model: one-hot or orthonormal rows.
    Fixed,
    /// A narrow table with soft classes at several scales of time ([`HSoftPos`]; arXiv 2305.10991). It has positions of its own, and a token sees those
    /// before it also in an encoder.
    HSoftpos,
}

impl EmbeddingKind {
    /// Checks the settings of token vectors of this kind, `levels` for H-SoftPOS.
    pub(crate) fn validate(self, width: usize, levels: usize, attention: &AttentionConfig) -> Result<(), ConfigError> {
        if self != EmbeddingKind::HSoftpos {
            return Ok(());
        }
        let config = HSoftPosConfig { vocabulary: 1, width, levels };
        config.widths().map_err(|error| ConfigError::new("model.embedding_levels", error.to_string()))?;
        match attention.position {
            Position::Learned | Position::Sinusoidal => Err(ConfigError::new(
                "model.attention.position",
                "h-softpos has position vectors of its own; use \"none\", or positions that the attention knows of",
            )),
            _ => Ok(()),
        }
    }
}

/// The vectors of tokens. Cloned, they are tied.
#[derive(Clone, Debug)]
pub(crate) enum Tokens {
    Learned(Embedding),
    Fixed(Tensor<f64>),
    HSoftPos(Box<HSoftPos>),
}

impl Tokens {
    /// Learned vectors, or those of H-SoftPOS with so many levels, in `scope`.
    pub(crate) fn new(
        scope: &mut Scope<'_>,
        (kind, levels): (EmbeddingKind, usize),
        vocabulary: usize,
        width: usize,
        init: Init,
    ) -> Result<Self, ConfigError> {
        match kind {
            EmbeddingKind::Learned => Ok(Tokens::Learned(Embedding::new(scope, vocabulary, width, init))),
            EmbeddingKind::Fixed => {
                Err(ConfigError::new("model.embedding", "a fixed embedding needs a table of token vectors"))
            }
            EmbeddingKind::HSoftpos => HSoftPos::new(scope, &HSoftPosConfig { vocabulary, width, levels })
                .map(|tokens| Tokens::HSoftPos(Box::new(tokens)))
                .map_err(|error| ConfigError::new("model.embedding_levels", error.to_string())),
        }
    }

    /// The learned table, which an output can be tied to.
    pub(crate) fn table(&self) -> Option<Weight> {
        match self {
            Tokens::Learned(table) => Some(table.weight),
            Tokens::Fixed(_) | Tokens::HSoftPos(_) => None,
        }
    }
}

/// `dropout(scale · E[ids] + P)`. H-SoftPOS has scale and positions inside.
#[derive(Clone, Debug)]
pub(crate) struct Embedder {
    tokens: Tokens,
    positions: Positions,
    /// Of learned and fixed vectors.
    scale: Option<f64>,
    dropout: f64,
    stream: Stream,
}

/// What embedded tokens leave to those after them.
pub(crate) struct EmbedderCache<T: Element>(Option<HSoftPosCache<T>>);

impl<T: Element> EmbedderCache<T> {
    /// Forgets all tokens.
    pub(crate) fn clear(&mut self) {
        self.0.iter_mut().for_each(HSoftPosCache::clear);
    }

    /// Keeps these sequences, in this order.
    #[track_caller]
    pub(crate) fn select(&mut self, sequences: &[usize]) {
        self.0.iter_mut().for_each(|cache| cache.select(sequences));
    }
}

impl Embedder {
    /// Over vectors that are made already; `stream` is where dropout draws from.
    pub(crate) fn new(
        tokens: Tokens,
        positions: Positions,
        scale: Option<f64>,
        (dropout, stream): (f64, Stream),
    ) -> Self {
        Embedder { tokens, positions, scale, dropout, stream }
    }

    /// An empty cache for so many sequences.
    pub(crate) fn cache<T: Element>(&self, batch: usize) -> EmbedderCache<T> {
        EmbedderCache(match &self.tokens {
            Tokens::HSoftPos(tokens) => Some(tokens.cache(batch)),
            Tokens::Learned(_) | Tokens::Fixed(_) => None,
        })
    }

    /// Ids `[batch, length]`, which follow `past` tokens, those in the cache if there is one, give `[batch, length, width]`.
    #[track_caller]
    pub(crate) fn forward<'t, T: Element>(
        &self,
        tape: &'t Tape<T>,
        ids: &Ids,
        past: usize,
        cache: Option<&mut EmbedderCache<T>>,
    ) -> Var<'t, T> {
        let x = match &self.tokens {
            Tokens::Learned(table) => table.forward(tape, ids),
            Tokens::Fixed(table) => tape.constant(table.cast()).embedding(ids),
            Tokens::HSoftPos(tokens) => match cache.and_then(|cache| cache.0.as_mut()) {
                Some(cache) => tokens.extend(tape, ids, cache),
                None => tokens.forward(tape, ids, past),
            },
        };
        let x = self.scale.map_or_else(|| x.clone(), |scale| x.scale(scale));
        self.positions.add(x, past).dropout(self.dropout, self.stream)
    }
}
