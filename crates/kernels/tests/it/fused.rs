//! Kernels that do the work of several: the SwiGLU gate, the backward pass of an activation behind a bias, and norms of sums.

use anther_kernels::{
    Binary, Broadcast, Unary, Write, activation_backward, add_layer_norm, add_rms_norm, binary, layer_norm, reduce_to,
    rms_norm, swiglu, swiglu_backward, unary, unary_backward,
};

use crate::common::{EPS, Shifted, assert_close, at_each_length, at_each_level, bits, normal, wide};

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

/// To the bit in `dz`; sums over rows are added in another order.
#[test]
fn activation_backward_is_that_of_separate_calls() {
    at_each_level(|level| {
        // No rows, no columns, one chunk of rows, several, more rows than chunks of 64, rows longer than a piece.
        let shapes = [(0, 5), (7, 0), (1, 1), (64, 33), (65, 130), (300, 70), (20_001, 3), (3, 2500), (130, 1024)];
        for (rows, cols) in shapes {
            for op in [Unary::Gelu, Unary::Tanh, Unary::Neg] {
                let (dy, z) = (normal(rows * cols, 1), normal(rows * cols, 2));
                let mut y = vec![f32::NAN; z.len()];
                unary(op, &mut y, &z, Write::Set);
                let mut want = vec![f32::NAN; z.len()];
                unary_backward(op, &mut want, &dy, &z, &y, Write::Set);
                for write in [Write::Set, Write::Add] {
                    let what = format!("{op:?} at {level}, {rows} × {cols}, {write:?}");
                    let start = if write == Write::Set { f32::NAN } else { 1.0 };
                    let (mut db, mut want_db) = (vec![start; cols], vec![start; cols]);
                    let mut dz = vec![f32::NAN; dy.len()];
                    activation_backward(op, &mut dz, &mut db, &dy, &z, &y, write);
                    assert_eq!(bits(&dz), bits(&want), "{what}");
                    reduce_to(&mut want_db, &want, Broadcast { outer: rows, mid: cols, inner: 1 }, write);
                    assert_close(&what, &db, &wide(&want_db), |_, sum| {
                        EPS * (2.0 * sum.abs() + 8.0 * (rows as f64).sqrt())
                    });
                }
            }
        }
    });
}

#[test]
fn activation_backward_at_each_length() {
    const ROWS: usize = 67;
    at_each_length(|level, cols, offset| {
        if cols > 70 {
            return;
        }
        let (dy, z) =
            (Shifted::new(&normal(ROWS * cols, 1), offset), Shifted::new(&normal(ROWS * cols, 2), 3 - offset));
        let (got, want) = both!([dy, z], {
            let (mut dz, mut db) = (vec![T::NAN; dy.len()], vec![T::NAN; cols]);
            activation_backward(Unary::GeluTanh, &mut dz, &mut db, dy, z, &[], Write::Set);
            [dz, db].concat()
        });
        assert_close(&format!("activation backward at {level}, {cols} columns"), &got, &want, |i, want| {
            EPS * (8.0 * want.abs() + if i < dy.len() { 30.0 } else { 300.0 })
        });
    });
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
