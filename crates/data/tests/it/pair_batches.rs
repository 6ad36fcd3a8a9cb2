//! Batches of pairs of about the same length: what is in them, and that they are functions of seed and number.

use std::collections::BTreeMap;

use anther_data::parallel::{BatchLimit, PairBatches};
use anther_data::{PairBatch, PairTokens};
use proptest::prelude::*;

const TOKENS: PairTokens = PairTokens { padding: 0, begin: 2, end: 3 };

/// Pairs of these lengths, each of which has its number in all its tokens.
fn pairs(lengths: &[(usize, usize)]) -> Vec<[Vec<u32>; 2]> {
    (10..).zip(lengths).map(|(i, &(source, target))| [vec![i; source], vec![i + 1000; target]]).collect()
}

#[test]
fn a_batch_has_both_sides_with_their_ends_and_padding() {
    let batches = PairBatches::new(pairs(&[(2, 1), (1, 3)]), BatchLimit::Rows(2), 9, TOKENS).unwrap();
    let mut batch = PairBatch::default();
    batches.refill(&batches.in_order(), 0, &mut batch);
    assert_eq!((batch.source_context, &batch.source[..]), (3, &[10, 10, 3, 11, 3, 0][..]));
    assert_eq!(batch.source_lengths, [3, 2]);
    assert_eq!((batch.target.batch, batch.target.context), (2, 4));
    assert_eq!(batch.target.inputs, [2, 1010, 0, 0, 2, 1011, 1011, 1011]);
    assert_eq!(batch.target.targets, [1010, 3, 0, 0, 1011, 1011, 1011, 3]);
    assert_eq!(batch.target.weights, [1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]);
    assert_eq!(batch.target_lengths, [2, 4]);
}

#[test]
fn what_does_not_fit_is_left_out_or_refused() {
    let lengths = [(3, 1), (1, 3), (4, 1), (1, 4)];
    let batches = PairBatches::new(pairs(&lengths), BatchLimit::Rows(8), 4, TOKENS).unwrap();
    assert_eq!((batches.pairs(), batches.dropped()), (2, 2));
    assert!(PairBatches::new(pairs(&lengths), BatchLimit::Rows(8), 1, TOKENS).is_err());
    assert!(PairBatches::new(pairs(&lengths), BatchLimit::Rows(0), 9, TOKENS).is_err());
    assert!(PairBatches::new(pairs(&lengths), BatchLimit::Tokens(0), 9, TOKENS).is_err());
    assert!(PairBatches::new(Vec::new(), BatchLimit::Rows(1), 9, TOKENS).is_err());
    // A pair that is longer than the limit alone stands alone.
    let alone = PairBatches::new(pairs(&[(7, 7), (7, 7)]), BatchLimit::Tokens(5), 9, TOKENS).unwrap();
    assert_eq!(alone.len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn an_epoch_has_every_pair_once_within_the_limit(
        lengths in prop::collection::vec((0..12_usize, 0..12_usize), 1..80),
        limit in prop_oneof![(1..9_usize).prop_map(BatchLimit::Rows), (13..90_usize).prop_map(BatchLimit::Tokens)],
        (seed, epoch) in (0..5_u64, 0..5_u64),
    ) {
        let batches = PairBatches::new(pairs(&lengths), limit, 13, TOKENS).unwrap();
        let order = batches.epoch(seed, epoch);
        prop_assert_eq!(&order, &batches.epoch(seed, epoch));
        let mut seen = BTreeMap::new();
        let (mut batch, mut padding) = (PairBatch::default(), 0);
        for number in 0..batches.len() {
            batches.refill(&order, number, &mut batch);
            let (rows, longest) = (batch.target.batch, batch.source_context.max(batch.target.context));
            match limit {
                BatchLimit::Rows(limit) => prop_assert!(rows <= limit),
                BatchLimit::Tokens(limit) => prop_assert!(rows * longest <= limit),
            }
            for row in 0..rows {
                let source = batch.source_row(row);
                prop_assert_eq!(source.last(), Some(&3));
                let target = &batch.target.row(row).1[..batch.target_lengths[row]];
                *seen.entry((source.to_vec(), target.to_vec())).or_insert(0) += 1;
                padding += longest - batch.source_lengths[row].max(batch.target_lengths[row]);
            }
        }
        let mut expected = BTreeMap::new();
        for [mut source, mut target] in pairs(&lengths) {
            source.push(3);
            target.push(3);
            *expected.entry((source, target)).or_insert(0) += 1;
        }
        prop_assert_eq!(seen, expected);
        // Sorted by the longer side, the differences within batches add up to no more than the longest for each row of a batch.
        let most_rows = match limit {
            BatchLimit::Rows(limit) => limit,
            BatchLimit::Tokens(limit) => limit,
        };
        prop_assert!(padding <= most_rows * 13, "{padding} of padding");
    }
}

#[test]
fn epochs_and_seeds_differ_in_order_and_not_in_number() {
    let lengths: Vec<_> = (0..60).map(|i| (i % 4, 3)).collect();
    let batches = PairBatches::new(pairs(&lengths), BatchLimit::Rows(7), 9, TOKENS).unwrap();
    let first = batches.epoch(1, 0);
    assert_ne!(first, batches.epoch(1, 1));
    assert_ne!(first, batches.epoch(2, 0));
    assert_ne!(first, batches.in_order());
    let rows = |number| {
        let mut batch = PairBatch::default();
        batches.refill(&first, number, &mut batch);
        batch.target.batch
    };
    assert_eq!((0..batches.len()).map(rows).sum::<usize>(), 60);
}
