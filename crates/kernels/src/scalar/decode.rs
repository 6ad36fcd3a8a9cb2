//! Twin of the attention over a cache.

use crate::decode::{CacheWeights, CachedAttention, Row};
use crate::real::Real;
use crate::spans::keys;
use crate::unary::Unary;
use crate::write::Write;

pub(crate) fn attend_cached<T: Real>(out: &mut [T], first_row: usize, queries: usize, args: &CachedAttention<'_, T>) {
    let CachedAttention { d, dv, length, .. } = *args;
    for (r, out) in out.chunks_mut(dv).enumerate() {
        let row = first_row + r;
        let Row { query, keys: all, values, bias } = args.row(row, queries);
        let keys = keys(args.spans, row, length);
        let score = |j: usize| args.scale * T::from_f64(super::dot(query, &all[j * d..][..d]));
        let mut weights: Vec<T> = keys.clone().map(score).collect();
        let bias = bias.map(|bias| &bias[keys.clone()]);
        let denominator = match args.weights {
            CacheWeights::Softmax => {
                if let Some(bias) = bias {
                    super::accumulate(&mut weights, bias);
                }
                let max = super::max(&weights);
                weights.iter_mut().for_each(|s| *s = (*s - max).exp());
                super::sum(&weights)
            }
            CacheWeights::Squash { eps } => {
                let scores = weights.clone();
                super::unary(Unary::Squash, &mut weights, &scores, Write::Set);
                if let Some(bias) = bias {
                    weights.iter_mut().zip(bias).for_each(|(w, &b)| *w *= b);
                }
                eps.to_f64() + super::sum(&weights)
            }
        };
        for (column, out) in out.iter_mut().enumerate() {
            let mixed = keys.clone().zip(&weights).map(|(j, w)| w.to_f64() * values[j * dv + column].to_f64());
            let mixed: f64 = mixed.sum();
            *out = T::from_f64(if keys.is_empty() || denominator == 0.0 { 0.0 } else { mixed / denominator });
        }
    }
}
