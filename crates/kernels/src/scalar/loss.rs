//! Twins of the cross entropy.

use super::store;
use crate::real::Real;
use crate::write::Write;

pub(crate) fn cross_entropy<T: Real>(
    loss: &mut [T],
    lse: &mut [T],
    logits: &[T],
    targets: &[u32],
    classes: usize,
    smoothing: T,
) {
    for (r, (loss, lse)) in loss.iter_mut().zip(lse).enumerate() {
        let (total, log_sum) = row(&logits[r * classes..][..classes], targets[r], smoothing);
        *loss = T::from_f64(total);
        *lse = T::from_f64(log_sum);
    }
}

/// The loss of a row, and `log Σ e^x`.
fn row<T: Real>(x: &[T], target: u32, smoothing: T) -> (f64, f64) {
    let max = super::max(x).to_f64();
    let log_sum = max + x.iter().map(|x| (x.to_f64() - max).exp()).sum::<f64>().ln();
    let mut total = log_sum - x[target as usize].to_f64();
    // Without smoothing the mean is not looked at: a class of probability 0 would make it infinite.
    if smoothing != T::ZERO {
        let (s, mean) = (smoothing.to_f64(), super::sum(x) / x.len() as f64);
        total = (1.0 - s) * total + s * (log_sum - mean);
    }
    (total, log_sum)
}

#[expect(clippy::too_many_arguments, reason = "the signature of the table")]
pub(crate) fn cross_entropy_backward<T: Real>(
    dlogits: &mut [T],
    row_scale: &[T],
    logits: &[T],
    lse: &[T],
    targets: &[u32],
    classes: usize,
    smoothing: T,
    write: Write,
) {
    let even = smoothing / T::from_f64(classes as f64);
    for (r, &scale) in row_scale.iter().enumerate() {
        for c in 0..classes {
            let i = r * classes + c;
            let hit = if targets[r] as usize == c { T::ONE - smoothing } else { T::ZERO };
            let slope = if scale == T::ZERO { T::ZERO } else { scale * ((logits[i] - lse[r]).exp() - hit - even) };
            store(&mut dlogits[i], slope, write);
        }
    }
}

pub(crate) fn cross_entropy_in_place<T: Real>(
    loss: &mut [T],
    logits: &mut [T],
    row_scale: &[T],
    targets: &[u32],
    classes: usize,
    smoothing: T,
) {
    let even = smoothing / T::from_f64(classes as f64);
    for (r, (loss, &scale)) in loss.iter_mut().zip(row_scale).enumerate() {
        let (logits, target) = (&mut logits[r * classes..][..classes], targets[r]);
        let (total, log_sum) = row(logits, target, smoothing);
        *loss = T::from_f64(total);
        for (c, x) in logits.iter_mut().enumerate() {
            let hit = if target as usize == c { T::ONE - smoothing } else { T::ZERO };
            let p = T::from_f64((x.to_f64() - log_sum).exp());
            *x = if scale == T::ZERO { T::ZERO } else { scale * (p - hit - even) };
        }
    }
}
