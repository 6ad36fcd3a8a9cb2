//! Measuring a model on batches that it was not trained on.

use anther_kernels::row_argmax;
use anther_tensor::{Parameters, Tape};
use anther_transformer::Measure;

use crate::batch::{Batch, Part};
use crate::model::Model;
use crate::task::{Batches, Metric, TaskError};

/// What a model reaches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evaluation {
    /// The mean cross-entropy of the targets that count, in nats a token, without label smoothing.
    pub loss: f64,
    /// The share of the targets that count that are the likeliest token, the first one of equals, given all targets before them.
    pub accuracy: f64,
    /// The sum of the weights of the targets, divided by the number of places for one: the share of what is no padding.
    pub counted: f64,
    /// The share of the targets that count that are among the five likeliest classes, where classes are told and there are more than five.
    pub top5: Option<f64>,
    /// Places of the batches that something is predicted at, padding included; of examples to be classified, all places that the model sees.
    pub tokens: usize,
    /// Floating-point operations of the products.
    pub flops: u64,
}

impl Evaluation {
    /// Runs the model over all batches, each target weighted as its batch says. NaN for all numbers if no target counts.
    ///
    /// One batch is in memory at a time: it is made when it is measured, and the next one takes its place.
    ///
    /// # Errors
    /// [`TaskError`] if a batch cannot be made.
    ///
    /// # Panics
    /// If a batch does not fit the model.
    pub fn measure(model: &Model, parameters: &Parameters<f32>, batches: &Batches<'_>) -> Result<Self, TaskError> {
        let (mut loss, mut right, mut near, mut total, mut places) = (0.0, 0.0, 0.0, 0.0, 0);
        let (mut tokens, mut flops) = (0, 0);
        let (mut batch, mut likeliest) = (Batch::default(), Vec::new());
        for number in 0..batches.len() {
            batches.refill(number, &mut batch)?;
            let part = &Part::new(&batch, 0..batch.rows());
            let Part { targets, weights, .. } = part;
            let tape = Tape::inference(parameters);
            let logits = model.logits(&tape, part);
            flops += tape.flops();
            tokens += part.places(model.context());
            let weight = part.weight();
            loss += weight * f64::from(logits.cross_entropy(targets, Some(weights), 0.0).value().item());
            likeliest.resize(targets.data().len(), 0);
            row_argmax(&mut likeliest, logits.value().data(), logits.shape().last_dim());
            let guesses = likeliest.iter().zip(targets.data()).zip(weights.data());
            right += guesses.filter(|((guess, target), _)| guess == target).map(|(_, &w)| f64::from(w)).sum::<f64>();
            if model.tells_classes() {
                let (logits, classes) = (logits.value().data(), logits.shape().last_dim());
                let rows = targets.data().iter().zip(weights.data()).enumerate();
                let among = rows.filter(|&(row, (&target, _))| is_among(FEW, logits, classes, row, target));
                near += among.map(|(_, (_, &weight))| f64::from(weight)).sum::<f64>();
            }
            total += weight;
            places += targets.data().len();
        }
        #[expect(clippy::cast_precision_loss, reason = "places are below 2^53")]
        let counted = total / places as f64;
        let top5 = (model.tells_classes() && model.vocabulary() > FEW).then(|| near / total);
        Ok(Evaluation { loss: loss / total, accuracy: right / total, counted, top5, tokens, flops })
    }

    /// The perplexity of the targets that count, `exp(loss)`.
    #[must_use]
    pub fn perplexity(&self) -> f64 {
        self.loss.exp()
    }

    /// The perplexity as the program released with arXiv 2305.10991 counts it, over padding too: what [`Evaluation::perplexity`] becomes if padding is
    /// predicted with certainty, `exp(counted · loss)`. It depends on how much padding there is and is for comparison with figures of that program only.
    #[must_use]
    pub fn padded_perplexity(&self) -> f64 {
        (self.counted * self.loss).exp()
    }

    /// The number that a task is judged by.
    #[must_use]
    pub fn of(&self, metric: Metric) -> f64 {
        match metric {
            Metric::Accuracy => self.accuracy,
            Metric::Loss => self.loss,
            Metric::Perplexity | Metric::MaskedPerplexity => self.perplexity(),
        }
    }
}

/// How many classes `top5` looks at.
const FEW: usize = 5;

/// Whether the target of a row is one of its `few` likeliest classes, the first ones of equals.
fn is_among(few: usize, logits: &[f32], classes: usize, row: usize, target: u32) -> bool {
    let (row, target) = (&logits[row * classes..][..classes], target as usize);
    let before = |(class, logit): (usize, &f32)| *logit > row[target] || (*logit == row[target] && class < target);
    row[target].is_finite() && row.iter().enumerate().filter(|&pair| before(pair)).count() < few
}
