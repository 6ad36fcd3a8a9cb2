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

/// The sum of the lanes.
#[inline(always)]
pub(crate) fn total(lanes: [f32; LANES]) -> f32 {
    fold(lanes, |a, b| a + b)
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

/// Σ gᵢ and Σ gᵢ·(xᵢ − center)
#[inline(always)]
pub(crate) fn sums<I: Isa>(g: &[f32], x: &[f32], center: f32) -> (f64, f64) {
    let mut totals = (0.0, 0.0);
    for (g, x) in g.chunks(RUN).zip(x.chunks(RUN)) {
        let (mut sums, mut products) = ([0.0; LANES], [0.0; LANES]);
        let ((g, g_rest), (x, x_rest)) = (g.as_chunks::<LANES>(), x.as_chunks::<LANES>());
        for (g, x) in g.iter().zip(x) {
            for l in 0..LANES {
                sums[l] += g[l];
                products[l] = I::mul_add(g[l], x[l] - center, products[l]);
            }
        }
        for (l, (&g, &x)) in g_rest.iter().zip(x_rest).enumerate() {
            sums[l] += g;
            products[l] = I::mul_add(g, x - center, products[l]);
        }
        totals.0 += f64::from(fold(sums, |a, b| a + b));
        totals.1 += f64::from(fold(products, |a, b| a + b));
    }
    totals
}

/// Σ gᵢ·wᵢ and Σ gᵢ·wᵢ·(xᵢ − center)
#[inline(always)]
pub(crate) fn weighted_sums<I: Isa>(g: &[f32], w: &[f32], x: &[f32], center: f32) -> (f64, f64) {
    let mut totals = (0.0, 0.0);
    for ((g, w), x) in g.chunks(RUN).zip(w.chunks(RUN)).zip(x.chunks(RUN)) {
        let (mut sums, mut products) = ([0.0; LANES], [0.0; LANES]);
        let (g, g_rest) = g.as_chunks::<LANES>();
        let (w, w_rest) = w.as_chunks::<LANES>();
        let (x, x_rest) = x.as_chunks::<LANES>();
        for ((g, w), x) in g.iter().zip(w).zip(x) {
            for l in 0..LANES {
                let weighted = g[l] * w[l];
                sums[l] += weighted;
                products[l] = I::mul_add(weighted, x[l] - center, products[l]);
            }
        }
        for (l, ((&g, &w), &x)) in g_rest.iter().zip(w_rest).zip(x_rest).enumerate() {
            sums[l] += g * w;
            products[l] = I::mul_add(g * w, x - center, products[l]);
        }
        totals.0 += f64::from(fold(sums, |a, b| a + b));
        totals.1 += f64::from(fold(products, |a, b| a + b));
    }
    totals
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
