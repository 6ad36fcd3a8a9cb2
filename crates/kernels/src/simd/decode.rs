//! Body of the attention over a cache.

use std::ops::Range;

use super::lanes::{self, LANES};
use super::{Isa, math};
use crate::decode::{CacheWeights, CachedAttention, Row, TOGETHER};
use crate::scratch::Scratch;
use crate::spans::keys;

/// Keys that all queries of a block meet while these are in the first-level cache.
const KEYS: usize = 64;

/// The queries of a block share their keys.
#[inline(always)]
pub(crate) fn attend_cached<I: Isa>(
    out: &mut [f32],
    first_row: usize,
    queries: usize,
    args: &CachedAttention<'_, f32>,
) {
    let CachedAttention { d, dv, length, scale, .. } = *args;
    // As large as it will ever be for this cache, so that it does not grow with every token.
    let capacity = args.capacity.max(1);
    let mut scratch = Scratch::<f32>::new(out.len() / dv * capacity);
    for start in (0..length).step_by(KEYS) {
        for (r, scratch) in scratch.chunks_exact_mut(capacity).enumerate() {
            let Row { query, keys: all, .. } = args.row(first_row + r, queries);
            let seen = part(keys(args.spans, first_row + r, length), start);
            scores::<I>(&mut scratch[seen.clone()], query, &all[seen.start * d..seen.end * d], scale);
        }
    }
    let mut denominators = [0.0; TOGETHER];
    for ((r, scratch), denominator) in scratch.chunks_exact_mut(capacity).enumerate().zip(&mut denominators) {
        let Row { bias, .. } = args.row(first_row + r, queries);
        let keys = keys(args.spans, first_row + r, length);
        *denominator = weigh::<I>(&mut scratch[keys.clone()], bias.map(|bias| &bias[keys]), args.weights);
    }
    out.fill(0.0);
    for start in (0..length).step_by(KEYS) {
        for (r, (out, scratch)) in out.chunks_exact_mut(dv).zip(scratch.chunks_exact(capacity)).enumerate() {
            let Row { values, .. } = args.row(first_row + r, queries);
            let seen = part(keys(args.spans, first_row + r, length), start);
            mix::<I>(out, &scratch[seen.clone()], &values[seen.start * dv..seen.end * dv]);
        }
    }
    for (r, (out, denominator)) in out.chunks_exact_mut(dv).zip(denominators).enumerate() {
        // In `f64`, because the reciprocal of a tiny denominator is too large for `f32`.
        let factor = 1.0 / denominator;
        if denominator == 0.0 || keys(args.spans, first_row + r, length).is_empty() {
            out.fill(0.0);
        } else {
            out.iter_mut().for_each(|x| *x = (f64::from(*x) * factor) as f32);
        }
    }
}

/// The keys of a query that are among the [`KEYS`] from `start` on.
#[inline(always)]
fn part(keys: Range<usize>, start: usize) -> Range<usize> {
    let end = keys.end.min(start + KEYS);
    keys.start.max(start).min(end)..end
}

/// Turns scores into weights and returns what their sum is divided by.
#[inline(always)]
fn weigh<I: Isa>(scores: &mut [f32], bias: Option<&[f32]>, weights: CacheWeights<f32>) -> f64 {
    match weights {
        CacheWeights::Softmax => {
            if let Some(bias) = bias {
                scores.iter_mut().zip(bias).for_each(|(s, &b)| *s += b);
            }
            let max = lanes::max::<I>(scores);
            scores.iter_mut().for_each(|s| *s = math::exp::<I>(*s - max));
            lanes::sum::<I>(scores)
        }
        CacheWeights::Squash { eps } => {
            scores.iter_mut().for_each(|s| *s = math::squash(*s));
            if let Some(bias) = bias {
                scores.iter_mut().zip(bias).for_each(|(w, &b)| *w *= b);
            }
            f64::from(eps) + lanes::sum::<I>(scores)
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

/// `out += Σ weights[j] · values[j]`, a stripe of columns at a time, so that its sums stay in registers.
#[inline(always)]
fn mix<I: Isa>(out: &mut [f32], weights: &[f32], values: &[f32]) {
    let dv = out.len();
    let (stripes, rest) = out.as_chunks_mut::<LANES>();
    let first = dv - rest.len();
    for (i, out) in stripes.iter_mut().enumerate() {
        let mut sums = *out;
        for (row, &weight) in values.chunks_exact(dv).zip(weights) {
            let row = &row[i * LANES..][..LANES];
            for l in 0..LANES {
                sums[l] = I::mul_add(weight, row[l], sums[l]);
            }
        }
        *out = sums;
    }
    for (row, &weight) in values.chunks_exact(dv).zip(weights) {
        for (sum, &value) in rest.iter_mut().zip(&row[first..]) {
            *sum = I::mul_add(weight, value, *sum);
        }
    }
}
