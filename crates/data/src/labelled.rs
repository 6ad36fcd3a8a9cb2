//! Batches of examples with a class each, and the orders that they come in.

use crate::permutation;
use crate::random::{Purpose, below, generator};

/// Examples to be classified: numbers (images, series) or tokens, never both.
///
/// A row is one example. What a row of numbers is, the source says: an image is `[channels, rows, columns]`, a series `[steps, channels]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LabelledBatch {
    /// The numbers of all rows, one row after the other; empty for tokens.
    pub numbers: Vec<f32>,
    /// The tokens of all rows, `[rows, longest]`; empty for numbers.
    pub tokens: Vec<u32>,
    /// How many steps or tokens of each row are no padding; empty for images, which have none.
    pub lengths: Vec<usize>,
    /// The class of each row.
    pub labels: Vec<u32>,
    /// A second class of each row, where rows were mixed; else empty.
    pub second_labels: Vec<u32>,
    /// The weight of the first class where rows were mixed; the second has the rest.
    pub first_share: f32,
}

impl LabelledBatch {
    /// Number of examples.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.labels.len()
    }

    /// Empties the batch and keeps its memory.
    pub fn clear(&mut self) {
        self.numbers.clear();
        self.tokens.clear();
        self.lengths.clear();
        self.labels.clear();
        self.second_labels.clear();
        self.first_share = 1.0;
    }
}

/// The examples of the batch that follows `step` batches of `batch` each, in an endless series of epochs: every index of `0..examples` once an epoch, each
/// epoch in the [`permutation()`] of `seed` and its number.
///
/// All batches are full and nothing is left out: where an epoch is no multiple of a batch, a batch has the end of one and the start of the next. A pure
/// function of its arguments; costs a permutation for each epoch that the batch touches. Empty if there are no examples.
///
/// ```
/// let batches: Vec<usize> = (0..5).flat_map(|step| anther_data::epoch_batch(7, step, 2, 5)).collect();
/// assert_eq!(batches[..5], anther_data::permutation(7, 0, 5));
/// assert_eq!(batches[5..], anther_data::permutation(7, 1, 5));
/// ```
#[must_use]
pub fn epoch_batch(seed: u64, step: u64, batch: usize, examples: usize) -> Vec<usize> {
    let mut chosen = Vec::with_capacity(batch);
    if examples == 0 {
        return chosen;
    }
    let place = u128::from(step) * batch as u128;
    let (mut epoch, mut position) = ((place / examples as u128) as u64, (place % examples as u128) as usize);
    while chosen.len() < batch {
        let order = permutation(seed, epoch, examples);
        chosen.extend(order[position..].iter().take(batch - chosen.len()));
        (epoch, position) = (epoch.wrapping_add(1), 0);
    }
    chosen
}

/// Divides examples into those to train on and those held out, `share` of each class, rounded to the nearest number but never all of a class.
///
/// Both lists are in the order of the examples and depend on the seed only. A share of 0 holds nothing out.
///
/// ```
/// let (train, held_out) = anther_data::hold_out(&[0, 0, 0, 0, 1, 1, 1, 1], 0.25, 3);
/// assert_eq!((train.len(), held_out.len()), (6, 2));
/// assert!(held_out[0] < 4 && held_out[1] >= 4);
/// ```
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "examples are far below 2^53")]
pub fn hold_out(labels: &[u32], share: f64, seed: u64) -> (Vec<usize>, Vec<usize>) {
    let classes = labels.iter().max().map_or(0, |&label| label as usize + 1);
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); classes];
    for (index, &label) in labels.iter().enumerate() {
        members[label as usize].push(index);
    }
    let mut held = vec![false; labels.len()];
    for (class, members) in members.iter_mut().enumerate() {
        let count = ((members.len() as f64 * share).round() as usize).min(members.len().saturating_sub(1));
        let mut rng = generator(seed, Purpose::HoldOut, class as u64);
        for taken in 0..count {
            let left = (members.len() - taken) as u64;
            members.swap(taken, taken + below(&mut rng, left) as usize);
            held[members[taken]] = true;
        }
    }
    (0..labels.len()).partition(|&index| !held[index])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_larger_than_an_epoch_repeat_examples() {
        let batch = epoch_batch(1, 0, 7, 3);
        assert_eq!(batch[..3], permutation(1, 0, 3));
        assert_eq!(batch[3..6], permutation(1, 1, 3));
        assert_eq!(batch[6], permutation(1, 2, 3)[0]);
        assert!(epoch_batch(1, 9, 4, 0).is_empty());
        assert_eq!(epoch_batch(1, u64::MAX, 2, 5).len(), 2);
    }

    #[test]
    fn what_is_held_out_has_the_classes_of_the_whole() {
        let labels: Vec<u32> = (0..100).map(|i| u32::from(i % 10 == 0)).collect();
        let (train, held) = hold_out(&labels, 0.2, 5);
        assert_eq!((train.len(), held.len()), (80, 20));
        assert_eq!(held.iter().filter(|&&i| labels[i] == 1).count(), 2);
        assert!(train.is_sorted() && held.is_sorted());
        assert_ne!(held, hold_out(&labels, 0.2, 6).1);
        assert_eq!(held, hold_out(&labels, 0.2, 5).1);
        assert!(hold_out(&labels, 0.0, 5).1.is_empty());
        assert_eq!(hold_out(&[0, 1, 1], 0.99, 5).0.len(), 2);
    }
}
