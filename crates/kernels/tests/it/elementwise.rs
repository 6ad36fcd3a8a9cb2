//! Arithmetic, broadcasting, copies and dropout.

use anther_kernels::{
    Binary, Broadcast, RandomKey, Real, Write, affine, binary, binary_reversed, copy, dropout, scale,
};

use crate::common::{EPS, Shifted, assert_close, at_each_length, at_each_level, bits, normal};

const OPS: [Binary; 6] = [Binary::Add, Binary::Sub, Binary::Mul, Binary::Div, Binary::Max, Binary::Min];

#[test]
fn binary_is_exactly_rounded_at_each_length() {
    at_each_length(|level, len, offset| {
        let (a, b) = (Shifted::new(&normal(len, 1), offset), Shifted::new(&normal(len, 2), 3 - offset));
        for op in OPS {
            let mut out = Shifted::new(&vec![f32::NAN; len], offset);
            binary(op, &mut out, &a, &b, Broadcast::same(len), Write::Set);
            let want: Vec<f32> = a.iter().zip(b.iter()).map(|(&a, &b)| op.apply(a, b)).collect();
            assert_eq!(bits(&out), bits(&want), "{op:?} at {level}, {len} elements");
            binary_reversed(op, &mut out, &a, &b, Broadcast::same(len), Write::Add);
            let sum: Vec<f32> =
                want.iter().zip(a.iter().zip(b.iter())).map(|(w, (&a, &b))| w + op.apply(b, a)).collect();
            assert_eq!(bits(&out), bits(&sum), "{op:?} reversed and added at {level}, {len} elements");
        }
    });
}

/// Every layout with sizes from a few, including ones that pass the end of a block.
#[test]
fn broadcast_follows_its_index_formula() {
    let mut layouts = vec![];
    for outer in [0, 1, 2, 5] {
        for mid in [0, 1, 3, 17] {
            for inner in [0, 1, 4, 33] {
                layouts.push(Broadcast { outer, mid, inner });
            }
        }
    }
    layouts.push(Broadcast { outer: 700, mid: 33, inner: 1 });
    layouts.push(Broadcast { outer: 3, mid: 33, inner: 701 });
    at_each_level(|level| {
        for &layout in &layouts {
            let (a, b) = (normal(layout.len(), 3), normal(layout.mid, 4));
            let mut out = vec![f32::NAN; a.len()];
            for op in [Binary::Sub, Binary::Max] {
                let pairs = || a.iter().enumerate().map(|(i, &a)| (a, b[(i / layout.inner) % layout.mid]));
                binary(op, &mut out, &a, &b, layout, Write::Set);
                assert!(
                    out.iter().zip(pairs()).all(|(&o, (a, b))| o == op.apply(a, b)),
                    "{op:?} {layout:?} at {level}"
                );
                binary_reversed(op, &mut out, &a, &b, layout, Write::Set);
                assert!(
                    out.iter().zip(pairs()).all(|(&o, (a, b))| o == op.apply(b, a)),
                    "{op:?} {layout:?} at {level}"
                );
            }
        }
    });
}

#[test]
fn extremes_keep_nan_from_either_side() {
    at_each_level(|level| {
        for op in [Binary::Max, Binary::Min] {
            let mut out = [0.0; 2];
            binary(op, &mut out, &[f32::NAN, 1.0], &[1.0, f32::NAN], Broadcast::same(2), Write::Set);
            assert!(out.iter().all(|x| x.is_nan()), "{op:?} at {level}: {out:?}");
        }
    });
}

#[test]
fn scale_affine_copy_and_fill() {
    at_each_length(|level, len, offset| {
        let x = Shifted::new(&normal(len, 5), offset);
        let what = format!("{level}, {len} elements");
        for write in [Write::Set, Write::Add] {
            let (got, want) = both!([x], {
                let mut out = vec![if write == Write::Set { T::NAN } else { T::ONE }; x.len()];
                affine(&mut out, x, T::from_f64(1.5), T::from_f64(-0.25), write);
                out
            });
            assert_close(&what, &got, &want, |i, _| EPS * (2.0 + 3.0 * f64::from(x[i]).abs()));
            let mut out = Shifted::new(&vec![if write == Write::Set { f32::NAN } else { 1.0 }; len], offset);
            let before = if write == Write::Set { -0.0 } else { 1.0 };
            scale(&mut out, &x, -2.0, write);
            // A product with a power of two is exact, so that fused and separate additions agree.
            assert!(out.iter().zip(x.iter()).all(|(&o, &x)| o == before + -2.0 * x), "scale at {what}");
        }
        let mut out = Shifted::new(&vec![f32::NAN; len], offset);
        copy(&mut out, &x, Write::Set);
        assert_eq!(bits(&out), bits(&x), "copy at {what}");
        copy(&mut out, &x, Write::Add);
        assert!(out.iter().zip(x.iter()).all(|(&o, &x)| o == x + x), "copy and add at {what}");
    });
}

#[test]
fn dropout_mask_is_a_function_of_key_and_index() {
    let key = RandomKey::new(1, 2, 3);
    at_each_length(|level, len, offset| {
        let x = Shifted::new(&normal(len, 6), offset);
        for p in [0.0, 0.1, 0.5, 0.999, 1.0] {
            let (got, want) = both!([x], {
                let mut out = vec![T::NAN; x.len()];
                dropout(&mut out, x, key, p, Write::Set);
                out
            });
            assert_close(&format!("dropout {p} at {level}"), &got, &want, |_, want| 2.0 * EPS * want.abs());
            for (i, &got) in got.iter().enumerate() {
                let dropped = f64::from(key.bits(i as u64)) < p * 2f64.powi(32);
                assert!(!dropped || got == 0.0, "element {i} of {len} kept at {level}, p = {p}");
                assert!(
                    dropped || p == 1.0 || got == x[i] * (1.0 / (1.0 - p)) as f32,
                    "element {i} of {len} at {level}, p = {p}"
                );
            }
            let mut twice = got.clone();
            dropout(&mut twice, &x, key, p, Write::Add);
            assert!(twice.iter().zip(&got).all(|(&t, &g)| (t - 2.0 * g).abs() <= 2.0 * f32::EPSILON * t.abs()));
        }
    });
}

#[test]
fn dropout_keeps_the_share_and_the_mean() {
    let n = 200_000;
    let mut out = vec![0.0f32; n];
    dropout(&mut out, &vec![1.0; n], RandomKey::new(5, 0, 0), 0.3, Write::Set);
    let kept = out.iter().filter(|&&x| x != 0.0).count() as f64 / n as f64;
    // Five standard deviations of a share of 200 000.
    assert!((kept - 0.7).abs() < 5.0 * (0.21 / n as f64).sqrt(), "kept {kept}");
}

/// A dropped element is 0 even where the input is NaN: the mask selects, it does not multiply.
#[test]
fn dropout_drops_nan() {
    at_each_level(|_| {
        let mut out = [1.0f32; 100];
        dropout(&mut out, &[f32::NAN; 100], RandomKey::new(5, 0, 0), 1.0, Write::Set);
        assert_eq!(out, [0.0; 100]);
    });
}
