//! Optimiser steps and moving averages over ranges of a slab of parameters, in one pass.
//!
//! The formulas are those of PyTorch's `Adam`, `AdamW` and `SGD`, so that runs can be compared.

use crate::check;
use crate::real::Real;
use crate::table::table;
use crate::threads::{BLOCK, blocks, blocks2, blocks3, part};

/// The numbers of one step of Adam or AdamW.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep {
    /// The learning rate.
    pub lr: f64,
    /// The decay of the mean of gradients.
    pub beta1: f64,
    /// The decay of the mean of squared gradients.
    pub beta2: f64,
    /// Added to the root, against division by zero.
    pub eps: f64,
    /// The weight decay λ.
    pub weight_decay: f64,
    /// AdamW (parameters shrink by `lr · λ`) instead of Adam (λ · p joins the gradient).
    pub decoupled: bool,
    /// 1 − β₁ᵗ at step t, counted from 1.
    pub bias_correction1: f64,
    /// 1 − β₂ᵗ at step t, counted from 1.
    pub bias_correction2: f64,
    /// A factor on the gradient (clipping, averaging).
    pub grad_scale: f64,
}

/// One step of Adam or AdamW. With `g' = grad_scale · g` (+ λ·p for Adam):
///
/// - AdamW only: `p ← p · (1 − lr·λ)`
/// - `m ← β₁·m + (1 − β₁)·g'`, `v ← β₂·v + (1 − β₂)·g'²`
/// - `p ← p − lr / bias_correction1 · m / (√v / √bias_correction2 + eps)`
///
/// # Panics
/// When the lengths differ.
#[track_caller]
pub fn adam_step<T: Real>(p: &mut [T], g: &[T], m: &mut [T], v: &mut [T], step: &AdamStep) {
    check::length("adam_step", "g", g.len(), p.len());
    check::length("adam_step", "m", m.len(), p.len());
    check::length("adam_step", "v", v.len(), p.len());
    let run = table::<T>().adam_step;
    blocks3(p.len() * 3, (p, BLOCK), (m, BLOCK), (v, BLOCK), |i, p, m, v| run(p, part(g, i, BLOCK), m, v, step));
}

/// The numbers of one step of stochastic gradient descent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SgdStep {
    /// The learning rate.
    pub lr: f64,
    /// The decay of the velocity; 0 for none.
    pub momentum: f64,
    /// How much of the gradient is kept out of the velocity.
    pub dampening: f64,
    /// The weight decay λ.
    pub weight_decay: f64,
    /// Look ahead along the velocity.
    pub nesterov: bool,
    /// The first step of these parameters: the velocity starts as the gradient and its former contents are not read.
    pub first: bool,
    /// A factor on the gradient (clipping, averaging).
    pub grad_scale: f64,
}

/// One step of stochastic gradient descent. With `g' = grad_scale · g + λ·p`:
///
/// - without velocity: `p ← p − lr·g'`
/// - `u ← momentum·u + (1 − dampening)·g'`, or `u ← g'` on the first step; `p ← p − lr·u`, or `p ← p − lr·(g' + momentum·u)` with Nesterov
///
/// # Panics
/// When the lengths differ, or `momentum` is not 0 and there is no velocity.
#[track_caller]
pub fn sgd_step<T: Real>(p: &mut [T], g: &[T], velocity: Option<&mut [T]>, step: &SgdStep) {
    check::length("sgd_step", "g", g.len(), p.len());
    let run = table::<T>().sgd_step;
    match velocity {
        Some(velocity) => {
            check::length("sgd_step", "velocity", velocity.len(), p.len());
            blocks2(p.len() * 2, (p, BLOCK), (velocity, BLOCK), |i, p, velocity| {
                run(p, part(g, i, BLOCK), Some(velocity), step);
            });
        }
        None => {
            assert!(step.momentum == 0.0, "kernels::sgd_step: momentum {} needs a velocity", step.momentum);
            blocks(p.len(), p, BLOCK, |i, p| run(p, part(g, i, BLOCK), None, step));
        }
    }
}

/// `average ← decay · average + (1 − decay) · p`
///
/// # Panics
/// When the lengths differ.
#[track_caller]
pub fn ema_update<T: Real>(average: &mut [T], p: &[T], decay: f64) {
    check::length("ema_update", "p", p.len(), average.len());
    let run = table::<T>().ema_update;
    blocks(p.len(), average, BLOCK, |i, average| run(average, part(p, i, BLOCK), decay));
}
