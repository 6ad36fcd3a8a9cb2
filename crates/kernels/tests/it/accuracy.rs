//! The functions of the vectorised bodies, swept over bit patterns against `f64`.

use anther_kernels::{Unary, Write, unary};

use crate::common::{at_each_level, ulp};

/// The greatest error in units in the last place over every `stride`-th bit pattern of the finite numbers in `low..=high`.
fn worst(op: Unary, low: f32, high: f32, stride: usize, exact: impl Fn(f64) -> f64) -> (f64, f32) {
    let x: Vec<f32> = (0..=u32::MAX).step_by(stride).map(f32::from_bits).filter(|x| (low..=high).contains(x)).collect();
    assert!(x.len() > 10_000, "the sweep has only {} values", x.len());
    let mut y = vec![f32::NAN; x.len()];
    unary(op, &mut y, &x, Write::Set);
    let mut worst = (0.0, 0.0);
    for (&x, &y) in x.iter().zip(&y) {
        let want = exact(f64::from(x));
        // What rounds to infinity in `f32` has no last place.
        let error = if want.abs() >= 2f64.powi(128) * (1.0 - 2f64.powi(-25)) {
            if f64::from(y) == f64::from(want as f32) { 0.0 } else { f64::INFINITY }
        } else {
            (f64::from(y) - want).abs() / ulp(want)
        };
        if error > worst.0 || error.is_nan() {
            worst = (error, x);
        }
    }
    worst
}

fn check(op: Unary, low: f32, high: f32, stride: usize, bound: f64, exact: impl Fn(f64) -> f64) {
    at_each_level(|level| {
        let (error, x) = worst(op, low, high, stride, &exact);
        assert!(error <= bound, "{op:?} at {level}: {error:.3} ULP at {x:e}, bound {bound}");
    });
}

#[test]
fn exp_over_the_whole_range() {
    check(Unary::Exp, f32::MIN, f32::MAX, 4099, 2.0, f64::exp);
}

/// Where results are not negligible, densely: every 331st number from 2⁻⁴ up.
#[test]
fn exp_where_results_are_finite() {
    check(Unary::Exp, -104.5, -0.0625, 331, 2.0, f64::exp);
    check(Unary::Exp, 0.0625, 89.5, 331, 2.0, f64::exp);
}

#[test]
fn ln_over_all_positive_numbers() {
    check(Unary::Ln, f32::from_bits(1), f32::MAX, 2053, 4.0, f64::ln);
    check(Unary::Ln, 0.5, 2.0, 61, 4.0, f64::ln);
}

#[test]
fn tanh_over_the_whole_range() {
    check(Unary::Tanh, f32::MIN, f32::MAX, 4099, 4.0, f64::tanh);
    check(Unary::Tanh, 0.25, 10.0, 199, 4.0, f64::tanh);
}

#[test]
fn sigmoid_over_the_whole_range() {
    check(Unary::Sigmoid, f32::MIN, f32::MAX, 4099, 4.0, |x| 1.0 / (1.0 + (-x).exp()));
    check(Unary::Sigmoid, -104.0, -0.1, 331, 4.0, |x| 1.0 / (1.0 + (-x).exp()));
}

#[test]
fn erf_over_the_whole_range() {
    let exact = |x: f64| {
        let mut y = [0.0];
        unary(Unary::Erf, &mut y, &[x], Write::Set);
        y[0]
    };
    check(Unary::Erf, f32::MIN, f32::MAX, 8191, 4.0, exact);
    check(Unary::Erf, 0.25, 4.5, 199, 4.0, exact);
}

#[test]
fn special_values() {
    let inf = f32::INFINITY;
    let x = [inf, -inf, f32::NAN, 0.0, -0.0, 1e-45, -1.0, 89.0, -104.0, f32::MAX, f32::MIN];
    let cases: [(Unary, [f32; 11]); 5] = [
        (Unary::Exp, [inf, 0.0, f32::NAN, 1.0, 1.0, 1.0, (-1f32).exp(), inf, 0.0, inf, 0.0]),
        (
            Unary::Ln,
            [
                inf,
                f32::NAN,
                f32::NAN,
                -inf,
                -inf,
                1e-45f32.ln(),
                f32::NAN,
                89f32.ln(),
                f32::NAN,
                f32::MAX.ln(),
                f32::NAN,
            ],
        ),
        (Unary::Tanh, [1.0, -1.0, f32::NAN, 0.0, -0.0, 1e-45, -0.761_594_2, 1.0, -1.0, 1.0, -1.0]),
        (Unary::Erf, [1.0, -1.0, f32::NAN, 0.0, -0.0, 1e-45, -0.842_700_8, 1.0, -1.0, 1.0, -1.0]),
        (Unary::Squash, [1.0, 1.0, f32::NAN, 0.0, 0.0, 0.0, 0.5, 0.999_873_8, 0.999_907_55, 1.0, 1.0]),
    ];
    at_each_level(|level| {
        for (op, want) in &cases {
            // Repeated, so that the values pass through whole registers and through the rest of a loop.
            let x = x.repeat(4);
            let mut y = vec![7.0; x.len()];
            unary(*op, &mut y, &x, Write::Set);
            for (i, (&y, &want)) in y.iter().zip(want.iter().cycle()).enumerate() {
                let fits = if want.is_nan() { y.is_nan() } else { y == want || (y - want).abs() <= 2e-7 * want.abs() };
                assert!(fits, "{op:?} of {:e} at {level} is {y:e}, expected {want:e}", x[i]);
            }
        }
    });
}

/// e^x is denormal here; flushing it to zero would be an error of thousands of units.
#[test]
fn exp_underflows_gradually() {
    at_each_level(|level| {
        let x = [-88.0f32, -90.0, -95.0, -100.0, -103.0];
        let mut y = [0.0; 5];
        unary(Unary::Exp, &mut y, &x, Write::Set);
        for (x, y) in x.iter().zip(y) {
            assert!(y > 0.0 && !y.is_normal(), "e^{x} at {level} is {y:e}");
        }
    });
}
