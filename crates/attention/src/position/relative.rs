//! Relative position bias as in T5 (Raffel et al. 2020, section 2.1): `b_hij = B[bucket(j − i), h]`, learned, one table a layer.
//!
//! In both directions, as in its encoder, half of the buckets are for keys before the query and at its place, half for keys after it. Where no query sees a
//! key after its own, as in its decoder, all buckets are for keys before it. Of the buckets of a side one half is for single distances, the other for ranges
//! that grow like the logarithm up to a distance of 128, beyond which all keys share the last bucket. Softmax adds the bias to the score, expressive
//! attention multiplies its weight by `e^b`.

use anther_tensor::Ids;

/// Rows of the table of a layer.
pub const BUCKETS: usize = 32;

/// From this distance on, keys share a bucket.
const FAR: usize = 128;

/// The bucket of a key at `distance` after its query. With `past_only` all buckets are for keys before the query, and those after it are in bucket 0.
pub fn bucket(distance: isize, past_only: bool) -> usize {
    let half = BUCKETS / 2;
    let (first, count, distance) = match past_only {
        true => (0, BUCKETS, distance.min(0).unsigned_abs()),
        false => (if distance > 0 { half } else { 0 }, half, distance.unsigned_abs()),
    };
    let exact = count / 2;
    if distance < exact {
        return first + distance;
    }
    let beyond = (distance as f64 / exact as f64).ln() / (FAR as f64 / exact as f64).ln();
    first + (exact + (beyond * (count - exact) as f64) as usize).min(count - 1)
}

/// The bucket of each distance that occurs between queries at positions `offset …` and keys at positions `0 …`, in the order of
/// [`Operands::bias`](crate::Operands::bias).
pub fn buckets(queries: usize, keys: usize, offset: usize, past_only: bool) -> Ids {
    let columns = (queries + keys).saturating_sub(1);
    let distance = |column: usize| column as isize + 1 - (queries + offset) as isize;
    Ids::new([columns], (0..columns).map(|column| bucket(distance(column), past_only) as u32).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_distances_have_their_own_buckets_and_far_ones_share() {
        let both = |distance| bucket(distance, false);
        let before: Vec<usize> = [0, -1, -7, -8, -15, -16, -64, -127, -128, -5000].map(both).into();
        assert_eq!(before, [0, 1, 7, 8, 9, 10, 14, 15, 15, 15]);
        assert_eq!([1, 7, 8, 128, 5000].map(both), [17, 23, 24, 31, 31]);
    }

    #[test]
    fn all_buckets_are_for_the_past_where_only_that_is_seen() {
        // `_relative_position_bucket(…, bidirectional=False)` of T5 in `transformers`.
        let before = [0, -1, -15, -16, -18, -19, -21, -32, -64, -112, -113, -128, -5000].map(|far| bucket(far, true));
        assert_eq!(before, [0, 1, 15, 16, 16, 17, 18, 21, 26, 30, 31, 31, 31]);
        assert_eq!([1, 7, 5000].map(|far| bucket(far, true)), [0, 0, 0]);
    }

    #[test]
    fn distances_run_from_the_last_query_and_the_first_key() {
        // Queries at positions 3 and 4, keys at positions 0 to 4.
        for past_only in [false, true] {
            let ids = buckets(2, 5, 3, past_only);
            assert_eq!(ids.data(), [-4, -3, -2, -1, 0, 1].map(|distance| bucket(distance, past_only) as u32));
        }
    }
}
