//! Layer normalisation and root-mean-square normalisation.

use anther_kernels::{
    Real, Write, layer_norm, layer_norm_backward, layer_norm_backward_affine, layer_norm_backward_input, rms_norm,
    rms_norm_backward, rms_norm_backward_affine, rms_norm_backward_input,
};

use crate::common::{EPS, Shifted, assert_close, at_each_length, at_each_level, normal, wide};

const ROWS: usize = 4;

#[test]
fn forward_at_each_length() {
    at_each_length(|level, cols, offset| {
        let x = Shifted::new(&normal(ROWS * cols, 1), offset);
        let (gamma, beta) = (normal(cols, 2), normal(cols, 3));
        for (with_gamma, with_beta) in [(true, true), (true, false), (false, true), (false, false)] {
            let (got, want) = both!([x, gamma, beta], {
                let (mut out, mut mean, mut rstd) = (vec![T::NAN; x.len()], vec![T::NAN; ROWS], vec![T::NAN; ROWS]);
                let (gamma, beta) = (with_gamma.then_some(gamma), with_beta.then_some(beta));
                layer_norm(&mut out, &mut mean, &mut rstd, x, gamma, beta, cols, T::from_f64(1e-3));
                let layer = out.clone();
                rms_norm(&mut out, &mut rstd, x, gamma, cols, T::from_f64(1e-3));
                out.extend(layer);
                out
            });
            // A normalised value is below √cols, a factor below 5; short rows nearly cancel in the distance from their mean.
            assert_close(&format!("norms at {level}, {cols} columns"), &got, &want, |_, want| {
                EPS * (20.0 * want.abs() + 400.0)
            });
        }
    });
}

#[test]
fn an_infinite_number_is_not_normalised_away() {
    at_each_level(|level| {
        let (mut out, mut mean, mut rstd) = ([0.0f32; 3], [0.0], [0.0]);
        layer_norm(&mut out, &mut mean, &mut rstd, &[f32::INFINITY, 1.0, 2.0], None, None, 3, 1e-5);
        assert!(out.iter().all(|x| x.is_nan()) && rstd[0].is_nan(), "{level}: {out:?}");
    });
}

#[test]
fn backward_at_each_length() {
    at_each_length(|level, cols, offset| {
        let x = Shifted::new(&normal(ROWS * cols, 4), offset);
        let dy = Shifted::new(&normal(ROWS * cols, 5), 3 - offset);
        let gamma = normal(cols, 6);
        let (mut out, mut mean, mut rstd) = (vec![0.0; x.len()], vec![0.0; ROWS], vec![0.0; ROWS]);
        layer_norm(&mut out, &mut mean, &mut rstd, &x, None, None, cols, 0.1);
        for write in [Write::Set, Write::Add] {
            for with_gamma in [true, false] {
                let (got, want) = both!([x, dy, gamma, mean, rstd], {
                    let start = if write == Write::Set { T::NAN } else { T::ONE };
                    let mut dx = vec![start; x.len()];
                    let mut second = dx.clone();
                    let (mut dgamma, mut dbeta, mut dscale) = (vec![start; cols], vec![start; cols], vec![start; cols]);
                    let factor = with_gamma.then_some(gamma);
                    layer_norm_backward_input(&mut dx, dy, x, mean, rstd, factor, cols, write);
                    rms_norm_backward_input(&mut second, dy, x, rstd, factor, cols, write);
                    layer_norm_backward_affine(&mut dgamma, &mut dbeta, dy, x, mean, rstd, cols, write, write);
                    rms_norm_backward_affine(&mut dscale, dy, x, rstd, cols, write);
                    [dx, second, dgamma, dbeta, dscale].concat()
                });
                let worst = rstd.iter().fold(1.0f32, |a, &b| a.max(b));
                assert_close(&format!("norm gradients at {level}, {cols} columns"), &got, &want, |_, want| {
                    EPS * (10.0 * want.abs() + 2000.0 * f64::from(worst))
                });
            }
        }
    });
}

/// No rows, one chunk of rows, several, and the most that there are, at each level.
#[test]
fn the_gradients_in_one_pass_are_those_of_separate_calls() {
    at_each_level(|level| {
        for (rows, cols) in [(0, 5), (1, 1), (64, 33), (65, 130), (300, 70), (20_001, 3), (7, 0)] {
            let rows_len = if cols == 0 { 0 } else { rows };
            let (x, dy, gamma) = (normal(rows * cols, 11), normal(rows * cols, 12), normal(cols, 13));
            let (mean, rstd) = (normal(rows_len, 14), vec![0.7; rows_len]);
            for write in [Write::Set, Write::Add] {
                let start = if write == Write::Set { f32::NAN } else { 1.0 };
                let outputs = || (vec![start; x.len()], vec![start; cols], vec![start; cols]);
                let what = format!("{level}, {rows} × {cols}, {write:?}");
                let close = |name: &str, one: &[f32], separate: &[f32]| {
                    // Sums over rows are added in another order.
                    assert_close(&format!("{name} at {what}"), one, &wide(separate), |_, want| {
                        EPS * (8.0 * want.abs() + 20.0 * (rows as f64).sqrt())
                    });
                };
                let (mut dx, mut dgamma, mut dbeta) = outputs();
                let affine = (&mut dgamma, &mut dbeta);
                layer_norm_backward(&mut dx, affine.0, affine.1, &dy, &x, &mean, &rstd, &gamma, cols, write, write);
                let (mut dx2, mut dgamma2, mut dbeta2) = outputs();
                layer_norm_backward_input(&mut dx2, &dy, &x, &mean, &rstd, Some(&gamma), cols, write);
                let affine = (&mut dgamma2, &mut dbeta2);
                layer_norm_backward_affine(affine.0, affine.1, &dy, &x, &mean, &rstd, cols, write, write);
                close("dx", &dx, &dx2);
                close("dgamma", &dgamma, &dgamma2);
                close("dbeta", &dbeta, &dbeta2);

                let (mut dx, mut dgamma, _) = outputs();
                rms_norm_backward(&mut dx, &mut dgamma, &dy, &x, &rstd, &gamma, cols, write, write);
                let (mut dx2, mut dgamma2, _) = outputs();
                rms_norm_backward_input(&mut dx2, &dy, &x, &rstd, Some(&gamma), cols, write);
                rms_norm_backward_affine(&mut dgamma2, &dy, &x, &rstd, cols, write);
                close("dx by root mean square", &dx, &dx2);
                close("dgamma by root mean square", &dgamma, &dgamma2);
            }
        }
    });
}

/// A mean that dwarfs the spread: the one-pass formula would lose the variance altogether.
#[test]
fn a_large_mean_does_not_spoil_the_variance() {
    at_each_level(|level| {
        let x: Vec<f32> = (0..1000).map(|i| 10_000.0 + (i % 2) as f32 * 0.25).collect();
        let (mut out, mut mean, mut rstd) = (vec![0.0; 1000], [0.0], [0.0]);
        layer_norm(&mut out, &mut mean, &mut rstd, &x, None, None, 1000, 0.0);
        assert_eq!(mean, [10_000.125], "{level}");
        assert!((rstd[0] - 8.0).abs() < 1e-5, "{level}: {}", rstd[0]);
        assert!(out.iter().all(|y| (y.abs() - 1.0).abs() < 1e-5), "{level}");
    });
}

#[test]
fn a_constant_row_is_zeros_and_an_empty_gradient_is_left_out() {
    at_each_level(|level| {
        let (mut out, mut mean, mut rstd) = ([f32::NAN; 5], [0.0], [0.0]);
        layer_norm(&mut out, &mut mean, &mut rstd, &[3.0; 5], None, None, 5, 1e-5);
        assert_eq!((out, mean), ([0.0; 5], [3.0]), "{level}");
        let mut dbeta = [f32::NAN; 5];
        let x = [1.0, 2.0, 3.0, 4.0, 5.0];
        layer_norm_backward_affine(&mut [], &mut dbeta, &x, &x, &[3.0], &[1.0], 5, Write::Set, Write::Set);
        assert_eq!(dbeta, x, "{level}");
    });
}

/// All gradients against difference quotients in `f64`.
#[test]
fn gradients_are_slopes() {
    let (cols, rows, eps, h) = (6, 3, 0.01, 1e-6);
    let x = wide(&normal(rows * cols, 7));
    let (gamma, beta, g) = (wide(&normal(cols, 8)), wide(&normal(cols, 9)), wide(&normal(rows * cols, 10)));
    for root in [false, true] {
        let forward = |x: &[f64], gamma: &[f64], beta: &[f64]| {
            let (mut y, mut mean, mut rstd) = (vec![0.0; rows * cols], vec![0.0; rows], vec![0.0; rows]);
            if root {
                rms_norm(&mut y, &mut rstd, x, Some(gamma), cols, eps);
            } else {
                layer_norm(&mut y, &mut mean, &mut rstd, x, Some(gamma), Some(beta), cols, eps);
            }
            (y.iter().zip(&g).map(|(y, g)| y * g).sum::<f64>(), mean, rstd)
        };
        let (_, mean, rstd) = forward(&x, &gamma, &beta);
        let (mut dx, mut dgamma, mut dbeta) = (vec![0.0; rows * cols], vec![0.0; cols], vec![0.0; cols]);
        if root {
            rms_norm_backward_input(&mut dx, &g, &x, &rstd, Some(&gamma), cols, Write::Set);
            rms_norm_backward_affine(&mut dgamma, &g, &x, &rstd, cols, Write::Set);
        } else {
            layer_norm_backward_input(&mut dx, &g, &x, &mean, &rstd, Some(&gamma), cols, Write::Set);
            layer_norm_backward_affine(&mut dgamma, &mut dbeta, &g, &x, &mean, &rstd, cols, Write::Set, Write::Set);
        }
        let slope = |which: usize, i: usize| {
            let loss = |d: f64| {
                let mut inputs = [x.clone(), gamma.clone(), beta.clone()];
                inputs[which][i] += d;
                forward(&inputs[0], &inputs[1], &inputs[2]).0
            };
            (loss(h) - loss(-h)) / (2.0 * h)
        };
        for (which, gradient) in [&dx, &dgamma, &dbeta].into_iter().enumerate() {
            for (i, &d) in gradient.iter().enumerate() {
                let slope = slope(which, i);
                assert!((d - slope).abs() < 1e-7, "root {root}, input {which}, element {i}: {d} against {slope}");
            }
        }
    }
}
