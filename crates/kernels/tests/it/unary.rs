//! Functions of one number and their derivatives.

use anther_kernels::{Real, Saves, Unary, Write, unary, unary_backward, unary_backward_in_place};

use crate::common::{EPS, Shifted, assert_close, at_each_length, at_each_level, bits, normal, uniform, wide};

/// Arguments in the domain of the function.
fn arguments(op: Unary, len: usize) -> Vec<f32> {
    match op {
        Unary::Ln | Unary::Sqrt | Unary::Reciprocal => uniform(len, 1, 0.01, 9.0),
        _ => normal(len, 2).iter().map(|x| 3.0 * x).collect(),
    }
}

/// Two units for each rounding in the formula; those that subtract from one lose absolute, not relative, precision.
fn bound(op: Unary, x: f64, y: f64) -> f64 {
    let absolute = match op {
        Unary::Gelu | Unary::GeluTanh => 4.0 * x.abs(),
        Unary::Softplus => 1.0,
        // The argument is near a zero of the function.
        Unary::Ln | Unary::Sin | Unary::Cos => 0.25,
        _ => 0.0,
    };
    EPS * (6.0 * y.abs() + absolute)
}

#[test]
fn values_at_each_length() {
    for op in Unary::ALL {
        at_each_length(|level, len, offset| {
            let x = Shifted::new(&arguments(op, len), offset);
            let what = format!("{op:?} at {level}, {len} elements");
            let (got, want) = both!([x], {
                let mut out = vec![T::NAN; x.len()];
                unary(op, &mut out, x, Write::Set);
                out
            });
            assert_close(&what, &got, &want, |i, want| bound(op, f64::from(x[i]), want));
            let mut sum = Shifted::new(&vec![1.0; len], 3 - offset);
            unary(op, &mut sum, &x, Write::Add);
            assert!(sum.iter().zip(&got).all(|(&s, &g)| s == 1.0 + g), "{what}: added");
        });
    }
}

#[test]
fn derivatives_at_each_length() {
    for op in Unary::ALL {
        at_each_length(|level, len, offset| {
            let x = Shifted::new(&arguments(op, len), offset);
            let dy = Shifted::new(&normal(len, 9), 3 - offset);
            let mut y = vec![0.0; len];
            unary(op, &mut y, &x, Write::Set);
            let what = format!("derivative of {op:?} at {level}, {len} elements");
            for write in [Write::Set, Write::Add] {
                let (got, want) = both!([x, y, dy], {
                    let mut dx = vec![if write == Write::Set { T::NAN } else { T::ONE }; x.len()];
                    let (x, y): (&[T], &[T]) = match op.saves() {
                        Saves::Input => (x, &[]),
                        Saves::Output => (&[], y),
                        Saves::Neither => (&[], &[]),
                    };
                    unary_backward(op, &mut dx, dy, x, y, write);
                    dx
                });
                if write == Write::Set {
                    let mut same = Shifted::new(&dy, offset);
                    unary_backward_in_place(op, &mut same, &x, &y);
                    assert_eq!(bits(&same), bits(&got), "{what}: in place");
                }
                assert_close(&what, &got, &want, |i, want| {
                    let (x, dy) = (f64::from(x[i]).abs(), f64::from(dy[i]).abs());
                    EPS * (8.0 * want.abs() + 2.0 + 4.0 * dy * (1.0 + x * x))
                });
            }
        });
    }
}

/// The derivative against a difference quotient in `f64`.
#[test]
fn derivatives_are_slopes() {
    for op in Unary::ALL {
        let x = wide(&arguments(op, 200));
        let h = 1e-5;
        let f = |shift: f64| {
            let x: Vec<f64> = x.iter().map(|x| x + shift).collect();
            let mut y = vec![0.0; x.len()];
            unary(op, &mut y, &x, Write::Set);
            y
        };
        let (above, below, y) = (f(h), f(-h), f(0.0));
        let mut dx = vec![f64::NAN; x.len()];
        unary_backward(op, &mut dx, &vec![1.0; x.len()], &x, &y, Write::Set);
        for i in 0..x.len() {
            let slope = (above[i] - below[i]) / (2.0 * h);
            let curvature = 1e-5 * (1.0 + x[i].abs() + 1.0 / x[i].abs().powi(3));
            assert!((dx[i] - slope).abs() < curvature, "{op:?} at {}: {} against slope {slope}", x[i], dx[i]);
        }
    }
}

#[test]
fn corners_of_derivatives() {
    at_each_level(|level| {
        let slope = |op: Unary, x: f32| {
            let (mut y, mut dx) = ([0.0], [f32::NAN]);
            unary(op, &mut y, &[x], Write::Set);
            unary_backward(op, &mut dx, &[1.0], &[x], &y, Write::Set);
            dx[0]
        };
        assert_eq!(slope(Unary::Relu, 0.0), 0.0, "{level}");
        assert_eq!(slope(Unary::Abs, 0.0), 0.0, "{level}");
        assert_eq!(slope(Unary::Abs, -2.0), -1.0, "{level}");
        assert!(slope(Unary::Abs, f32::NAN).is_nan(), "{level}");
        assert_eq!(slope(Unary::EluPlusOne, 0.0), 1.0, "{level}");
        // z² overflows, the slope 2/z³ does not.
        assert_eq!(slope(Unary::Squash, 1e30), 0.0, "{level}");
        let steep = slope(Unary::Squash, 1e8);
        assert!((steep / 2e-24 - 1.0).abs() < 1e-6, "{level}: {steep:e}");
        for op in [Unary::Silu, Unary::Gelu, Unary::GeluTanh, Unary::Softplus] {
            for x in [1e4, 6e19, f32::MAX] {
                assert_eq!([slope(op, x), slope(op, -x)], [1.0, 0.0], "{op:?} at {x:e}, {level}");
            }
        }
        assert!(slope(Unary::GeluTanh, f32::NAN).is_nan(), "{level}");
        for op in [Unary::Relu, Unary::Silu, Unary::Gelu, Unary::GeluTanh, Unary::Softplus] {
            let mut y = [0.0];
            unary(op, &mut y, &[f32::NAN], Write::Set);
            assert!(y[0].is_nan(), "{op:?} hides NaN at {level}");
        }
    });
}

/// Far from zero an activation is its asymptote, not NaN or infinity.
#[test]
fn activations_far_out() {
    at_each_level(|level| {
        for op in [Unary::Silu, Unary::Gelu, Unary::GeluTanh, Unary::Softplus] {
            let mut y = [0.0; 2];
            unary(op, &mut y, &[1e4, -1e4], Write::Set);
            assert_eq!(y.map(f32::abs), [1e4, 0.0], "{op:?} at {level}");
        }
    });
}
