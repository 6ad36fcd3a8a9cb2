//! Counter-based random numbers: value `i` is a pure function of a key and `i`.
//!
//! No state is kept, so a stream can be entered anywhere, resumed without having been saved, and filled by any number of threads.
//! The generator is Philox4x32-10 (Salmon, Moraes, Dror and Shaw, *Parallel random numbers: as easy as 1, 2, 3*, SC 2011).

use crate::real::Real;
use crate::table::table;
use crate::threads::{BLOCK, FUNCTION_WORK, blocks};

const MULTIPLIER_0: u32 = 0xD251_1F53;
const MULTIPLIER_1: u32 = 0xCD9E_8D57;
const WEYL_0: u32 = 0x9E37_79B9;
const WEYL_1: u32 = 0xBB67_AE85;
const ROUNDS: usize = 10;

/// What a normal number costs, in memory-bound element operations: some 5 ns against 0.25 ns.
const NORMAL_WORK: usize = 20;

/// The Philox4x32-10 block function: 128 random bits for a 128-bit counter and a 64-bit key.
#[inline(always)]
#[must_use]
pub fn philox4x32(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let [mut c0, mut c1, mut c2, mut c3] = counter;
    let [mut k0, mut k1] = key;
    for _ in 0..ROUNDS {
        let p0 = u64::from(MULTIPLIER_0) * u64::from(c0);
        let p1 = u64::from(MULTIPLIER_1) * u64::from(c2);
        (c0, c1, c2, c3) = ((p1 >> 32) as u32 ^ c1 ^ k0, p1 as u32, (p0 >> 32) as u32 ^ c3 ^ k1, p0 as u32);
        k0 = k0.wrapping_add(WEYL_0);
        k1 = k1.wrapping_add(WEYL_1);
    }
    [c0, c1, c2, c3]
}

/// Which of several independent sequences of one key a counter belongs to; the top two bits of the 64-bit index.
#[derive(Clone, Copy)]
enum Sequence {
    Bits = 0,
    Uniform = 1,
    Normal = 2,
    Below = 3,
}

/// The key of a stream of random values.
///
/// Streams of different `(seed, stream, step)` are independent, and so are the four sequences of a key ([`bits`](Self::bits),
/// [`uniform`](Self::uniform), [`normal`](Self::normal), [`below`](Self::below)). Indices run to 2⁶² − 1; higher bits are ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RandomKey {
    key: [u32; 2],
    step: [u32; 2],
}

impl RandomKey {
    /// The key of `stream` (say, one use of random numbers in a model) at `step` of a run that was started with `seed`.
    #[must_use]
    pub fn new(seed: u64, stream: u64, step: u64) -> RandomKey {
        // Seed and stream share the 64 key bits: both are scrambled so that small numbers do not cancel each other.
        let key = scramble(scramble(seed) ^ stream.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        RandomKey { key: halves(key), step: halves(step) }
    }

    #[inline(always)]
    fn block(self, sequence: Sequence, index: u64) -> [u32; 4] {
        let [low, high] = halves((index & (u64::MAX >> 2)) | ((sequence as u64) << 62));
        philox4x32([low, high, self.step[0], self.step[1]], self.key)
    }

    /// The four values `bits(4 * group)` to `bits(4 * group + 3)` at the price of one.
    #[inline(always)]
    pub(crate) fn bits_group(self, group: u64) -> [u32; 4] {
        self.block(Sequence::Bits, group)
    }

    /// 32 random bits.
    #[must_use]
    pub fn bits(self, index: u64) -> u32 {
        self.bits_group(index / 4)[(index % 4) as usize]
    }

    /// A uniform number in [0, 1), a multiple of 2⁻⁵³.
    #[must_use]
    pub fn uniform(self, index: u64) -> f64 {
        let words = self.block(Sequence::Uniform, index / 2);
        let pair = 2 * (index % 2) as usize;
        unit(words[pair], words[pair + 1])
    }

    /// The random bits of `normal(index)`: two words for the radius, two for the angle.
    #[inline(always)]
    pub(crate) fn normal_words(self, index: u64) -> [u32; 4] {
        self.block(Sequence::Normal, index)
    }

    /// A number from the standard normal distribution, by the method of Box and Muller.
    #[must_use]
    pub fn normal(self, index: u64) -> f64 {
        let words = self.normal_words(index);
        // 1 - u lies in (0, 1], where the logarithm is finite.
        let radius = (-2.0 * (1.0 - unit(words[0], words[1])).ln()).sqrt();
        radius * (std::f64::consts::TAU * unit(words[2], words[3])).cos()
    }

    /// A whole number in `0..n`, uniform up to a bias below n·2⁻⁶⁴; 0 when `n` is 0.
    #[must_use]
    pub fn below(self, index: u64, n: u64) -> u64 {
        let words = self.block(Sequence::Below, index / 2);
        let pair = 2 * (index % 2) as usize;
        let bits = u64::from(words[pair]) << 32 | u64::from(words[pair + 1]);
        ((u128::from(bits) * u128::from(n)) >> 64) as u64
    }
}

fn halves(x: u64) -> [u32; 2] {
    [x as u32, (x >> 32) as u32]
}

/// Mixes 64 bits, so that every input bit reaches every output bit. Not one to one, as half of what Philox gives is dropped, but two of a few
/// inputs meet as seldom as random numbers do.
fn scramble(x: u64) -> u64 {
    let words = philox4x32([x as u32, (x >> 32) as u32, 0, 0], [WEYL_0, WEYL_1]);
    x ^ (u64::from(words[1]) << 32 | u64::from(words[0]))
}

/// The top 53 of 64 bits as a number in [0, 1).
fn unit(high: u32, low: u32) -> f64 {
    let bits = (u64::from(high) << 32 | u64::from(low)) >> 11;
    bits as f64 * (1.0 / (1u64 << 53) as f64)
}

/// Fills `out` with uniform numbers in [low, high): `out[i] = low + (high − low) · key.uniform(i)`, rounded once.
///
/// A value that rounding would lift to `high` becomes `low`.
pub fn fill_uniform<T: Real>(out: &mut [T], key: RandomKey, low: T, high: T) {
    let (low64, width) = (low.to_f64(), high.to_f64() - low.to_f64());
    blocks(out.len() * FUNCTION_WORK, out, BLOCK, |block, out| {
        for (i, out) in out.iter_mut().enumerate() {
            let value = T::from_f64(low64 + width * key.uniform((block * BLOCK + i) as u64));
            *out = if value >= high { low } else { value };
        }
    });
}

/// Fills `out` with normal numbers: `out[i] = mean + std · key.normal(i)`, rounded once.
///
/// `f32` computes [`RandomKey::normal`] by series of its own at every level but [`Level::Scalar`](crate::Level). They give the same bits at each of those, differ
/// from the twin by less than 10⁻¹⁴ · std before the rounding, hence by at most one unit in the last place after it (for mean 0 and results above
/// 10⁻⁶ · std), and in less than one of a million results at all.
pub fn fill_normal<T: Real>(out: &mut [T], key: RandomKey, mean: T, std: T) {
    let run = table::<T>().fill_normal;
    blocks(out.len() * NORMAL_WORK, out, BLOCK, |i, out| run(out, (i * BLOCK) as u64, key, mean, std));
}

#[cfg(test)]
mod tests {
    use super::philox4x32;

    /// The known answers that the authors of Philox publish with their library.
    #[test]
    fn philox_known_answers() {
        let cases = [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ];
        for (counter, key, expected) in cases {
            assert_eq!(philox4x32(counter, key), expected, "counter {counter:x?}, key {key:x?}");
        }
    }
}
