//! A model that learns a task step by step, without any disk: the computation inside [`crate::trainer`].

use std::collections::BTreeMap;
use std::sync::Arc;

use anther_kernels::first_non_finite;
use anther_tensor::{Gradients, ParamId, Parameters, Randomness, Tape, Tensor};
use anther_transformer::{ConfigError, Measure, TRAINING_COST};

use crate::batch::{Batch, Part};
use crate::evaluate::Evaluation;
use crate::model::Model;
use crate::optim::{Ema, GradientError, Optimizer, clip_factor, gradient_norm};
use crate::prefetch::Prefetch;
use crate::recipe::{Recipe, TrainConfig};
use crate::schedule::Schedule;
use crate::task::{Task, TaskError};

/// Why a model could not be made or could not take a step.
#[derive(Debug, thiserror::Error)]
pub enum LearnError {
    /// The recipe makes no model.
    #[error("the recipe cannot be run: {0}")]
    Config(#[from] ConfigError),
    /// The data cannot be used.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// The loss or a gradient is not finite. The parameters are those of the step before.
    #[error("step {step} has a loss of {loss} and was not taken: {cause}")]
    NotFinite {
        /// The step, counted from 1.
        step: u64,
        /// Its loss.
        loss: f64,
        /// Which parameter shows it first.
        cause: NotFinite,
    },
}

/// Where an infinity or NaN shows first.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotFinite {
    /// In a gradient.
    #[error(transparent)]
    Gradient(#[from] GradientError),
    /// In the value of a parameter.
    #[error("the parameter {parameter} is not finite; lower the learning rate or lengthen the warm-up")]
    Parameter {
        /// The first such parameter in definition order.
        parameter: String,
    },
    /// In the loss alone.
    #[error("every parameter and every gradient is finite, so the loss itself overflowed; lower the learning rate")]
    Loss,
}

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepResult {
    /// Steps taken, this one included.
    pub step: u64,
    /// The mean training loss of the batch, in nats a counted target, before the parameters changed.
    pub loss: f64,
    /// The learning rate.
    pub learning_rate: f64,
    /// The norm of the gradient before clipping.
    pub gradient_norm: f64,
    /// Places of the batch that something is predicted at, padding included; of examples to be classified, all places that the model sees.
    pub tokens: usize,
    /// Floating-point operations of the products, forward and backward; parts whose targets do not count are not computed.
    pub flops: u64,
}

/// What running statistics become after a step by each of its parts, summed, and the number of parts.
type Observed = BTreeMap<ParamId, (Vec<f32>, usize)>;

/// A model, its optimiser and its data.
pub struct Learner {
    config: TrainConfig,
    task: Arc<dyn Task>,
    batches: Prefetch,
    model: Model,
    parameters: Parameters<f32>,
    gradients: Gradients<f32>,
    optimizer: Optimizer<f32>,
    ema: Option<Ema<f32>>,
    schedule: Schedule,
    batch: Batch,
    /// The part of the batch that is computed, in memory that the next one takes over.
    part: Option<Part>,
    steps: u64,
}

impl Learner {
    /// A model with its first parameters, which depend on the seed and their names only.
    ///
    /// # Errors
    /// [`LearnError::Config`] for a recipe that is not valid or does not fit the data, [`LearnError::Task`] if the data cannot
    /// give the batches of a step or of an evaluation.
    pub fn new(recipe: &Recipe, task: Box<dyn Task>) -> Result<Self, LearnError> {
        // The task is there, whether or not the recipe says where its data are.
        recipe.validate_without_data()?;
        let config = recipe.train.clone();
        let (model, parameters) =
            Model::build(&recipe.model, task.symbols().form(), |width| task.fixed_embedding(width), config.seed)?;
        let task: Arc<dyn Task> = task.into();
        let mut batch = Batch::default();
        // What is wrong with evaluations is told now and not after some hundred steps.
        let evaluation = task.evaluation();
        if !evaluation.is_empty() {
            evaluation.refill(0, &mut batch)?;
        }
        drop(evaluation);
        Ok(Learner {
            gradients: parameters.gradients(),
            optimizer: Optimizer::new(&config.optimizer(), &parameters),
            ema: (config.ema > 0.0).then(|| Ema::new(&parameters, config.ema)),
            schedule: config.schedule(),
            batches: Prefetch::new(Arc::clone(&task)),
            batch,
            part: None,
            steps: 0,
            model: model.recomputing(config.recompute),
            config,
            task,
            parameters,
        })
    }

    /// Puts these values in the place of the first parameters.
    ///
    /// # Panics
    /// If they are those of another model.
    #[track_caller]
    pub fn start_from(&mut self, parameters: &Parameters<f32>) {
        let (own, _, average) = self.state_mut();
        for own in std::iter::once(own).chain(average) {
            assert_eq!(
                own.values().len(),
                parameters.values().len(),
                "start_from: these are parameters of another model"
            );
            own.values_mut().copy_from_slice(parameters.values());
        }
    }

    /// Takes one step on the next batch: forward, backward, clipping, optimiser, moving average.
    ///
    /// The batch is computed in `train.accumulate` parts; each part adds the sum of its weighted losses, and the whole is
    /// divided by the sum of the weights, so the parts change the result by rounding only. A batch in which no target counts
    /// has a loss and a gradient of 0.
    ///
    /// # Errors
    /// [`LearnError::NotFinite`] before anything is changed, [`LearnError::Task`].
    pub fn step(&mut self) -> Result<StepResult, LearnError> {
        self.batches.batch(self.steps, self.config.steps, &mut self.batch)?;
        self.gradients.clear();
        let (parts, rows) = (self.config.accumulate, self.batch.rows());
        let (mut loss, mut total, mut flops, mut observed) = (0.0, 0.0, 0, Observed::new());
        for i in 0..parts {
            // A batch of fewer rows than usual has parts of unequal sizes.
            let range = i * rows / parts..(i + 1) * rows / parts;
            if range.is_empty() {
                continue;
            }
            let part = match &mut self.part {
                Some(part) => {
                    part.refill(&self.batch, range);
                    part
                }
                none => none.insert(Part::new(&self.batch, range)),
            };
            let weight = part.weight();
            if weight == 0.0 {
                continue;
            }
            // Every part of every step draws its own dropout masks.
            let pass = self.steps * parts as u64 + i as u64;
            let tape = Tape::training(&self.parameters, Randomness { seed: self.config.seed, step: pass });
            let mean = self.model.loss(&tape, part, self.config.label_smoothing);
            loss += weight * f64::from(mean.value().item());
            total += weight;
            flops += TRAINING_COST * tape.flops();
            #[expect(clippy::cast_possible_truncation, reason = "tokens of a batch are below 2^26")]
            let cotangent = Tensor::full(mean.shape(), weight as f32);
            tape.backward(&mean, Some(cotangent), &mut self.gradients);
            for (statistic, value) in tape.take_observed() {
                note(&mut observed, statistic, value.data());
            }
        }
        let mean = if total == 0.0 { 0.0 } else { 1.0 / total };
        self.apply(loss * mean, mean, flops, &observed)
    }

    /// The second half of a step: changes the parameters along `mean · gradients`, and running statistics to what was observed.
    fn apply(&mut self, loss: f64, mean: f64, flops: u64, observed: &Observed) -> Result<StepResult, LearnError> {
        let step = self.steps + 1;
        let norm = gradient_norm(&self.parameters, &mut self.gradients).map_err(|cause| LearnError::NotFinite {
            step,
            loss,
            cause: cause.into(),
        })? * mean;
        if !loss.is_finite() {
            let parameter = self.first_not_finite();
            let cause = parameter.map_or(NotFinite::Loss, |parameter| NotFinite::Parameter { parameter });
            return Err(LearnError::NotFinite { step, loss, cause });
        }
        let learning_rate = self.schedule.at(self.steps);
        let scale = mean * clip_factor(norm, self.config.clip);
        self.optimizer.step(&mut self.parameters, &mut self.gradients, learning_rate, scale);
        for (&statistic, (sum, parts)) in observed {
            let mean: Vec<f32> = sum.iter().map(|sum| sum / *parts as f32).collect();
            self.parameters.set(statistic, &mean);
        }
        self.steps = step;
        if let Some(ema) = &mut self.ema {
            ema.update(&self.parameters, step);
        }
        let places = || self.batch.rows() * self.model.context();
        let tokens = self.batch.predicted().map_or_else(places, |batch| batch.inputs.len());
        Ok(StepResult { step, loss, learning_rate, gradient_norm: norm, tokens, flops })
    }

    /// Measures the model on the batches of the task's evaluation: the moving average of the weights if the recipe keeps one.
    ///
    /// # Errors
    /// [`TaskError`] if the data cannot give a batch.
    pub fn evaluate(&self) -> Result<Evaluation, TaskError> {
        let parameters = self.average().unwrap_or(&self.parameters);
        Evaluation::measure(&self.model, parameters, &self.task.evaluation())
    }

    /// Whether the task has something to measure the model on.
    pub(crate) fn can_evaluate(&self) -> bool {
        !self.task.evaluation().is_empty()
    }

    /// The first parameter whose value holds an infinity or NaN.
    #[must_use]
    pub fn first_not_finite(&self) -> Option<String> {
        let index = first_non_finite(self.parameters.values())?;
        let owner = self.parameters.ids().find(|&id| self.parameters.range(id).contains(&index));
        owner.map(|id| self.parameters.spec(id).name.clone())
    }

    /// Steps taken.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The data.
    #[must_use]
    pub fn task(&self) -> &dyn Task {
        &*self.task
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The parameters as training left them.
    #[must_use]
    pub fn parameters(&self) -> &Parameters<f32> {
        &self.parameters
    }

    /// The moving average of the parameters, if the recipe keeps one.
    #[must_use]
    pub fn average(&self) -> Option<&Parameters<f32>> {
        self.ema.as_ref().map(Ema::parameters)
    }

    /// The optimiser.
    #[must_use]
    pub fn optimizer(&self) -> &Optimizer<f32> {
        &self.optimizer
    }

    /// Everything that a checkpoint restores, to be overwritten.
    pub(crate) fn state_mut(&mut self) -> (&mut Parameters<f32>, &mut Optimizer<f32>, Option<&mut Parameters<f32>>) {
        (&mut self.parameters, &mut self.optimizer, self.ema.as_mut().map(Ema::parameters_mut))
    }

    /// Sets the number of steps taken.
    pub(crate) fn set_steps(&mut self, steps: u64) {
        self.steps = steps;
        self.optimizer.set_steps(steps);
    }
}

/// Adds what a part of a batch makes of a running statistic.
fn note(observed: &mut Observed, statistic: ParamId, value: &[f32]) {
    match observed.get_mut(&statistic) {
        Some((sum, parts)) => {
            sum.iter_mut().zip(value).for_each(|(sum, value)| *sum += value);
            *parts += 1;
        }
        None => {
            observed.insert(statistic, (value.to_vec(), 1));
        }
    }
}
