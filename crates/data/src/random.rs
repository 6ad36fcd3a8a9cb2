//! The one source of random numbers in this crate: ChaCha8 generators whose key and stream are spelled out by the caller.
//!
//! A generator is addressed by `(seed, purpose, stream)`. Seed and purpose fill the key, the stream (a step, an epoch, the index of
//! a table) is ChaCha's own 64-bit stream number, so two different addresses never share numbers and nothing has to be stored to
//! resume. Draws are made here, from whole 64-bit words, and not by the distributions of `rand`: those may change
//! their values between releases, and data must not.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What the numbers are for. The discriminants are part of every data stream: never renumber them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    NtTrain = 1,
    NtValidation = 2,
    NtTable = 3,
    NtEmbedding = 4,
    BlocksTrain = 5,
    BlocksValidation = 6,
    Permutation = 7,
    ReverseMapTrain = 8,
    ReverseMapValidation = 9,
    ReverseMapTable = 10,
    HoldOut = 20,
    Augment = 21,
    Mixup = 22,
    ListOpsTrain = 23,
    ListOpsValidation = 24,
    CutMix = 25,
    MaskedBlocksTrain = 30,
    MaskTrain = 31,
    MaskEvaluation = 32,
}

/// The generator of the address `(seed, purpose, stream)`, at its first number.
pub(crate) fn generator(seed: u64, purpose: Purpose, stream: u64) -> ChaCha8Rng {
    let mut key = [0_u8; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&(purpose as u64).to_le_bytes());
    let mut rng = ChaCha8Rng::from_seed(key);
    rng.set_stream(stream);
    rng
}

/// A uniform integer of `0..bound`, without bias (Lemire's multiply and reject). `bound` is at least 1.
pub(crate) fn below(rng: &mut impl Rng, bound: u64) -> u64 {
    debug_assert!(bound > 0);
    let reject_under = bound.wrapping_neg() % bound;
    loop {
        let product = u128::from(rng.next_u64()) * u128::from(bound);
        if product as u64 >= reject_under {
            return (product >> 64) as u64;
        }
    }
}

/// A uniform multiple of `2^-53` in `[0, 1)`.
pub(crate) fn unit(rng: &mut impl Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

/// Without the last bits, in which sines and powers may differ between platforms; data must not.
pub(crate) fn rounded(x: f64) -> f64 {
    (x * f64::from(1 << 20)).round() / f64::from(1 << 20)
}

/// A number of mean 0 and variance 1, bell-shaped: the sum of twelve uniform numbers minus 6.
///
/// Only additions, so that the value is the same on every platform; a logarithm would not promise that.
pub(crate) fn bell(rng: &mut impl Rng) -> f64 {
    (0..12).map(|_| unit(rng)).sum::<f64>() - 6.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_do_not_share_numbers() {
        let first = |seed, purpose, stream| generator(seed, purpose, stream).next_u64();
        let base = first(1, Purpose::NtTrain, 1);
        assert_eq!(base, first(1, Purpose::NtTrain, 1));
        for other in [first(2, Purpose::NtTrain, 1), first(1, Purpose::NtValidation, 1), first(1, Purpose::NtTrain, 2)]
        {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn below_is_uniform_and_in_range() {
        let mut rng = generator(3, Purpose::Permutation, 0);
        let mut counts = [0_u32; 7];
        for _ in 0..70_000 {
            counts[below(&mut rng, 7) as usize] += 1;
        }
        // Standard deviation of a count: sqrt(70000 * 1/7 * 6/7) = 92.6; five of them.
        assert!(counts.iter().all(|&c| c.abs_diff(10_000) < 463), "{counts:?}");
        assert_eq!(below(&mut rng, 1), 0);
    }

    #[test]
    fn below_rejects_what_would_bias_it() {
        // Four words fall on three values of a bound of 3 * 2^62, two of them on the multiple of 3, unless one of the two is refused.
        let mut rng = generator(4, Purpose::Permutation, 0);
        let multiples = (0..30_000).filter(|_| below(&mut rng, 3 << 62).is_multiple_of(3)).count();
        assert!(multiples.abs_diff(10_000) < 409, "{multiples}");
    }

    #[test]
    fn bell_has_unit_variance() {
        let mut rng = generator(5, Purpose::NtEmbedding, 0);
        let draws: Vec<f64> = (0..20_000).map(|_| bell(&mut rng)).collect();
        let mean = draws.iter().sum::<f64>() / 20_000.0;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 20_000.0;
        assert!(mean.abs() < 0.04 && (variance - 1.0).abs() < 0.06, "{mean} {variance}");
    }
}
