//! Relative position bias as in T5 (Raffel et al. 2020, section 2.1): `b_hij = B[bucket(j − i), h]`, learned, one table a layer.
//!
//! Half of the buckets are for keys before the query and at its place, half for keys after it. In each half one half is for single distances, the other
//! for ranges that grow like the logarithm up to a distance of 128, beyond which all keys share the last bucket. Under a causal mask only the first half is
//! ever used. Softmax adds the bias to the score, expressive attention multiplies its weight by `e^b`.

use anther_tensor::Ids;

/// Rows of the table of a layer.
pub const BUCKETS: usize = 32;

/// From this distance on, keys share a bucket.
const FAR: usize = 128;

/// The bucket of a key at `distance` after its query.
pub fn bucket(distance: isize) -> usize {
    let half = BUCKETS / 2;
    let exact = half / 2;
    let (side, distance) = (if distance > 0 { half } else { 0 }, distance.unsigned_abs());
    if distance < exact {
        return side + distance;
    }
    let beyond = (distance as f64 / exact as f64).ln() / (FAR as f64 / exact as f64).ln();
    side + (exact + (beyond * (half - exact) as f64) as usize).min(half - 1)
}

/// The bucket of each distance that occurs between queries at positions `offset …` and keys at positions `0 …`, in the order of
/// [`Operands::bias`](crate::Operands::bias).
pub fn buckets(queries: usize, keys: usize, offset: usize) -> Ids {
    let columns = (queries + keys).saturating_sub(1);
    let distance = |column: usize| column as isize + 1 - (queries + offset) as isize;
    Ids::new([columns], (0..columns).map(|column| bucket(distance(column)) as u32).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_distances_have_their_own_buckets_and_far_ones_share() {
        let before: Vec<usize> = [0, -1, -7, -8, -15, -16, -64, -127, -128, -5000].map(bucket).into();
        assert_eq!(before, [0, 1, 7, 8, 9, 10, 14, 15, 15, 15]);
        assert_eq!([1, 7, 8, 128, 5000].map(bucket), [17, 23, 24, 31, 31]);
    }

    #[test]
    fn distances_run_from_the_last_query_and_the_first_key() {
        // Queries at positions 3 and 4, keys at positions 0 to 4.
        let ids = buckets(2, 5, 3);
        assert_eq!(ids.data(), [-4, -3, -2, -1, 0, 1].map(|distance| bucket(distance) as u32));
    }
}
