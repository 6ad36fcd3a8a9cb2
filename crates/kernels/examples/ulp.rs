//! The greatest errors of the vectorised functions, over every bit pattern or every n-th: `ulp STRIDE FUNCTION…`, functions by the names of
//! [`Unary`], all of them if none is given. Runs on all cores; every pattern takes minutes a function.
//!
//! A line gives the greatest error at a level in units in the last place (that of the smallest normal number for every denormal one), and where it
//! is. The references are the `f64` twins.
//!
//! ```text
//! cargo run --release -p anther-kernels --example ulp -- 1 Exp Gelu
//! ```

use anther_kernels::{Level, Unary, Write, unary, with_level};
use rayon::prelude::*;

/// Patterns that are evaluated at a time.
const PIECE: usize = 1 << 16;

fn main() {
    let mut args = std::env::args().skip(1);
    let stride = args.next().and_then(|stride| stride.parse().ok()).filter(|&stride| stride > 0);
    let Some(stride) = stride else {
        eprintln!("usage: ulp STRIDE FUNCTION…, where STRIDE is a whole number from 1 up");
        std::process::exit(2);
    };
    let names: Vec<String> = args.collect();
    for op in Unary::ALL {
        if names.is_empty() || names.contains(&format!("{op:?}")) {
            for (level, (error, x)) in Level::available().into_iter().zip(worst(op, stride)) {
                println!("{op:?} {level}: {error:.3} at {x:e}");
            }
        }
    }
}

/// The greatest error at each level, and its argument.
fn worst(op: Unary, stride: usize) -> Vec<(f64, f32)> {
    let none = || vec![(0.0, 0.0); Level::available().len()];
    let greater = |a: Vec<(f64, f32)>, b: Vec<(f64, f32)>| {
        a.into_iter().zip(b).map(|(a, b)| if b.0 > a.0 { b } else { a }).collect()
    };
    let count = (1usize << 32).div_ceil(stride);
    let piece = |first: usize| {
        let patterns = (first..(first + PIECE).min(count)).map(|i| (i * stride) as u32);
        let x: Vec<f32> = patterns.map(f32::from_bits).collect();
        let wide: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
        let (mut want, mut y) = (vec![f64::NAN; x.len()], vec![f32::NAN; x.len()]);
        unary(op, &mut want, &wide, Write::Set);
        let at_level = |level| {
            with_level(level, || unary(op, &mut y, &x, Write::Set)).expect("the level is available");
            let errors = y.iter().zip(&want).map(|(&y, &want)| error(y, want));
            errors.zip(&x).fold((0.0, 0.0), |worst, (error, &x)| if error > worst.0 { (error, x) } else { worst })
        };
        Level::available().into_iter().map(at_level).collect()
    };
    (0..count.div_ceil(PIECE)).into_par_iter().map(|i| piece(i * PIECE)).reduce(none, greater)
}

/// The distance of `y` from `want` in units in the last place.
fn error(y: f32, want: f64) -> f64 {
    if want.is_nan() || y.is_nan() {
        return if want.is_nan() && y.is_nan() { 0.0 } else { f64::INFINITY };
    }
    // What rounds to infinity in `f32` has no last place.
    if want.abs() >= 2f64.powi(128) * (1.0 - 2f64.powi(-25)) {
        return if f64::from(y) == f64::from(want as f32) { 0.0 } else { f64::INFINITY };
    }
    let exponent = want.abs().max(f64::from(f32::MIN_POSITIVE)).to_bits() >> 52;
    (f64::from(y) - want).abs() / f64::from_bits((exponent - 23) << 52)
}
