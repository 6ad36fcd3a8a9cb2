//! The language model of the cases.

use anther_data::SequenceBatch;
use anther_train::batch::Batch;
use anther_train::learner::Learner;
use anther_train::recipe::DataConfig;
use anther_transformer::{Activation, CausalLmConfig};

use super::fixed::{learner, numbers};
use crate::inputs::ids;

/// The sizes of a model and its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Blocks.
    pub layers: usize,
    /// Width of the residual stream.
    pub width: usize,
    /// Heads of a block.
    pub heads: usize,
    /// Width inside the feed-forward block.
    pub feed_forward: usize,
    /// Tokens of a sequence.
    pub context: usize,
    /// Sequences of a batch.
    pub batch: usize,
    /// Tokens of the vocabulary.
    pub vocabulary: usize,
}

/// The model of `train_gpt` and `decode_gpt_greedy_b1`.
pub const GPT: Size =
    Size { layers: 6, width: 384, heads: 6, feed_forward: 1536, context: 256, batch: 8, vocabulary: 8192 };

impl Size {
    /// Pre-norm, GELU by tanh, output matrix tied to the embedding.
    #[must_use]
    pub fn config(&self) -> CausalLmConfig {
        CausalLmConfig {
            vocab_size: self.vocabulary,
            layers: self.layers,
            heads: self.heads,
            width: self.width,
            context: self.context,
            feed_forward: Some(self.feed_forward),
            activation: Activation::GeluTanh,
            tied: true,
            init_std: Some(0.02),
            ..CausalLmConfig::default()
        }
    }

    /// Tokens of a batch.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.batch * self.context
    }

    /// Numbers in the matrices that a token is multiplied with.
    #[must_use]
    pub fn matrix_elements(&self) -> usize {
        let block = 4 * self.width * self.width + 2 * self.width * self.feed_forward;
        self.layers * block + self.vocabulary * self.width
    }

    /// Operations of the products of one step: 6 for each number of a matrix and token, and attention, of which half is masked.
    #[must_use]
    pub fn flops(&self) -> f64 {
        let attention = self.layers * self.tokens() * self.context * self.width;
        6.0 * (self.matrix_elements() * self.tokens()) as f64 + 6.0 * attention as f64
    }

    /// A learner that trains on the same random batch at each step with AdamW.
    ///
    /// # Panics
    /// If the sizes make no model.
    #[must_use]
    pub fn learner(&self) -> Learner {
        let batch = SequenceBatch {
            inputs: ids(self.tokens(), self.vocabulary, 1),
            targets: ids(self.tokens(), self.vocabulary, 2),
            weights: vec![1.0; self.tokens()],
            batch: self.batch,
            context: self.context,
        };
        learner(self.config().into(), DataConfig::default(), numbers(self.vocabulary), Batch::Sequences(batch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_is_that_of_the_products() {
        // 2 blocks of 4·8·8 + 2·8·16 numbers and a table of 10·8.
        let size = Size { layers: 2, width: 8, heads: 2, feed_forward: 16, context: 4, batch: 3, vocabulary: 10 };
        assert_eq!(size.matrix_elements(), 2 * 512 + 80);
        assert_eq!(size.flops(), 6.0 * 1104.0 * 12.0 + 6.0 * (2 * 12 * 4 * 8) as f64);
        assert!((GPT.flops() - 176.4e9).abs() < 0.1e9, "{}", GPT.flops());
    }

    #[test]
    fn the_loss_of_a_fixed_batch_falls() {
        let size = Size { layers: 1, width: 8, heads: 2, feed_forward: 16, context: 8, batch: 3, vocabulary: 10 };
        let mut learner = size.learner();
        let first = learner.step().unwrap().loss;
        let last = (0..50).map(|_| learner.step().unwrap().loss).last().unwrap();
        assert!(last < first - 0.01, "{first} to {last}");
    }
}
