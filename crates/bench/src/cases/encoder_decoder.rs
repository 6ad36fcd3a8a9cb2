//! The translation model of the cases.

use anther_data::{PairBatch, SequenceBatch};
use anther_train::batch::Batch;
use anther_train::learner::Learner;
use anther_train::recipe::{DataConfig, TaskKind};
use anther_transformer::{Activation, EncoderDecoderConfig};

use super::fixed::{learner, numbers};
use crate::inputs::ids;

/// The sizes of a model and its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PairSize {
    /// Blocks of the encoder, and of the decoder.
    pub layers: usize,
    /// Width of the residual streams.
    pub width: usize,
    /// Heads of a block.
    pub heads: usize,
    /// Width inside the feed-forward block.
    pub feed_forward: usize,
    /// Tokens of a source, and of a target.
    pub length: usize,
    /// Pairs of a batch.
    pub batch: usize,
    /// Tokens of the vocabulary of each side.
    pub vocabulary: usize,
}

/// The model of `train_encoder_decoder`.
pub const ENCODER_DECODER: PairSize =
    PairSize { layers: 3, width: 256, heads: 8, feed_forward: 1024, length: 64, batch: 32, vocabulary: 8000 };

impl PairSize {
    /// Tokens of the targets of a batch.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.batch * self.length
    }

    /// Operations of the products of one step: 6 for each number of a matrix and token, and the three kinds of attention, one of which is half masked.
    #[must_use]
    pub fn flops(&self) -> f64 {
        let PairSize { layers, width, feed_forward, vocabulary, .. } = *self;
        let encoder = 4 * width * width + 2 * width * feed_forward;
        let decoder = encoder + 4 * width * width;
        let matrices = layers * (encoder + decoder) + vocabulary * width;
        let attention = layers * self.tokens() * self.length * width;
        6.0 * (matrices * self.tokens()) as f64 + 2.5 * 12.0 * attention as f64
    }

    /// A learner that trains on the same random batch without padding at each step: pre-norm, GELU by tanh, learned positions, separate tables and a dense
    /// output.
    ///
    /// # Panics
    /// If the sizes make no model.
    #[must_use]
    pub fn learner(&self) -> Learner {
        let model = EncoderDecoderConfig {
            encoder_layers: self.layers,
            decoder_layers: self.layers,
            heads: self.heads,
            width: self.width,
            context: self.length,
            feed_forward: Some(self.feed_forward),
            activation: Activation::GeluTanh,
            scale_embedding: false,
            ..EncoderDecoderConfig::default()
        };
        let draw = |stream| ids(self.tokens(), self.vocabulary, stream);
        let batch = PairBatch {
            source: draw(1),
            source_context: self.length,
            source_lengths: vec![self.length; self.batch],
            target: SequenceBatch {
                inputs: draw(2),
                targets: draw(3),
                weights: vec![1.0; self.tokens()],
                batch: self.batch,
                context: self.length,
            },
            target_lengths: vec![self.length; self.batch],
        };
        let n = u32::try_from(self.vocabulary).expect("a vocabulary fits 32 bits");
        let data = DataConfig {
            task: TaskKind::ReverseMap,
            n,
            shortest: 1,
            longest: self.length - 1,
            ..DataConfig::default()
        };
        learner(model.into(), data, numbers(self.vocabulary), Batch::Pairs(batch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_of_a_fixed_batch_falls() {
        let size = PairSize { layers: 1, width: 8, heads: 2, feed_forward: 16, length: 5, batch: 3, vocabulary: 10 };
        let mut learner = size.learner();
        let first = learner.step().unwrap();
        let last = (0..50).map(|_| learner.step().unwrap().loss).last().unwrap();
        assert!(last < first.loss - 0.01, "{first:?} to {last}");
        assert_eq!(first.tokens, size.tokens());
    }
}
