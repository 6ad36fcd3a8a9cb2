//! The step of rectified Adam, told to the kernel of Adam.

use anther_kernels::AdamStep;

/// The numbers of step `t`, counted from 1, of the program released with arXiv 1908.03265: with `ρ∞ = 2/(1 − β₂) − 1` and `ρ = ρ∞ − 2 t β₂ᵗ/(1 − β₂ᵗ)`,
///
/// - where `ρ ≥ 5`: `p ← p − lr · √((1 − β₂ᵗ) (ρ−4)/(ρ∞−4) (ρ−2)/ρ ρ∞/(ρ∞−2)) · m̂/(√v + ε)`, with a root that is not corrected,
/// - before: `p ← p − lr · m̂`, a step along the mean of gradients alone,
///
/// for `m̂ = m/(1 − β₁ᵗ)`, after `p ← p · (1 − lr·λ)`.
#[expect(clippy::cast_precision_loss, reason = "steps are far below 2^53")]
pub(super) fn step(t: u64, lr: f64, (beta1, beta2): (f64, f64), eps: f64, weight_decay: f64) -> AdamStep {
    let past = beta2.powf(t as f64);
    let longest = 2.0 / (1.0 - beta2) - 1.0;
    let length = longest - 2.0 * t as f64 * past / (1.0 - past);
    let plain = AdamStep {
        lr,
        beta1,
        beta2,
        // No root at all: it is divided by infinity, and the denominator is 1.
        eps: 1.0,
        bias_correction2: f64::INFINITY,
        weight_decay,
        decoupled: true,
        bias_correction1: 1.0 - beta1.powf(t as f64),
        grad_scale: 1.0,
    };
    if length < 5.0 {
        return plain;
    }
    let variance = (length - 4.0) / (longest - 4.0) * (length - 2.0) / length * longest / (longest - 2.0);
    let rectification = ((1.0 - past) * variance).sqrt();
    // The decay is that of the learning rate before it was rectified.
    AdamStep { lr: lr * rectification, eps, bias_correction2: 1.0, weight_decay: weight_decay / rectification, ..plain }
}
