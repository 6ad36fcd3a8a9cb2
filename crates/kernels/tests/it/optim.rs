//! Steps of optimisers against PyTorch's formulas, written out one number at a time.

use anther_kernels::{AdamStep, SgdStep, adam_step, ema_update, sgd_step};

use crate::common::{EPS, Shifted, assert_close, at_each_length, normal};

const ADAM: AdamStep = AdamStep {
    lr: 1e-2,
    beta1: 0.9,
    beta2: 0.999,
    eps: 1e-8,
    weight_decay: 0.1,
    decoupled: true,
    bias_correction1: 1.0 - 0.9 * 0.9,
    bias_correction2: 1.0 - 0.999 * 0.999,
    grad_scale: 0.5,
};

const SGD: SgdStep = SgdStep {
    lr: 0.1,
    momentum: 0.9,
    dampening: 0.2,
    weight_decay: 0.01,
    nesterov: false,
    first: false,
    grad_scale: 0.5,
};

#[test]
fn adam_at_each_length() {
    at_each_length(|level, len, offset| {
        let (p, g, m) = (Shifted::new(&normal(len, 1), offset), normal(len, 2), normal(len, 3));
        let v: Vec<f32> = normal(len, 4).iter().map(|v| v * v).collect();
        for decoupled in [false, true] {
            let (got, want) = both!([p, g, m, v], {
                let (mut p, mut m, mut v) = (p.to_vec(), m.to_vec(), v.to_vec());
                adam_step(&mut p, g, &mut m, &mut v, &AdamStep { decoupled, ..ADAM });
                [p, m, v].concat()
            });
            assert_close(&format!("adam at {level}, {len} elements"), &got, &want, |_, want| {
                EPS * (8.0 * want.abs() + 4.0)
            });
        }
    });
}

#[test]
fn sgd_and_average_at_each_length() {
    at_each_length(|level, len, offset| {
        let (p, g, u) = (Shifted::new(&normal(len, 5), offset), normal(len, 6), normal(len, 7));
        for (nesterov, first, velocity) in
            [(false, false, true), (true, false, true), (false, true, true), (true, true, true), (false, false, false)]
        {
            let (got, want) = both!([p, g, u], {
                let (mut p, mut u, mut average) = (p.to_vec(), u.to_vec(), g.to_vec());
                if velocity {
                    sgd_step(&mut p, g, Some(&mut u), &SgdStep { nesterov, first, ..SGD });
                } else {
                    sgd_step(&mut p, g, None, &SgdStep { momentum: 0.0, ..SGD });
                }
                ema_update(&mut average, &p, 0.99);
                [p, u, average].concat()
            });
            assert_close(&format!("sgd at {level}, {len} elements"), &got, &want, |_, want| {
                EPS * (4.0 * want.abs() + 4.0)
            });
        }
    });
}

/// The twin against the formulas of the documentation, for one parameter over three steps.
#[test]
fn adam_is_the_published_formula() {
    let (mut p, mut m, mut v) = ([0.7f64], [0.0], [0.0]);
    let (mut p2, mut m2, mut v2) = (0.7f64, 0.0f64, 0.0f64);
    for t in 1..=3 {
        let g = 0.3 * f64::from(t);
        let (c1, c2) = (1.0 - 0.9f64.powi(t), 1.0 - 0.999f64.powi(t));
        let step = AdamStep { bias_correction1: c1, bias_correction2: c2, grad_scale: 1.0, ..ADAM };
        adam_step(&mut p, &[g], &mut m, &mut v, &step);
        p2 -= 1e-2 * 0.1 * p2;
        m2 = 0.9 * m2 + 0.1 * g;
        v2 = 0.999 * v2 + 0.001 * g * g;
        p2 -= 1e-2 * (m2 / c1) / ((v2 / c2).sqrt() + 1e-8);
    }
    assert!((p[0] - p2).abs() < 1e-14, "{} against {p2}", p[0]);
}

/// The first step does not read the velocity, which may be stale.
#[test]
fn first_step_of_sgd_ignores_stale_velocity() {
    let (mut p, mut u) = ([1.0f32; 3], [f32::NAN; 3]);
    let step = SgdStep { first: true, weight_decay: 0.0, grad_scale: 1.0, ..SGD };
    sgd_step(&mut p, &[1.0, 2.0, 3.0], Some(&mut u), &step);
    assert_eq!(u, [1.0, 2.0, 3.0]);
    assert!(p.iter().zip([0.9, 0.8, 0.7]).all(|(p, want)| (p - want).abs() < 1e-6));
}

#[test]
#[should_panic(expected = "momentum 0.9 needs a velocity")]
fn momentum_needs_a_velocity() {
    sgd_step(&mut [1.0f32], &[1.0], None, &SGD);
}
