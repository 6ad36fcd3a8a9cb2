//! Body of the attention over a cache.

use super::lanes::{self, LANES};
use super::{Isa, math};
use crate::decode::{CacheWeights, CachedAttention, Row};
use crate::scratch::Scratch;
use crate::spans::keys;

#[inline(always)]
pub(crate) fn attend_cached<I: Isa>(
    out: &mut [f32],
    first_row: usize,
    queries: usize,
    args: &CachedAttention<'_, f32>,
) {
    let CachedAttention { d, dv, length, capacity, scale, .. } = *args;
    // As large as it will ever be for this cache, so that it does not grow with every token.
    let mut scratch = Scratch::<f32>::new(capacity);
    for (r, out) in out.chunks_mut(dv).enumerate() {
        let row = first_row + r;
        let Row { query, keys: all, values, bias } = args.row(row, queries);
        let keys = keys(args.spans, row, length);
        let weights = &mut scratch[keys.clone()];
        scores::<I>(weights, query, &all[keys.start * d..keys.end * d], scale);
        let bias = bias.map(|bias| &bias[keys.clone()]);
        let denominator = match args.weights {
            CacheWeights::Softmax => {
                if let Some(bias) = bias {
                    weights.iter_mut().zip(bias).for_each(|(s, &b)| *s += b);
                }
                let max = lanes::max(weights);
                weights.iter_mut().for_each(|s| *s = math::exp::<I>(*s - max));
                lanes::sum(weights)
            }
            CacheWeights::Squash { eps } => {
                weights.iter_mut().for_each(|s| *s = math::squash(*s));
                if let Some(bias) = bias {
                    weights.iter_mut().zip(bias).for_each(|(w, &b)| *w *= b);
                }
                f64::from(eps) + lanes::sum(weights)
            }
        };
        if keys.is_empty() || denominator == 0.0 {
            out.fill(0.0);
        } else {
            mix::<I>(out, weights, &values[keys.start * dv..keys.end * dv], (1.0 / denominator) as f32);
        }
    }
}

/// `scores[j] = scale · ⟨query, keys[j]⟩`
#[inline(always)]
fn scores<I: Isa>(scores: &mut [f32], query: &[f32], keys: &[f32], scale: f32) {
    let d = query.len();
    for (j, score) in scores.iter_mut().enumerate() {
        *score = scale * lanes::dot::<I>(query, &keys[j * d..][..d]) as f32;
    }
}

/// `out = factor · Σ weights[j] · values[j]`, a stripe of columns at a time, so that its sums stay in registers.
#[inline(always)]
fn mix<I: Isa>(out: &mut [f32], weights: &[f32], values: &[f32], factor: f32) {
    let dv = out.len();
    let mut stripes = out.chunks_exact_mut(LANES);
    for (i, out) in stripes.by_ref().enumerate() {
        let mut sums = [0.0; LANES];
        for (row, &weight) in values.chunks_exact(dv).zip(weights) {
            let row = &row[i * LANES..][..LANES];
            for l in 0..LANES {
                sums[l] = I::mul_add(weight, row[l], sums[l]);
            }
        }
        for l in 0..LANES {
            out[l] = factor * sums[l];
        }
    }
    let rest = stripes.into_remainder();
    let mut sums = [0.0; LANES];
    for (row, &weight) in values.chunks_exact(dv).zip(weights) {
        for (sum, &value) in sums.iter_mut().zip(&row[dv - rest.len()..]) {
            *sum = I::mul_add(weight, value, *sum);
        }
    }
    for (out, sum) in rest.iter_mut().zip(sums) {
        *out = factor * sum;
    }
}
