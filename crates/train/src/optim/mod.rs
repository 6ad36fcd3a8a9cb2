//! Optimisers over the slab of parameters.
//!
//! Moments are slabs with the layout of the values, so a step is one pass over memory and a checkpoint keeps one tensor for
//! each moment. Weight decay is for matrices and tables: parameters of one dimension (biases, gains) are left alone, as is
//! usual for transformers.

mod average;
mod clip;
mod groups;
mod moments;
mod rectified;

pub use average::Ema;
pub use clip::{GradientError, clip_factor, gradient_norm};
pub use groups::{DecayGroup, decay_groups};
pub use moments::{Mismatch, RestoreError, restore_parameters, restore_slabs, slab_layout};

use anther_kernels::{AdamStep, AlignedVec, SgdStep, adam_step, sgd_step};
use anther_tensor::{Element, Gradients, Parameters};
use serde::{Deserialize, Serialize};

/// Which formulas a step uses; they are those of PyTorch's optimisers of the same names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerKind {
    /// Adam with decoupled weight decay: parameters shrink by `learning rate · decay` beside the step.
    AdamW,
    /// Adam whose weight decay is added to the gradient.
    Adam,
    /// Rectified Adam (arXiv 1908.03265) as in the program released with it, with decoupled weight decay.
    RAdam,
    /// Stochastic gradient descent with momentum.
    Sgd,
    /// Stochastic gradient descent that looks ahead along the momentum.
    Nesterov,
}

/// The numbers of an optimiser that stay the same from step to step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OptimizerConfig {
    /// Which formulas.
    pub kind: OptimizerKind,
    /// Adam, RAdam: the decay of the mean of gradients, in `[0, 1)`.
    pub beta1: f64,
    /// Adam, RAdam: the decay of the mean of squared gradients, in `[0, 1)`.
    pub beta2: f64,
    /// Adam: added to the root of the mean of squares, above 0.
    pub eps: f64,
    /// SGD: the decay of the velocity, in `[0, 1)`; 0 for none.
    pub momentum: f64,
    /// The decay λ of parameters of two and more dimensions.
    pub weight_decay: f64,
}

/// An optimiser with its moments.
///
/// ```
/// use anther_tensor::{Init, ParamSet, Parameters, Tape};
/// use anther_train::optim::{Optimizer, OptimizerConfig, OptimizerKind};
///
/// let mut set = ParamSet::new();
/// let weight = set.root().param("weight", [2], Init::Ones);
/// let mut parameters = Parameters::<f64>::initialise(&set, 0);
/// let mut gradients = parameters.gradients();
/// let config = OptimizerConfig {
///     kind: OptimizerKind::Sgd, momentum: 0.0, weight_decay: 0.0, beta1: 0.9, beta2: 0.999, eps: 1e-8,
/// };
/// let mut optimizer = Optimizer::new(&config, &parameters);
/// let tape = Tape::recording(&parameters);
/// tape.backward(&tape.param(weight).square().sum(), None, &mut gradients); // the gradient is 2 w = 2
/// drop(tape);
/// optimizer.step(&mut parameters, &mut gradients, 0.25, 1.0);
/// assert_eq!(parameters.tensor(weight).data(), [0.5, 0.5]);
/// ```
pub struct Optimizer<T: Element> {
    config: OptimizerConfig,
    groups: Vec<DecayGroup>,
    moments: Vec<(&'static str, AlignedVec<T>)>,
    steps: u64,
}

impl<T: Element> Optimizer<T> {
    /// An optimiser that has taken no step. Takes as much memory as the parameters for each moment: two for Adam, one for
    /// momentum, none for plain descent.
    #[must_use]
    pub fn new(config: &OptimizerConfig, parameters: &Parameters<T>) -> Self {
        let names: &[&str] = match config.kind {
            OptimizerKind::AdamW | OptimizerKind::Adam | OptimizerKind::RAdam => &["adam.m", "adam.v"],
            OptimizerKind::Sgd | OptimizerKind::Nesterov if config.momentum != 0.0 => &["sgd.velocity"],
            OptimizerKind::Sgd | OptimizerKind::Nesterov => &[],
        };
        Optimizer {
            config: *config,
            groups: decay_groups(parameters, config.weight_decay),
            moments: names.iter().map(|&name| (name, parameters.slab_of_zeros())).collect(),
            steps: 0,
        }
    }

    /// One step with the gradient `grad_scale · gradients` (clipping and averaging are folded into that factor).
    ///
    /// One pass over the slabs. Drop the tapes of the step first: parameters that are still shared are copied.
    ///
    /// # Panics
    /// If the gradients or the parameters have another layout than those the optimiser was made for.
    #[track_caller]
    pub fn step(&mut self, parameters: &mut Parameters<T>, gradients: &mut Gradients<T>, lr: f64, grad_scale: f64) {
        let first = self.steps == 0;
        self.steps += 1;
        let OptimizerConfig { kind, beta1, beta2, eps, momentum, .. } = self.config;
        let (values, gradients) = (parameters.values_mut(), gradients.slab_mut());
        for group in &self.groups {
            let (range, weight_decay) = (group.range.clone(), group.weight_decay);
            let (p, g) = (&mut values[range.clone()], &gradients[range.clone()]);
            match (kind, &mut self.moments[..]) {
                (OptimizerKind::RAdam, [(_, m), (_, v)]) => {
                    let step = rectified::step(self.steps, lr, (beta1, beta2), eps, weight_decay);
                    let step = AdamStep { grad_scale, ..step };
                    adam_step(p, g, &mut m[range.clone()], &mut v[range], &step);
                }
                (OptimizerKind::AdamW | OptimizerKind::Adam, [(_, m), (_, v)]) => {
                    let step = AdamStep {
                        lr,
                        beta1,
                        beta2,
                        eps,
                        weight_decay,
                        decoupled: kind == OptimizerKind::AdamW,
                        bias_correction1: bias_correction(beta1, self.steps),
                        bias_correction2: bias_correction(beta2, self.steps),
                        grad_scale,
                    };
                    adam_step(p, g, &mut m[range.clone()], &mut v[range], &step);
                }
                (_, moments) => {
                    let nesterov = kind == OptimizerKind::Nesterov;
                    let step = SgdStep { lr, momentum, dampening: 0.0, weight_decay, nesterov, first, grad_scale };
                    sgd_step(p, g, moments.first_mut().map(|(_, velocity)| &mut velocity[range]), &step);
                }
            }
        }
    }

    /// Steps taken.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The moments by name, each with the layout of the slab of parameters.
    pub fn slabs(&self) -> impl Iterator<Item = (&'static str, &[T])> {
        self.moments.iter().map(|(name, slab)| (*name, &slab[..]))
    }

    /// The moments by name, to be filled when a run resumes.
    pub fn slabs_mut(&mut self) -> impl Iterator<Item = (&'static str, &mut [T])> {
        self.moments.iter_mut().map(|(name, slab)| (*name, &mut slab[..]))
    }

    /// Sets the number of steps taken, which the corrections of Adam depend on.
    pub fn set_steps(&mut self, steps: u64) {
        self.steps = steps;
    }
}

/// `1 − βᵗ`.
fn bias_correction(beta: f64, step: u64) -> f64 {
    // Beyond 2^31 steps every β below 1 has long vanished.
    1.0 - beta.powi(i32::try_from(step).unwrap_or(i32::MAX))
}
