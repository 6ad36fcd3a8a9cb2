//! Bodies of the cross entropy.

use super::{Isa, lanes, map, math};
use crate::write::Write;

#[inline(always)]
pub(crate) fn cross_entropy<I: Isa>(
    loss: &mut [f32],
    lse: &mut [f32],
    logits: &[f32],
    targets: &[u32],
    classes: usize,
    smoothing: f32,
) {
    for (r, (loss, lse)) in loss.iter_mut().zip(lse).enumerate() {
        let x = &logits[r * classes..][..classes];
        let max = lanes::max::<I>(x);
        let log_sum = f64::from(max) + exponential_sum::<I>(x, max).ln();
        *loss = smoothed(log_sum, hit_and_mean::<I>(x, targets[r], smoothing), smoothing);
        *lse = log_sum as f32;
    }
}

/// Elements whose exponentials are summed at a time. One size for both kernels, so that they give the same bits.
const PIECE: usize = 512;

/// Σ e^(x − max)
#[inline(always)]
fn exponential_sum<I: Isa>(x: &[f32], max: f32) -> f64 {
    let mut exponentials = [0.0; PIECE];
    let mut total = 0.0;
    for x in x.chunks(PIECE) {
        let exponentials = &mut exponentials[..x.len()];
        map!(Write::Set, exponentials, x, |&x| math::exp::<I>(x - max));
        total += lanes::sum::<I>(exponentials);
    }
    total
}

/// What the loss of a row reads of its logits: that of the target, and the mean if there is smoothing. Without it the mean is not looked
/// at: a class of probability 0 would make it infinite.
#[inline(always)]
fn hit_and_mean<I: Isa>(x: &[f32], target: u32, smoothing: f32) -> (f64, f64) {
    (f64::from(x[target as usize]), if smoothing == 0.0 { 0.0 } else { lanes::sum::<I>(x) / x.len() as f64 })
}

/// The loss of a row.
#[inline(always)]
fn smoothed(log_sum: f64, (hit, mean): (f64, f64), smoothing: f32) -> f32 {
    let s = f64::from(smoothing);
    let total = log_sum - hit;
    (if smoothing == 0.0 { total } else { (1.0 - s) * total + s * (log_sum - mean) }) as f32
}

#[inline(always)]
pub(crate) fn cross_entropy_in_place<I: Isa>(
    loss: &mut [f32],
    logits: &mut [f32],
    row_scale: &[f32],
    targets: &[u32],
    classes: usize,
    smoothing: f32,
) {
    let even = smoothing / classes as f32;
    for (r, loss) in loss.iter_mut().enumerate() {
        let (x, target, scale) = (&mut logits[r * classes..][..classes], targets[r], row_scale[r]);
        let max = lanes::max::<I>(x);
        // Before the logits become exponentials.
        let read = hit_and_mean::<I>(x, target, smoothing);
        let mut total = 0.0;
        for x in x.chunks_mut(PIECE) {
            for x in x.iter_mut() {
                *x = math::exp::<I>(*x - max);
            }
            total += lanes::sum::<I>(x);
        }
        let log_sum = f64::from(max) + total.ln();
        *loss = smoothed(log_sum, read, smoothing);
        if scale == 0.0 {
            x.fill(0.0);
            continue;
        }
        let (factor, even) = (scale * (1.0 / total) as f32, scale * even);
        for x in x.iter_mut() {
            *x = I::mul_add(*x, factor, -even);
        }
        x[target as usize] -= scale * (1.0 - smoothing);
    }
}

#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "the signature of the table")]
pub(crate) fn cross_entropy_backward<I: Isa>(
    dlogits: &mut [f32],
    row_scale: &[f32],
    logits: &[f32],
    lse: &[f32],
    targets: &[u32],
    classes: usize,
    smoothing: f32,
    write: Write,
) {
    let even = smoothing / classes as f32;
    for (r, (&scale, &lse)) in row_scale.iter().zip(lse).enumerate() {
        let (dlogits, x) = (&mut dlogits[r * classes..][..classes], &logits[r * classes..][..classes]);
        if scale != 0.0 {
            map!(write, dlogits, x, |&x| scale * (math::exp::<I>(x - lse) - even));
            dlogits[targets[r] as usize] -= scale * (1.0 - smoothing);
        } else if write == Write::Set {
            dlogits.fill(0.0);
        }
    }
}
