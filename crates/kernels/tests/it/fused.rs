//! Kernels that do the work of several: the SwiGLU gate, and norms of sums.

use anther_kernels::{
    Binary, Broadcast, Unary, Write, add_layer_norm, add_rms_norm, binary, layer_norm, rms_norm, swiglu,
    swiglu_backward, unary, unary_backward,
};

use crate::common::{EPS, Shifted, assert_close, at_each_length, bits, normal};

#[test]
fn swiglu_at_each_length() {
    at_each_length(|level, len, offset| {
        let gate: Vec<f32> = normal(len, 1).iter().map(|x| 4.0 * x).collect();
        let (gate, up, dy) = (Shifted::new(&gate, offset), normal(len, 2), normal(len, 3));
        let (got, want) = both!([gate, up, dy], {
            let (mut y, mut dgate, mut dup) = (vec![T::NAN; len], vec![T::NAN; len], vec![T::NAN; len]);
            swiglu(&mut y, gate, up);
            swiglu_backward(&mut dgate, &mut dup, dy, gate, up);
            [y, dgate, dup].concat()
        });
        // The derivative of the gate cancels near its zero; factors reach 20.
        assert_close(&format!("swiglu at {level}, {len} elements"), &got, &want, |_, want| {
            EPS * (8.0 * want.abs() + 40.0)
        });
    });
}

/// The twin is made of the twins of what it stands for.
#[test]
fn swiglu_is_a_gated_silu() {
    let wide = |stream| normal(1000, stream).iter().map(|&x| 3.0 * f64::from(x)).collect::<Vec<f64>>();
    let (gate, up, dy) = (wide(1), wide(2), wide(3));
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).collect::<Vec<f64>>();
    let (mut silu, mut dgate) = (vec![0.0; 1000], vec![0.0; 1000]);
    unary(Unary::Silu, &mut silu, &gate, Write::Set);
    unary_backward(Unary::Silu, &mut dgate, &product(&dy, &up), &gate, &[], Write::Set);
    let (mut y, mut got_dgate, mut got_dup) = (vec![0.0; 1000], vec![0.0; 1000], vec![0.0; 1000]);
    swiglu(&mut y, &gate, &up);
    swiglu_backward(&mut got_dgate, &mut got_dup, &dy, &gate, &up);
    let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-14 * (1.0 + b.abs()));
    assert!(close(&y, &product(&silu, &up)));
    assert!(close(&got_dgate, &dgate));
    assert!(close(&got_dup, &product(&dy, &silu)));
}

/// To the bit: the same kernels run on each block.
#[test]
fn norms_of_sums_at_each_length() {
    const ROWS: usize = 3;
    at_each_length(|level, cols, offset| {
        let (a, b) = (Shifted::new(&normal(ROWS * cols, 1), offset), normal(ROWS * cols, 2));
        let (gamma, beta) = (normal(cols, 3), normal(cols, 4));
        let fresh = || (vec![f32::NAN; ROWS * cols], vec![f32::NAN; ROWS * cols], [f32::NAN; ROWS], [f32::NAN; ROWS]);
        let what = format!("{level}, {cols} columns");
        let (mut want, mut want_sum, mut want_mean, mut want_rstd) = fresh();
        if cols > 0 {
            binary(Binary::Add, &mut want_sum, &a, &b, Broadcast::same(ROWS * cols), Write::Set);
        }
        for affine in [false, true] {
            let (gamma, beta) = (affine.then_some(&gamma[..]), affine.then_some(&beta[..]));
            let (mut out, mut sum, mut mean, mut rstd) = fresh();
            add_layer_norm(&mut out, &mut sum, &mut mean, &mut rstd, &a, &b, gamma, beta, cols, 1e-5);
            layer_norm(&mut want, &mut want_mean, &mut want_rstd, &want_sum, gamma, beta, cols, 1e-5);
            assert_eq!(bits(&sum), bits(&want_sum), "{what}");
            assert_eq!(bits(&out), bits(&want), "{what}");
            assert_eq!((bits(&mean), bits(&rstd)), (bits(&want_mean), bits(&want_rstd)), "{what}");
            let (mut out, mut sum, _, mut rstd) = fresh();
            add_rms_norm(&mut out, &mut sum, &mut rstd, &a, &b, gamma, cols, 1e-5);
            rms_norm(&mut want, &mut want_rstd, &want_sum, gamma, cols, 1e-5);
            assert_eq!(bits(&sum), bits(&want_sum), "{what}");
            assert_eq!((bits(&out), bits(&rstd)), (bits(&want), bits(&want_rstd)), "{what}");
        }
    });
}
