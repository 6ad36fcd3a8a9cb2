//! Blocks: where they start, how often each comes, and how evaluation ends.

use anther_data::{BatchError, BlockEpochs, Cursor, DataError, RandomBlocks, SequentialBlocks, Split, Tokens};

use crate::support::assert_sentence;

/// `0, 1, 2, ...`, so that a token is its own place.
fn counting(length: u32) -> Tokens {
    Tokens::from((0..length).collect::<Vec<u32>>())
}

/// Checks that each row is consecutive tokens with weight 1, and returns where the rows start.
#[track_caller]
fn starts(data: &anther_data::SequenceBatch) -> Vec<u32> {
    let start = |row| {
        let (inputs, targets, weights) = data.row(row);
        assert!(inputs.iter().copied().eq((inputs[0]..).take(data.context)));
        assert!(targets.iter().zip(inputs).all(|(target, input)| *target == input + 1));
        assert!(weights.iter().all(|&weight| weight == 1.0));
        inputs[0]
    };
    (0..data.batch).map(start).collect()
}

#[test]
fn random_blocks_start_anywhere_with_equal_chance() {
    let blocks = RandomBlocks::new(counting(14), Split::Train, 4).unwrap();
    let mut counts = [0_u32; 10];
    for step in 0..100 {
        starts(&blocks.batch(9, step, 100).unwrap()).iter().for_each(|&start| counts[start as usize] += 1);
    }
    // 10,000 blocks over the starts 0 to 9: mean 1000, standard deviation 30; five of them.
    assert!(counts.iter().all(|count| count.abs_diff(1000) < 150), "{counts:?}");
}

#[test]
fn random_blocks_are_a_function_of_seed_step_and_split() {
    let batch =
        |split, seed, step, size| RandomBlocks::new(counting(1000), split, 8).unwrap().batch(seed, step, size).unwrap();
    let base = batch(Split::Train, 1, 1, 16);
    assert_eq!(base, batch(Split::Train, 1, 1, 16));
    assert_ne!(base, batch(Split::Train, 2, 1, 16));
    assert_ne!(base, batch(Split::Train, 1, 2, 16));
    assert_ne!(base, batch(Split::Validation, 1, 1, 16));
    assert_eq!(batch(Split::Train, 1, 1, 4).inputs, base.inputs[..32]);
}

#[test]
fn the_places_of_random_blocks_never_change() {
    // Computed by another program from the definition of ChaCha8.
    let places = |split| starts(&RandomBlocks::new(counting(1000), split, 8).unwrap().batch(3, 11, 6).unwrap());
    assert_eq!(places(Split::Train), [347, 620, 653, 549, 472, 688]);
    assert_eq!(places(Split::Validation), [665, 735, 661, 851, 372, 355]);
}

#[test]
fn the_shortest_text_has_one_block() {
    let blocks = RandomBlocks::new(counting(5), Split::Train, 4).unwrap();
    assert_eq!(starts(&blocks.batch(0, 0, 3).unwrap()), [0, 0, 0]);
    assert_eq!(BlockEpochs::new(counting(5), 4, 0, Cursor::default()).unwrap().blocks(), 1);
    assert_eq!(SequentialBlocks::new(counting(5), 4, 1, 9).unwrap().blocks(), 1);
}

#[test]
fn block_epochs_visit_every_block_once_an_epoch() {
    // 50 tokens and a context of 4: the last block has the inputs 44 to 47 and the last target 48.
    let mut blocks = BlockEpochs::new(counting(50), 4, 6, Cursor::default()).unwrap();
    assert_eq!(blocks.blocks(), 12);
    // 5 does not divide 12, so batches meet the ends of epochs; twelve batches are five epochs.
    let mut taken = Vec::new();
    for _ in 0..12 {
        let batch = blocks.next_batch(5).unwrap();
        assert_eq!(batch.batch, 5);
        taken.extend(starts(&batch));
    }
    assert_eq!(blocks.cursor(), Cursor { epoch: 5, position: 0 });
    for epoch in taken.chunks(12) {
        let mut sorted = epoch.to_vec();
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq((0..12).map(|block| block * 4)));
    }
    assert_ne!(taken[..12], taken[12..24]);
}

#[test]
fn a_resumed_run_sees_what_an_uninterrupted_one_sees() {
    let new = |cursor| BlockEpochs::new(counting(50), 4, 6, cursor).unwrap();
    let mut whole = new(Cursor::default());
    for _ in 0..10 {
        let mut resumed = new(whole.cursor());
        let batch = whole.next_batch(5).unwrap();
        assert_eq!(batch, resumed.next_batch(5).unwrap());
        assert_eq!(whole.cursor(), resumed.cursor());
    }
}

#[test]
fn a_refused_batch_does_not_move_the_cursor() {
    let mut blocks = BlockEpochs::new(counting(50), 4, 6, Cursor { epoch: 1, position: 3 }).unwrap();
    assert!(matches!(blocks.next_batch(0), Err(DataError::Batch(BatchError::EmptyBatch))));
    assert!(matches!(blocks.next_batch(usize::MAX), Err(DataError::Batch(BatchError::TooLarge { .. }))));
    assert_eq!(blocks.cursor(), Cursor { epoch: 1, position: 3 });
}

#[test]
fn evaluation_goes_through_the_text_in_order() {
    let all = SequentialBlocks::new(counting(50), 4, 5, usize::MAX).unwrap();
    let seen: Vec<Vec<u32>> = all.batches().map(|batch| starts(&batch)).collect();
    assert_eq!(seen, [vec![0, 4, 8, 12, 16], vec![20, 24, 28, 32, 36], vec![40, 44]]);
    assert_eq!((all.batches().len(), all.len(), all.blocks()), (3, 3, 12));
    let mut again = all.batches().next().unwrap();
    all.refill(2, &mut again);
    assert_eq!(starts(&again), [40, 44]);
    assert!(all.batches().eq(all.batches()));
    let capped = SequentialBlocks::new(counting(50), 4, 5, 2).unwrap();
    assert_eq!(capped.blocks(), 10);
    assert!(capped.batches().eq(all.batches().take(2)));
}

#[test]
fn what_is_too_short_says_how_much_is_needed() {
    let errors = [
        RandomBlocks::new(counting(8), Split::Train, 8).unwrap_err(),
        BlockEpochs::new(counting(8), 8, 0, Cursor::default()).unwrap_err(),
        SequentialBlocks::new(counting(8), 8, 1, 1).unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, DataError::TooShort { have: 8, context: 8, needed: 9 }));
        assert_sentence(&error, &["8 characters", "context of 8 needs 9"]);
    }
    assert!(matches!(
        RandomBlocks::new(counting(8), Split::Train, usize::MAX),
        Err(DataError::TooShort { needed: usize::MAX, .. })
    ));
}

#[test]
fn nonsense_is_refused() {
    let context = |error| matches!(error, DataError::Batch(BatchError::EmptyContext));
    assert!(context(RandomBlocks::new(counting(8), Split::Train, 0).unwrap_err()));
    assert!(context(BlockEpochs::new(counting(8), 0, 0, Cursor::default()).unwrap_err()));
    assert!(context(SequentialBlocks::new(counting(8), 0, 1, 1).unwrap_err()));
    assert!(matches!(SequentialBlocks::new(counting(8), 2, 1, 0), Err(DataError::NoBatches)));
    assert!(matches!(SequentialBlocks::new(counting(8), 2, 0, 1), Err(DataError::Batch(BatchError::EmptyBatch))));
    assert!(matches!(
        BlockEpochs::new(counting(9), 4, 0, Cursor { epoch: 0, position: 2 }),
        Err(DataError::Cursor { position: 2, len: 2, .. })
    ));
}
