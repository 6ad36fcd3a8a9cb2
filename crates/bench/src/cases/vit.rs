//! The image model of the cases.

use anther_data::LabelledBatch;
use anther_train::batch::Batch;
use anther_train::learner::Learner;
use anther_train::recipe::{DataConfig, TaskKind};
use anther_train::task::Symbols;
use anther_transformer::{Activation, ClassifierConfig, ExampleForm, Pooling};

use super::fixed::learner;
use crate::inputs::{ids, normal};

/// The sizes of a model and its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageSize {
    /// Blocks.
    pub layers: usize,
    /// Width of the residual stream.
    pub width: usize,
    /// Heads of a block.
    pub heads: usize,
    /// Width inside the feed-forward block.
    pub feed_forward: usize,
    /// Rows and columns of a patch.
    pub patch: usize,
    /// Rows and columns of an image, which has three channels.
    pub side: usize,
    /// Images of a batch.
    pub batch: usize,
    /// Classes.
    pub classes: usize,
}

/// The model of `train_vit`.
pub const VIT: ImageSize =
    ImageSize { layers: 6, width: 192, heads: 3, feed_forward: 768, patch: 4, side: 32, batch: 64, classes: 10 };

impl ImageSize {
    /// Operations of the products of one step: 6 for each number of a matrix of a block and token, and attention.
    #[must_use]
    pub fn flops(&self) -> f64 {
        let ImageSize { layers, width, feed_forward, batch, .. } = *self;
        let tokens = (self.side / self.patch).pow(2) + 1;
        let block = 4 * width * width + 2 * width * feed_forward;
        6.0 * (batch * tokens * layers * block) as f64 + 12.0 * (layers * batch * tokens * tokens * width) as f64
    }

    /// A learner that trains on the same random images at each step: pre-norm, GELU by tanh, a class token.
    ///
    /// # Panics
    /// If the sizes make no model.
    #[must_use]
    pub fn learner(&self) -> Learner {
        let model = ClassifierConfig {
            layers: self.layers,
            heads: self.heads,
            width: self.width,
            patch: self.patch,
            feed_forward: Some(self.feed_forward),
            activation: Activation::GeluTanh,
            pooling: Pooling::ClassToken,
            ..ClassifierConfig::default()
        };
        let form = ExampleForm::Images { shape: [3, self.side, self.side] };
        let batch = LabelledBatch {
            numbers: normal(&[self.batch, 3, self.side, self.side], 1).data().to_vec(),
            labels: ids(self.batch, self.classes, 2),
            ..LabelledBatch::default()
        };
        let symbols = Symbols::Examples { form, classes: self.classes };
        let data = DataConfig { task: TaskKind::Images, name: Some("random".to_owned()), ..DataConfig::default() };
        learner(model.into(), data, symbols, Batch::Labelled { batch, form })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_of_a_fixed_batch_falls() {
        let size =
            ImageSize { layers: 1, width: 8, heads: 2, feed_forward: 16, patch: 4, side: 8, batch: 3, classes: 4 };
        let mut learner = size.learner();
        let first = learner.step().unwrap().loss;
        let last = (0..50).map(|_| learner.step().unwrap().loss).last().unwrap();
        assert!(last < first - 0.01, "{first} to {last}");
    }
}
