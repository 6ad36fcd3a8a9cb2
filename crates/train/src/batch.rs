//! The batch of a step, as data make it and as a model takes it.

use std::ops::Range;

use anther_data::{LabelledBatch, PairBatch, SequenceBatch};
use anther_tensor::{Ids, Tensor};
use anther_transformer::{ExampleForm, Examples, Sentences};

/// What a task gives for a step. It is kept from step to step, so that it takes no memory anew.
#[derive(Clone, Debug, PartialEq)]
pub enum Batch {
    /// Sequences, each token of which is to be predicted from those before it.
    Sequences(SequenceBatch),
    /// Sequences that are to be predicted from others.
    Pairs(PairBatch),
    /// Examples whose class is to be told.
    Labelled {
        /// The examples.
        batch: LabelledBatch,
        /// What an example is.
        form: ExampleForm,
    },
}

impl Default for Batch {
    fn default() -> Self {
        Batch::Sequences(SequenceBatch::default())
    }
}

impl Batch {
    /// Number of rows: sequences, pairs or examples.
    #[must_use]
    pub fn rows(&self) -> usize {
        match self {
            Batch::Sequences(batch) => batch.batch,
            Batch::Pairs(batch) => batch.target.batch,
            Batch::Labelled { batch, .. } => batch.rows(),
        }
    }

    /// The sequences that are predicted, if sequences are.
    #[must_use]
    pub fn predicted(&self) -> Option<&SequenceBatch> {
        match self {
            Batch::Sequences(batch) => Some(batch),
            Batch::Pairs(batch) => Some(&batch.target),
            Batch::Labelled { .. } => None,
        }
    }

    /// The sequences, to be filled anew; a batch of another kind gives way to an empty one.
    pub fn sequences_mut(&mut self) -> &mut SequenceBatch {
        if !matches!(self, Batch::Sequences(_)) {
            *self = Batch::default();
        }
        match self {
            Batch::Sequences(batch) => batch,
            _ => unreachable!("the others have given way above"),
        }
    }

    /// The pairs, to be filled anew; a batch of another kind gives way to an empty one.
    pub fn pairs_mut(&mut self) -> &mut PairBatch {
        if !matches!(self, Batch::Pairs(_)) {
            *self = Batch::Pairs(PairBatch::default());
        }
        match self {
            Batch::Pairs(batch) => batch,
            _ => unreachable!("the others have given way above"),
        }
    }

    /// The examples, to be filled anew with some of this form; a batch of another kind gives way to an empty one.
    pub fn labelled_mut(&mut self, of: ExampleForm) -> &mut LabelledBatch {
        if !matches!(self, Batch::Labelled { form, .. } if *form == of) {
            *self = Batch::Labelled { batch: LabelledBatch::default(), form: of };
        }
        match self {
            Batch::Labelled { batch, .. } => batch,
            _ => unreachable!("the others have given way above"),
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
    /// Examples whose class is to be told.
    Examples {
        /// The examples.
        examples: Examples,
        /// Their second classes, where they were mixed.
        mixed: Option<Mixed>,
    },
}

/// What mixed examples are beside their first class.
#[derive(Clone, Debug)]
pub struct Mixed {
    /// The second class of each, `[rows]`.
    pub second: Ids,
    /// The weight of the first class; the second has the rest.
    pub share: f64,
}

/// Some rows of a batch, ready for a model.
#[derive(Clone, Debug)]
pub struct Part {
    /// What the model reads.
    pub inputs: Inputs,
    /// What it should predict, `[rows, context]`, or `[rows]` for classes.
    pub targets: Ids,
    /// How much each prediction counts, of the same shape.
    pub weights: Tensor<f32>,
}

impl Part {
    /// These rows of a batch.
    ///
    /// # Panics
    /// If the batch has not so many rows.
    #[must_use]
    pub fn new(batch: &Batch, rows: Range<usize>) -> Self {
        let ids = |all: &[u32], context| Ids::new([rows.len(), context], all[of(&rows, context)].to_vec());
        let (predicted, inputs) = match batch {
            Batch::Sequences(batch) => (batch, Inputs::Sequences(ids(&batch.inputs, batch.context))),
            Batch::Pairs(pairs) => {
                let inputs = Inputs::Pairs {
                    source: Sentences::new(
                        ids(&pairs.source, pairs.source_context),
                        pairs.source_lengths[rows.clone()].to_vec(),
                    ),
                    inputs: Sentences::new(
                        ids(&pairs.target.inputs, pairs.target.context),
                        pairs.target_lengths[rows.clone()].to_vec(),
                    ),
                };
                (&pairs.target, inputs)
            }
            Batch::Labelled { batch, form } => return labelled(batch, *form, &rows),
        };
        let context = predicted.context;
        Part { inputs, targets: ids(&predicted.targets, context), weights: weights(predicted, &rows) }
    }

    /// Puts other rows, as many and as long, in the place of these; the memory is used again. Whatever has another form is made anew.
    ///
    /// # Panics
    /// As [`Part::new`].
    pub fn refill(&mut self, batch: &Batch, rows: Range<usize>) {
        let Some(predicted) = batch.predicted() else {
            *self = Part::new(batch, rows);
            return;
        };
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

    /// The places that something is predicted at, padding included; of examples to be classified, all that the model sees, `context` each.
    #[must_use]
    pub fn places(&self, context: usize) -> usize {
        match self.inputs {
            Inputs::Examples { .. } => self.targets.data().len() * context,
            Inputs::Sequences(_) | Inputs::Pairs { .. } => self.targets.data().len(),
        }
    }

    /// The sum of the weights.
    #[must_use]
    pub fn weight(&self) -> f64 {
        self.weights.data().iter().map(|&weight| f64::from(weight)).sum()
    }
}

/// Some rows of a batch of examples, each of which counts as one.
fn labelled(batch: &LabelledBatch, form: ExampleForm, rows: &Range<usize>) -> Part {
    let count = rows.len();
    let numbers = |size: usize| &batch.numbers[of(rows, size)];
    let lengths = || batch.lengths[rows.clone()].to_vec();
    let examples = match form {
        ExampleForm::Images { shape: [channels, height, width] } => {
            let shape = [count, channels, height, width];
            Examples::images(Tensor::from_slice(shape, numbers(channels * height * width)))
        }
        ExampleForm::Series { channels, longest } => {
            let values = Tensor::from_slice([count, longest, channels], numbers(longest * channels));
            Examples::series(values, lengths())
        }
        ExampleForm::Tokens { longest, .. } => {
            let ids = Ids::new([count, longest], batch.tokens[of(rows, longest)].to_vec());
            Examples::tokens(ids, lengths())
        }
    };
    let classes = |labels: &[u32]| Ids::new([count], labels[rows.clone()].to_vec());
    let mixed = (!batch.second_labels.is_empty())
        .then(|| Mixed { second: classes(&batch.second_labels), share: f64::from(batch.first_share) });
    Part {
        inputs: Inputs::Examples { examples, mixed },
        targets: classes(&batch.labels),
        weights: Tensor::ones([count]),
    }
}

/// The tokens of rows.
fn of(rows: &Range<usize>, context: usize) -> Range<usize> {
    rows.start * context..rows.end * context
}

fn weights(batch: &SequenceBatch, rows: &Range<usize>) -> Tensor<f32> {
    Tensor::from_slice([rows.len(), batch.context], &batch.weights[of(rows, batch.context)])
}
