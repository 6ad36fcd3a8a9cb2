//! Sums and maxima over a fixed number of lanes.

use super::Isa;

/// Running sums that are kept side by side: two of the widest registers, eight of the narrowest.
pub(crate) const LANES: usize = 32;

/// Elements that are summed in `f32` before the sum moves to `f64`.
const RUN: usize = 1024;

/// Adds the upper half to the lower one until one lane is left.
#[inline(always)]
fn fold(mut lanes: [f32; LANES], combine: impl Fn(f32, f32) -> f32) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] = combine(lanes[i], lanes[i + width]);
        }
        width /= 2;
    }
    lanes[0]
}

/// Σ xᵢ
#[inline(always)]
pub(crate) fn sum(x: &[f32]) -> f64 {
    let mut total = 0.0;
    for run in x.chunks(RUN) {
        let mut lanes = [0.0; LANES];
        let (chunks, rest) = run.as_chunks::<LANES>();
        for chunk in chunks {
            for l in 0..LANES {
                lanes[l] += chunk[l];
            }
        }
        for (lane, x) in lanes.iter_mut().zip(rest) {
            *lane += x;
        }
        total += f64::from(fold(lanes, |a, b| a + b));
    }
    total
}

/// Σ aᵢ·bᵢ
#[inline(always)]
pub(crate) fn dot<I: Isa>(a: &[f32], b: &[f32]) -> f64 {
    let mut total = 0.0;
    for (a, b) in a.chunks(RUN).zip(b.chunks(RUN)) {
        let mut lanes = [0.0; LANES];
        let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
        for (a, b) in a.iter().zip(b) {
            for l in 0..LANES {
                lanes[l] = I::mul_add(a[l], b[l], lanes[l]);
            }
        }
        for ((lane, &a), &b) in lanes.iter_mut().zip(a_rest).zip(b_rest) {
            *lane = I::mul_add(a, b, *lane);
        }
        total += f64::from(fold(lanes, |a, b| a + b));
    }
    total
}

/// Σ (xᵢ − center)²
#[inline(always)]
pub(crate) fn squared_distance<I: Isa>(x: &[f32], center: f32) -> f64 {
    let mut total = 0.0;
    for run in x.chunks(RUN) {
        let mut lanes = [0.0; LANES];
        let (chunks, rest) = run.as_chunks::<LANES>();
        for chunk in chunks {
            for l in 0..LANES {
                let distance = chunk[l] - center;
                lanes[l] = I::mul_add(distance, distance, lanes[l]);
            }
        }
        for (lane, &x) in lanes.iter_mut().zip(rest) {
            *lane = I::mul_add(x - center, x - center, *lane);
        }
        total += f64::from(fold(lanes, |a, b| a + b));
    }
    total
}

/// The greatest element; −∞ for none. NaN is ignored.
#[inline(always)]
pub(crate) fn max(x: &[f32]) -> f32 {
    #[inline(always)]
    fn greater(a: f32, b: f32) -> f32 {
        if b > a { b } else { a }
    }
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = x.as_chunks::<LANES>();
    for chunk in chunks {
        for l in 0..LANES {
            lanes[l] = greater(lanes[l], chunk[l]);
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(rest) {
        *lane = greater(*lane, x);
    }
    fold(lanes, greater)
}
