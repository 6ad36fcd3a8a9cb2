//! Measuring a model on batches that it was not trained on.

use anther_data::SequenceBatch;
use anther_kernels::row_argmax;
use anther_tensor::{Ids, Parameters, Tape, Tensor};
use anther_transformer::CausalLm;

use crate::task::Metric;

/// What a model reaches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evaluation {
    /// The mean cross-entropy of the targets that count, in nats a token, without label smoothing.
    pub loss: f64,
    /// The share of the targets that count that are the likeliest token, the first one of equals.
    pub accuracy: f64,
}

impl Evaluation {
    /// The number that a task is judged by.
    #[must_use]
    pub fn of(&self, metric: Metric) -> f64 {
        match metric {
            Metric::Accuracy => self.accuracy,
            Metric::Loss => self.loss,
        }
    }
}

/// The batches of an evaluation, made ready once.
pub struct EvaluationSet {
    batches: Vec<(Ids, Ids, Tensor<f32>)>,
    likeliest: Vec<u32>,
}

impl EvaluationSet {
    /// Makes batches ready. They are kept: 12 bytes a token.
    #[must_use]
    pub fn new(batches: Vec<SequenceBatch>) -> Self {
        let ready = |data: SequenceBatch| {
            let shape = [data.batch, data.context];
            let weights = Tensor::from_vec(shape, data.weights);
            (Ids::new(shape, data.inputs), Ids::new(shape, data.targets), weights)
        };
        EvaluationSet { batches: batches.into_iter().map(ready).collect(), likeliest: Vec::new() }
    }

    /// Runs the model over all batches, each target weighted as its batch says. NaN for both numbers if no target counts.
    ///
    /// # Panics
    /// If a batch does not fit the model.
    pub fn measure(&mut self, model: &CausalLm, parameters: &Parameters<f32>) -> Evaluation {
        let (mut loss, mut right, mut total) = (0.0, 0.0, 0.0);
        for (inputs, targets, weights) in &self.batches {
            let tape = Tape::inference(parameters);
            let logits = model.logits(&tape, inputs);
            let weight: f64 = weights.data().iter().map(|&w| f64::from(w)).sum();
            loss += weight * f64::from(logits.cross_entropy(targets, Some(weights), 0.0).value().item());
            self.likeliest.resize(targets.data().len(), 0);
            row_argmax(&mut self.likeliest, logits.value().data(), logits.shape().last_dim());
            let guesses = self.likeliest.iter().zip(targets.data()).zip(weights.data());
            right += guesses.filter(|((guess, target), _)| guess == target).map(|(_, &w)| f64::from(w)).sum::<f64>();
            total += weight;
        }
        Evaluation { loss: loss / total, accuracy: right / total }
    }
}
