//! Twins of the optimiser steps.

use crate::optim::{AdamStep, SgdStep};
use crate::real::Real;

pub(crate) fn adam_step<T: Real>(p: &mut [T], g: &[T], m: &mut [T], v: &mut [T], step: &AdamStep) {
    let real = T::from_f64;
    for (((p, &g), m), v) in p.iter_mut().zip(g).zip(m).zip(v) {
        let mut g = real(step.grad_scale) * g;
        if step.decoupled {
            *p *= real(1.0 - step.lr * step.weight_decay);
        } else {
            g += real(step.weight_decay) * *p;
        }
        *m = real(step.beta1) * *m + real(1.0 - step.beta1) * g;
        *v = real(step.beta2) * *v + real(1.0 - step.beta2) * g * g;
        let root = v.sqrt() / real(step.bias_correction2.sqrt()) + real(step.eps);
        *p -= real(step.lr / step.bias_correction1) * *m / root;
    }
}

pub(crate) fn sgd_step<T: Real>(p: &mut [T], g: &[T], velocity: Option<&mut [T]>, step: &SgdStep) {
    let real = T::from_f64;
    let gradient = |g: T, p: T| real(step.grad_scale) * g + real(step.weight_decay) * p;
    let Some(velocity) = velocity else {
        for (p, &g) in p.iter_mut().zip(g) {
            *p -= real(step.lr) * gradient(g, *p);
        }
        return;
    };
    for ((p, &g), u) in p.iter_mut().zip(g).zip(velocity) {
        let g = gradient(g, *p);
        *u = if step.first { g } else { real(step.momentum) * *u + real(1.0 - step.dampening) * g };
        *p -= real(step.lr) * if step.nesterov { g + real(step.momentum) * *u } else { *u };
    }
}

pub(crate) fn ema_update<T: Real>(average: &mut [T], p: &[T], decay: f64) {
    for (average, &p) in average.iter_mut().zip(p) {
        *average = T::from_f64(decay) * *average + T::from_f64(1.0 - decay) * p;
    }
}
