//! Cross entropy.

use anther_kernels::{Real, Write, cross_entropy, cross_entropy_backward, cross_entropy_in_place};

use crate::common::{EPS, Shifted, assert_close, at_each_length, at_each_level, bits, normal, wide};

const ROWS: usize = 5;

#[test]
fn loss_and_gradient_at_each_length() {
    at_each_length(|level, classes, offset| {
        if classes == 0 {
            return;
        }
        let logits = Shifted::new(&normal(ROWS * classes, 1).iter().map(|x| 5.0 * x).collect::<Vec<_>>(), offset);
        let targets: Vec<u32> = (0..ROWS).map(|r| (r * 7 % classes) as u32).collect();
        let row_scale = [0.5f32, 0.0, -1.0, 2.0, 0.25];
        for smoothing in [0.0, 0.1] {
            let (got, want) = both!([logits], {
                let (mut loss, mut lse) = (vec![T::NAN; ROWS], vec![T::NAN; ROWS]);
                cross_entropy(&mut loss, &mut lse, logits, &targets, classes, T::from_f64(f64::from(smoothing as f32)));
                loss.extend(lse);
                loss
            });
            let what = format!("cross entropy at {level}, {classes} classes");
            assert_close(&what, &got, &want, |_, _| EPS * 60.0);
            let lse = &got[ROWS..];
            for write in [Write::Set, Write::Add] {
                let (got, want) = both!([logits, lse, row_scale], {
                    let mut d = vec![if write == Write::Set { T::NAN } else { T::ONE }; logits.len()];
                    let smoothing = T::from_f64(f64::from(smoothing as f32));
                    cross_entropy_backward(&mut d, row_scale, logits, lse, &targets, classes, smoothing, write);
                    d
                });
                assert_close(&what, &got, &want, |_, _| EPS * 100.0);
                if write == Write::Set {
                    assert!(got[classes..2 * classes].iter().all(|&d| d == 0.0), "{what}: a skipped row");
                }
            }
        }
    });
}

/// Both kernels give the same bits of loss, and the same gradient up to rounding.
#[test]
fn in_place_at_each_length() {
    at_each_length(|level, classes, offset| {
        if classes == 0 {
            return;
        }
        let logits: Vec<f32> = normal(ROWS * classes, 1).iter().map(|x| 5.0 * x).collect();
        let targets: Vec<u32> = (0..ROWS).map(|r| (r * 7 % classes) as u32).collect();
        let row_scale = [0.5f32, 0.0, -1.0, 2.0, 0.25];
        for smoothing in [0.0f32, 0.1] {
            let what = format!("in place at {level}, {classes} classes");
            let mut memory = Shifted::new(&logits, offset);
            let (mut loss, mut apart, mut lse) = ([f32::NAN; ROWS], [f32::NAN; ROWS], [f32::NAN; ROWS]);
            cross_entropy_in_place(&mut loss, &mut memory, &row_scale, &targets, classes, smoothing);
            cross_entropy(&mut apart, &mut lse, &logits, &targets, classes, smoothing);
            assert_eq!(bits(&loss), bits(&apart), "{what}");
            let (x, scale, s) = (wide(&logits), wide(&row_scale), f64::from(smoothing));
            let (mut loss, mut lse, mut want) = ([0.0; ROWS], [0.0; ROWS], vec![0.0; x.len()]);
            cross_entropy(&mut loss, &mut lse, &x, &targets, classes, s);
            cross_entropy_backward(&mut want, &scale, &x, &lse, &targets, classes, s, Write::Set);
            assert_close(&what, &memory, &want, |_, _| EPS * 100.0);
            let mut twin = x.clone();
            cross_entropy_in_place(&mut lse, &mut twin, &scale, &targets, classes, s);
            assert_eq!((twin, lse), (want, loss), "{what}: the twin");
        }
    });
}

#[test]
fn in_place_a_row_that_does_not_count_gives_zeros_and_its_loss() {
    at_each_level(|level| {
        let (mut loss, mut logits) = ([f32::NAN; 2], [f32::NAN, 1.0, 0.0, 0.0]);
        cross_entropy_in_place(&mut loss, &mut logits, &[0.0, 0.0], &[1, 0], 2, 0.1);
        assert_eq!(logits, [0.0; 4], "{level}");
        assert!((loss[1] - 2f32.ln()).abs() < 1e-6, "{level}: {loss:?}");
    });
}

/// Logits of thousands and classes that are excluded.
#[test]
fn in_place_with_large_logits() {
    at_each_level(|level| {
        let mut loss = [f32::NAN; 2];
        let mut logits = [5000.0, 4999.0, -5000.0, 0.0, f32::NEG_INFINITY, 0.0];
        cross_entropy_in_place(&mut loss, &mut logits, &[1.0; 2], &[1, 2], 3, 0.0);
        let e = (-1f32).exp();
        let want = [1.0 / (1.0 + e), e / (1.0 + e) - 1.0, 0.0, 0.5, 0.0, -0.5];
        assert!(logits.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-6), "{level}: {logits:?}");
        let want = [1.0 + e.ln_1p(), 2f32.ln()];
        assert!(loss.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-6), "{level}: {loss:?}");
    });
}

#[test]
fn a_skipped_row_may_hold_anything() {
    at_each_level(|level| {
        let mut d = [f32::NAN; 3];
        cross_entropy_backward(&mut d, &[0.0], &[f32::NAN; 3], &[f32::NAN], &[1], 3, 0.1, Write::Set);
        assert_eq!(d, [0.0; 3], "{level}");
        cross_entropy_backward(&mut d, &[0.0], &[f32::NAN; 3], &[f32::NAN], &[1], 3, 0.1, Write::Add);
        assert_eq!(d, [0.0; 3], "{level}");
    });
}

/// Logits of thousands overflow `exp`, not the loss.
#[test]
fn large_logits_and_excluded_classes() {
    at_each_level(|level| {
        let (mut loss, mut lse) = ([f32::NAN; 2], [f32::NAN; 2]);
        let logits = [5000.0, 4999.0, -5000.0, 0.0, f32::NEG_INFINITY, 0.0];
        cross_entropy(&mut loss, &mut lse, &logits, &[1, 2], 3, 0.0);
        let want = [1.0 + (-1f32).exp().ln_1p(), 2f32.ln()];
        assert!(loss.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-6), "{level}: {loss:?}");
    });
}

#[test]
fn gradient_is_the_slope() {
    let (classes, h, smoothing) = (7, 1e-6, 0.2);
    let x = wide(&normal(ROWS * classes, 2));
    let targets = [0, 6, 3, 3, 1];
    let scale = [1.0, 0.5, -2.0, 3.0, 0.1];
    let forward = |x: &[f64]| {
        let (mut loss, mut lse) = (vec![0.0; ROWS], vec![0.0; ROWS]);
        cross_entropy(&mut loss, &mut lse, x, &targets, classes, smoothing);
        (loss.iter().zip(&scale).map(|(l, s)| l * s).sum::<f64>(), lse)
    };
    let mut d = vec![0.0; x.len()];
    cross_entropy_backward(&mut d, &scale, &x, &forward(&x).1, &targets, classes, smoothing, Write::Set);
    for i in 0..x.len() {
        let loss = |shift: f64| {
            let mut x = x.clone();
            x[i] += shift;
            forward(&x).0
        };
        let slope = (loss(h) - loss(-h)) / (2.0 * h);
        assert!((d[i] - slope).abs() < 1e-7, "element {i}: {} against {slope}", d[i]);
    }
}
