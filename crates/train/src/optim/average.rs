//! The moving average of the weights, which is often better than the weights themselves.

use anther_kernels::ema_update;
use anther_tensor::{Element, Parameters};

/// An exponential moving average of parameters.
///
/// After step `t` (from 1) the average moves by `a ← d·a + (1 − d)·p` with `d = min(decay, t / (t + 9))`: the smaller decay
/// of the first steps lets go of the initial values, which would otherwise weigh on short runs.
pub struct Ema<T: Element> {
    decay: f64,
    average: Parameters<T>,
}

impl<T: Element> Ema<T> {
    /// Starts at the given values. Takes as much memory as the parameters, from the first update on.
    #[must_use]
    pub fn new(parameters: &Parameters<T>, decay: f64) -> Self {
        Ema { decay, average: parameters.clone() }
    }

    /// Moves the average after step number `step`, counted from 1. One pass over the slab.
    ///
    /// # Panics
    /// If the parameters have another layout.
    pub fn update(&mut self, parameters: &Parameters<T>, step: u64) {
        let decay = self.decay_at(step);
        ema_update(self.average.values_mut(), parameters.values(), decay);
    }

    /// The decay `min(decay, t / (t + 9))` used after step `t`.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "steps are far below 2^53")]
    pub fn decay_at(&self, step: u64) -> f64 {
        self.decay.min(step as f64 / (step as f64 + 9.0))
    }

    /// The average, as parameters that a model can run with.
    #[must_use]
    pub fn parameters(&self) -> &Parameters<T> {
        &self.average
    }

    /// The average, to be overwritten when a run resumes.
    pub fn parameters_mut(&mut self) -> &mut Parameters<T> {
        &mut self.average
    }
}
