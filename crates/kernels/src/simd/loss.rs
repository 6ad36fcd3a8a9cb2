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
        let max = lanes::max(x);
        let log_sum = f64::from(max) + exponential_sum::<I>(x, max).ln();
        let mut total = log_sum - f64::from(x[targets[r] as usize]);
        // Without smoothing the mean is not looked at: a class of probability 0 would make it infinite.
        if smoothing != 0.0 {
            let (s, mean) = (f64::from(smoothing), lanes::sum(x) / classes as f64);
            total = (1.0 - s) * total + s * (log_sum - mean);
        }
        *loss = total as f32;
        *lse = log_sum as f32;
    }
}

/// Σ e^(x − max)
#[inline(always)]
fn exponential_sum<I: Isa>(x: &[f32], max: f32) -> f64 {
    let mut exponentials = [0.0; 512];
    let mut total = 0.0;
    for x in x.chunks(exponentials.len()) {
        let exponentials = &mut exponentials[..x.len()];
        map!(Write::Set, exponentials, x, |&x| math::exp::<I>(x - max));
        total += lanes::sum(exponentials);
    }
    total
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
