//! The way of tokens into one side of the model: vectors, scale, positions, dropout.

use anther_tensor::layers::Embedding;
use anther_tensor::{Element, Ids, Scope, Stream, Tape, Var};

use super::config::EncoderDecoderConfig;
use crate::positions::Positions;

/// `dropout(√width · E[ids] + P)`, the factor only if the configuration scales.
#[derive(Clone, Debug)]
pub(super) struct Embedder {
    table: Embedding,
    positions: Positions,
    scale: Option<f64>,
    dropout: f64,
    stream: Stream,
}

impl Embedder {
    /// Over a table that is made already; learned positions are `embed_positions` of `scope`.
    pub(super) fn new(scope: &mut Scope<'_>, config: &EncoderDecoderConfig, table: Embedding) -> Self {
        let (context, width, std) = (config.context, config.width, config.position_std);
        Embedder {
            table,
            positions: Positions::new(&mut scope.child("embed_positions"), &config.attention, context, width, std),
            scale: config.scale_embedding.then(|| (config.width as f64).sqrt()),
            dropout: config.dropout,
            stream: scope.stream("embed_dropout"),
        }
    }

    /// Ids `[batch, length]`, which follow `past` tokens, give `[batch, length, width]`.
    #[track_caller]
    pub(super) fn forward<'t, T: Element>(&self, tape: &'t Tape<T>, ids: &Ids, past: usize) -> Var<'t, T> {
        let x = self.table.forward(tape, ids);
        let x = self.scale.map_or_else(|| x.clone(), |scale| x.scale(scale));
        self.positions.add(x, past).dropout(self.dropout, self.stream)
    }
}
