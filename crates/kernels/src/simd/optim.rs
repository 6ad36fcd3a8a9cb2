//! Bodies of the optimiser steps.

use super::Isa;
use crate::optim::{AdamStep, SgdStep};

#[inline(always)]
pub(crate) fn adam_step<I: Isa>(p: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32], step: &AdamStep) {
    let (decay, shrink) = if step.decoupled {
        (0.0, (1.0 - step.lr * step.weight_decay) as f32)
    } else {
        (step.weight_decay as f32, 1.0)
    };
    let grad_scale = step.grad_scale as f32;
    let (beta1, fresh1) = (step.beta1 as f32, (1.0 - step.beta1) as f32);
    let (beta2, fresh2) = (step.beta2 as f32, (1.0 - step.beta2) as f32);
    let root_scale = (1.0 / step.bias_correction2.sqrt()) as f32;
    let (eps, rate) = (step.eps as f32, (step.lr / step.bias_correction1) as f32);
    for (((p, &g), m), v) in p.iter_mut().zip(g).zip(m).zip(v) {
        let g = I::mul_add(decay, *p, grad_scale * g);
        *m = I::mul_add(beta1, *m, fresh1 * g);
        *v = I::mul_add(beta2, *v, fresh2 * g * g);
        let root = I::mul_add(v.sqrt(), root_scale, eps);
        *p = I::mul_add(*p, shrink, -(rate * *m / root));
    }
}

#[inline(always)]
pub(crate) fn sgd_step<I: Isa>(p: &mut [f32], g: &[f32], velocity: Option<&mut [f32]>, step: &SgdStep) {
    let (lr, decay, grad_scale) = (step.lr as f32, step.weight_decay as f32, step.grad_scale as f32);
    let (momentum, fresh) = (step.momentum as f32, (1.0 - step.dampening) as f32);
    let Some(velocity) = velocity else {
        for (p, &g) in p.iter_mut().zip(g) {
            *p = I::mul_add(-lr, I::mul_add(decay, *p, grad_scale * g), *p);
        }
        return;
    };
    for ((p, &g), u) in p.iter_mut().zip(g).zip(velocity) {
        let g = I::mul_add(decay, *p, grad_scale * g);
        *u = if step.first { g } else { I::mul_add(momentum, *u, fresh * g) };
        let direction = if step.nesterov { I::mul_add(momentum, *u, g) } else { *u };
        *p = I::mul_add(-lr, direction, *p);
    }
}

#[inline(always)]
pub(crate) fn ema_update<I: Isa>(average: &mut [f32], p: &[f32], decay: f64) {
    let (keep, fresh) = (decay as f32, (1.0 - decay) as f32);
    for (average, &p) in average.iter_mut().zip(p) {
        *average = I::mul_add(keep, *average, fresh * p);
    }
}
