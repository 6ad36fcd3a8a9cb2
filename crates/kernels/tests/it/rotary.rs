//! Rotary position embedding.

use anther_kernels::{Real, RotaryPairing, Write, rotary};

use crate::common::{EPS, Shifted, assert_close, at_each_level, normal};

fn angles(positions: usize, half: usize) -> (Vec<f32>, Vec<f32>) {
    (0..positions * half).map(|i| (0.37 * i as f32).sin_cos()).map(|(s, c)| (c, s)).unzip()
}

#[test]
fn rotation_at_each_shape() {
    at_each_level(|level| {
        for (blocks, positions, dim) in
            [(0, 3, 4), (1, 1, 2), (2, 3, 6), (3, 5, 64), (2, 70, 66), (4, 300, 32), (2, 2, 0)]
        {
            let (cos, sin) = angles(positions, dim / 2);
            for offset in 0..4 {
                let x = Shifted::new(&normal(blocks * positions * dim, 1), offset);
                for pairing in [RotaryPairing::Interleaved, RotaryPairing::Halves] {
                    for inverse in [false, true] {
                        for write in [Write::Set, Write::Add] {
                            let (got, want) = both!([x, cos, sin], {
                                let mut out = vec![if write == Write::Set { T::NAN } else { T::ONE }; x.len()];
                                rotary(&mut out, x, cos, sin, positions, dim, pairing, inverse, write);
                                out
                            });
                            let what = format!("{pairing:?} at {level}, dim {dim}");
                            assert_close(&what, &got, &want, |_, _| EPS * 16.0);
                        }
                    }
                }
            }
        }
    });
}

/// Turning back undoes turning, and a turn keeps lengths.
#[test]
fn inverse_undoes_and_lengths_stay() {
    let (positions, dim) = (7, 10);
    let (cos, sin) = angles(positions, dim / 2);
    let x = normal(3 * positions * dim, 2);
    for pairing in [RotaryPairing::Interleaved, RotaryPairing::Halves] {
        let (mut turned, mut back) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        rotary(&mut turned, &x, &cos, &sin, positions, dim, pairing, false, Write::Set);
        rotary(&mut back, &turned, &cos, &sin, positions, dim, pairing, true, Write::Set);
        assert!(x.iter().zip(&back).all(|(x, b)| (x - b).abs() < 1e-5));
        assert!(x.iter().zip(&turned).filter(|(x, t)| (*x - *t).abs() > 1e-3).count() > x.len() / 2, "nothing turned");
        for (x, t) in x.chunks(dim).zip(turned.chunks(dim)) {
            let length = |v: &[f32]| v.iter().map(|v| v * v).sum::<f32>();
            assert!((length(x) - length(t)).abs() < 1e-4);
        }
    }
}

#[test]
fn pairs_are_those_of_the_names() {
    // A quarter turn of the second pair only.
    let (cos, sin) = ([1.0f64, 0.0], [0.0f64, 1.0]);
    let mut out = [0.0; 4];
    rotary(&mut out, &[1.0, 2.0, 3.0, 4.0], &cos, &sin, 1, 4, RotaryPairing::Interleaved, false, Write::Set);
    assert_eq!(out, [1.0, 2.0, -4.0, 3.0]);
    rotary(&mut out, &[1.0, 2.0, 3.0, 4.0], &cos, &sin, 1, 4, RotaryPairing::Halves, false, Write::Set);
    assert_eq!(out, [1.0, -4.0, 3.0, 2.0]);
}
