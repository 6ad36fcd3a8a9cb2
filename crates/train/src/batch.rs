//! The batch of a step, as data make it and as a model takes it.

use std::ops::Range;

use anther_data::{PairBatch, SequenceBatch};
use anther_tensor::{Ids, Tensor};
use anther_transformer::Sentences;

/// What a task gives for a step. It is kept from step to step, so that it takes no memory anew.
#[derive(Clone, Debug, PartialEq)]
pub enum Batch {
    /// Sequences, each token of which is to be predicted from those before it.
    Sequences(SequenceBatch),
    /// Sequences that are to be predicted from others.
    Pairs(PairBatch),
}

impl Default for Batch {
    fn default() -> Self {
        Batch::Sequences(SequenceBatch::default())
    }
}

impl Batch {
    /// What is predicted.
    #[must_use]
    pub fn predicted(&self) -> &SequenceBatch {
        match self {
            Batch::Sequences(batch) => batch,
            Batch::Pairs(batch) => &batch.target,
        }
    }

    /// What is predicted, to be changed.
    pub fn predicted_mut(&mut self) -> &mut SequenceBatch {
        match self {
            Batch::Sequences(batch) => batch,
            Batch::Pairs(batch) => &mut batch.target,
        }
    }

    /// The sequences, to be filled anew; pairs give way to an empty batch.
    pub fn sequences_mut(&mut self) -> &mut SequenceBatch {
        if let Batch::Pairs(_) = self {
            *self = Batch::default();
        }
        self.predicted_mut()
    }

    /// The pairs, to be filled anew; sequences give way to an empty batch.
    pub fn pairs_mut(&mut self) -> &mut PairBatch {
        if let Batch::Sequences(_) = self {
            *self = Batch::Pairs(PairBatch::default());
        }
        match self {
            Batch::Pairs(batch) => batch,
            Batch::Sequences(_) => unreachable!("these have given way above"),
        }
    }
}

/// What a model reads.
#[derive(Clone, Debug)]
pub enum Inputs {
    /// Sequences `[rows, context]`.
    Sequences(Ids),
    /// Sources, and what the decoder reads.
    Pairs {
        /// The sources.
        source: Sentences,
        /// The targets, one token late.
        inputs: Sentences,
    },
}

/// Some rows of a batch, ready for a model.
#[derive(Clone, Debug)]
pub struct Part {
    /// What the model reads.
    pub inputs: Inputs,
    /// What it should predict, `[rows, context]`.
    pub targets: Ids,
    /// How much each prediction counts, `[rows, context]`.
    pub weights: Tensor<f32>,
}

impl Part {
    /// These rows of a batch.
    ///
    /// # Panics
    /// If the batch has not so many rows.
    #[must_use]
    pub fn new(batch: &Batch, rows: Range<usize>) -> Self {
        let predicted = batch.predicted();
        let ids = |all: &[u32], context| Ids::new([rows.len(), context], all[of(&rows, context)].to_vec());
        let context = predicted.context;
        let inputs = ids(&predicted.inputs, context);
        let inputs = match batch {
            Batch::Sequences(_) => Inputs::Sequences(inputs),
            Batch::Pairs(pairs) => Inputs::Pairs {
                source: Sentences::new(
                    ids(&pairs.source, pairs.source_context),
                    pairs.source_lengths[rows.clone()].to_vec(),
                ),
                inputs: Sentences::new(inputs, pairs.target_lengths[rows.clone()].to_vec()),
            },
        };
        Part { inputs, targets: ids(&predicted.targets, context), weights: weights(predicted, &rows) }
    }

    /// Puts other rows, as many and as long, in the place of these; the memory is used again. Whatever has another form is made anew.
    ///
    /// # Panics
    /// As [`Part::new`].
    pub fn refill(&mut self, batch: &Batch, rows: Range<usize>) {
        let predicted = batch.predicted();
        let shape = [rows.len(), predicted.context];
        let range = of(&rows, predicted.context);
        match (&mut self.inputs, batch) {
            (Inputs::Sequences(ids), Batch::Sequences(_)) if *ids.shape() == shape => {
                ids.refill(&predicted.inputs[range.clone()]);
            }
            (Inputs::Pairs { source, inputs }, Batch::Pairs(pairs))
                if inputs.axes() == shape && source.axes() == [rows.len(), pairs.source_context] =>
            {
                let sources = of(&rows, pairs.source_context);
                source.refill(&pairs.source[sources], &pairs.source_lengths[rows.clone()]);
                inputs.refill(&predicted.inputs[range.clone()], &pairs.target_lengths[rows.clone()]);
            }
            _ => {
                *self = Part::new(batch, rows);
                return;
            }
        }
        self.targets.refill(&predicted.targets[range]);
        self.weights = weights(predicted, &rows);
    }

    /// The sum of the weights.
    #[must_use]
    pub fn weight(&self) -> f64 {
        self.weights.data().iter().map(|&weight| f64::from(weight)).sum()
    }
}

/// The tokens of rows.
fn of(rows: &Range<usize>, context: usize) -> Range<usize> {
    rows.start * context..rows.end * context
}

fn weights(batch: &SequenceBatch, rows: &Range<usize>) -> Tensor<f32> {
    Tensor::from_slice([rows.len(), batch.context], &batch.weights[of(rows, batch.context)])
}
