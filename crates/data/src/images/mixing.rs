//! Images of a batch mixed with each other, and their classes with them: mixup (arXiv 1710.09412) and CutMix (arXiv 1905.04899).

use std::ops::Range;

use rand::Rng;

use crate::LabelledBatch;
use crate::random::{below, rounded, unit};

/// How each image of a batch is mixed with the one at the same place from its end, which is mixed with it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Mixing {
    /// Every pixel is `share` of its own and the rest of the other one's.
    Blend {
        /// The weight of the first image.
        share: f32,
    },
    /// A box is of the other one.
    Patch {
        /// The rows of the box.
        rows: Range<usize>,
        /// Its columns.
        columns: Range<usize>,
    },
}

impl Mixing {
    /// A box of CutMix in images of this size. With λ of the Beta(α, α) law its sides are √(1 − λ) of theirs, rounded down, and its middle is any pixel; what would
    /// lie outside is cut off.
    #[expect(clippy::cast_precision_loss, reason = "sides are far below 2^53")]
    pub(super) fn patch(alpha: f64, size: [usize; 2], rng: &mut impl Rng) -> Self {
        let side = (1.0 - beta(alpha, rng)).sqrt();
        let [rows, columns] = size.map(|whole| {
            let (half, middle) = ((whole as f64 * side) as usize / 2, below(rng, whole as u64) as usize);
            middle.saturating_sub(half)..(middle + half).min(whole)
        });
        Mixing::Patch { rows, columns }
    }

    /// Mixes the images of a batch, of this size in any number of channels. The weight of the first class is the share of the pixels that stay.
    #[expect(clippy::cast_precision_loss, reason = "pixels are far below 2^53")]
    pub(super) fn apply(&self, batch: &mut LabelledBatch, [rows, columns]: [usize; 2]) {
        match self {
            &Mixing::Blend { share } => {
                in_pairs(batch, |one, other| {
                    for (a, b) in one.iter_mut().zip(other) {
                        (*a, *b) = (share * *a + (1.0 - share) * *b, share * *b + (1.0 - share) * *a);
                    }
                });
                batch.first_share = share;
            }
            Mixing::Patch { rows: down, columns: across } => {
                in_pairs(batch, |one, other| {
                    let area = rows * columns;
                    for (one, other) in one.chunks_exact_mut(area).zip(other.chunks_exact_mut(area)) {
                        for row in down.clone() {
                            let line = row * columns + across.start..row * columns + across.end;
                            one[line.clone()].swap_with_slice(&mut other[line]);
                        }
                    }
                });
                let replaced = (down.len() * across.len()) as f64;
                batch.first_share = (1.0 - replaced / (rows * columns) as f64) as f32;
            }
        }
        batch.second_labels.extend(batch.labels.iter().rev());
    }
}

/// Calls a function with each image of a batch and its partner, every pair once; an image in the middle has none but itself.
fn in_pairs(batch: &mut LabelledBatch, mut mix: impl FnMut(&mut [f32], &mut [f32])) {
    let rows = batch.rows();
    let size = batch.numbers.len() / rows.max(1);
    for row in 0..rows / 2 {
        let (front, back) = batch.numbers.split_at_mut((rows - 1 - row) * size);
        mix(&mut front[row * size..][..size], &mut back[..size]);
    }
}

/// A number of the Beta(α, α) law, by the method of Jöhnk: of two powers of uniform numbers whose sum is at most 1, the share of the first.
pub(super) fn beta(alpha: f64, rng: &mut impl Rng) -> f64 {
    loop {
        let [x, y] = [unit(rng), unit(rng)].map(|u| u.powf(1.0 / alpha));
        if x + y > 0.0 && x + y <= 1.0 {
            return rounded(x / (x + y));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, generator};

    #[test]
    fn blending_keeps_the_sum_of_a_pair_and_the_middle() {
        let mut batch = LabelledBatch {
            numbers: vec![0.0, 8.0, 1.0, 1.0, 4.0, 0.0],
            labels: vec![5, 6, 7],
            ..LabelledBatch::default()
        };
        let blend = Mixing::Blend { share: 0.75 };
        blend.apply(&mut batch, [1, 2]);
        assert_eq!(batch.numbers, [1.0, 6.0, 1.0, 1.0, 3.0, 2.0]);
        assert_eq!((&batch.second_labels[..], batch.first_share), (&[7, 6, 5][..], 0.75));
        blend.apply(&mut LabelledBatch::default(), [1, 2]);
    }

    /// A batch whose pixels are the numbers of their images.
    fn numbered(images: usize, channels: usize, [rows, columns]: [usize; 2]) -> LabelledBatch {
        let size = channels * rows * columns;
        LabelledBatch {
            numbers: (0..images * size).map(|pixel| (pixel / size) as f32).collect(),
            labels: (0..images as u32).collect(),
            ..LabelledBatch::default()
        }
    }

    #[test]
    fn the_weight_of_a_class_is_the_share_of_its_pixels() {
        let mut whole = 0;
        for (step, (images, channels, size)) in
            [(4, 3, [8, 8]), (5, 1, [7, 5]), (2, 2, [1, 9]), (3, 3, [13, 4]), (1, 1, [3, 3]), (2, 3, [1, 1])]
                .into_iter()
                .cycle()
                .take(600)
                .enumerate()
        {
            let mixing = Mixing::patch(1.0, size, &mut generator(2, Purpose::CutMix, step as u64));
            let Mixing::Patch { rows, columns } = &mixing else { panic!("{mixing:?}") };
            assert!(rows.end <= size[0] && columns.end <= size[1]);
            let mut batch = numbered(images, channels, size);
            mixing.apply(&mut batch, size);
            let area = size[0] * size[1];
            assert_eq!(batch.second_labels, (0..images as u32).rev().collect::<Vec<_>>());
            for (plane, pixels) in batch.numbers.chunks_exact(area).enumerate() {
                let image = plane / channels;
                let own = pixels.iter().filter(|&&pixel| pixel == batch.labels[image] as f32).count();
                let others = pixels.iter().filter(|&&pixel| pixel == batch.second_labels[image] as f32).count();
                if image == images - 1 - image {
                    assert_eq!(own, area);
                } else {
                    assert_eq!(own + others, area);
                    assert_eq!(batch.first_share, (own as f64 / area as f64) as f32, "{mixing:?}");
                }
            }
            whole += usize::from(batch.first_share == 0.0);
        }
        assert!(whole < 100, "{whole} of 600 batches were exchanged as a whole");
        Mixing::Patch { rows: 0..1, columns: 0..1 }.apply(&mut LabelledBatch::default(), [2, 2]);
    }

    #[test]
    fn a_box_has_the_area_of_its_law_where_nothing_is_cut_off() {
        let (mut inside, mut sum) = (0, 0.0);
        for step in 0..4000 {
            let mixing = Mixing::patch(1.0, [200, 100], &mut generator(5, Purpose::CutMix, step));
            let Mixing::Patch { rows, columns } = mixing else { panic!("no box") };
            assert!(rows.len() <= 200 && columns.len() <= 100);
            if rows.start > 0 && rows.end < 200 && columns.start > 0 && columns.end < 100 {
                // Sides are whole and even numbers of pixels.
                assert!(rows.len().abs_diff(2 * columns.len()) <= 4, "{rows:?} {columns:?}");
                inside += 1;
            }
            sum += (rows.len() * columns.len()) as f64 / 20_000.0;
        }
        // With λ uniform, s = √(1 − λ) has the density 2s. A box of side s about a uniform middle has within the image the mean side s − s²/4, so the mean area is
        // ∫ 2s (s − s²/4)² ds = 1/2 − 1/5 + 1/48.
        let (mean, expected) = (sum / 4000.0, 0.5 - 0.2 + 1.0 / 48.0);
        assert!((mean - expected).abs() < 0.02, "{mean} is not {expected}");
        // Inside lies a box with probability (1 − s)², on the mean ∫ 2s (1 − s)² ds = 1/6.
        assert!((inside as f64 / 4000.0 - 1.0 / 6.0).abs() < 0.03, "{inside}");
    }

    #[test]
    fn shares_have_mean_and_variance_of_their_law() {
        for alpha in [0.2, 1.0, 2.0] {
            let shares: Vec<f64> = (0..4000).map(|step| beta(alpha, &mut generator(3, Purpose::Mixup, step))).collect();
            let mean = shares.iter().sum::<f64>() / 4000.0;
            let variance = shares.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 4000.0;
            assert!((mean - 0.5).abs() < 0.04, "{alpha}: {mean}");
            assert!((variance - 0.25 / (2.0 * alpha + 1.0)).abs() < 0.01, "{alpha}: {variance}");
        }
    }
}
