//! Masked batches: how many tokens are hidden and how, and that nothing but seed and step decides.

use anther_data::masked::MaskedBlocks;
use anther_data::tokenizer::{BEGIN, MASK, Special, UNKNOWN};
use anther_data::{DataError, SequenceBatch, Tokens};

const VOCABULARY: usize = 1005;

/// A thousand tokens over and over, with a special one now and then.
fn tokens() -> Tokens {
    let token = |i: u32| match i % 50 {
        0 => BEGIN,
        25 => UNKNOWN,
        _ => 5 + (i * 7) % 1000,
    };
    (0..20_000).map(token).collect::<Vec<_>>().into()
}

fn blocks(context: usize) -> MaskedBlocks {
    MaskedBlocks::new(tokens(), context, Special::OURS, VOCABULARY).unwrap()
}

fn evaluation(size: usize, most: usize) -> Vec<SequenceBatch> {
    let batches = blocks(300).evaluation(size, most).unwrap();
    // All in the same place, the last one first.
    let mut batch = SequenceBatch::default();
    let mut all: Vec<_> = (0..batches.len())
        .rev()
        .map(|number| {
            batches.refill(number, &mut batch);
            batch.clone()
        })
        .collect();
    all.reverse();
    all
}

fn batch(seed: u64, step: u64) -> SequenceBatch {
    let mut batch = SequenceBatch::default();
    blocks(500).refill(seed, step, 40, &mut batch).unwrap();
    batch
}

#[test]
fn tokens_are_chosen_and_changed_as_often_as_they_should() {
    let SequenceBatch { inputs, targets, weights, .. } = batch(1, 0);
    let places =
        || inputs.iter().zip(&targets).zip(&weights).map(|((&input, &target), &weight)| (input, target, weight));
    assert!(places().filter(|&(.., weight)| weight == 0.0).all(|(input, target, _)| input == target));
    assert!(places().filter(|&(_, target, _)| target < 5).all(|(.., weight)| weight == 0.0));
    let ordinary = targets.iter().filter(|&&target| target >= 5).count() as f64;
    let chosen: Vec<_> = places().filter(|&(.., weight)| weight == 1.0).collect();
    let share = |count: usize, of: f64| count as f64 / of;
    let count = chosen.len() as f64;
    // 19,200 tokens: five standard deviations of 0.0026; 2,880 chosen ones: of 0.0075 and 0.0056.
    assert!((share(chosen.len(), ordinary) - 0.15).abs() < 0.013, "{count} of {ordinary}");
    let hidden = chosen.iter().filter(|(input, ..)| *input == MASK).count();
    let kept = chosen.iter().filter(|(input, target, _)| input == target).count();
    assert!((share(hidden, count) - 0.8).abs() < 0.038 && (share(kept, count) - 0.1).abs() < 0.028, "{hidden} {kept}");
    let others = chosen.iter().filter(|(input, target, _)| input != target && *input != MASK);
    assert!(others.clone().any(|(input, ..)| *input > 900) && others.clone().any(|(input, ..)| *input < 100));
}

#[test]
fn a_batch_is_a_function_of_seed_and_step() {
    assert_eq!(batch(1, 3), batch(1, 3));
    assert_ne!(batch(1, 3), batch(1, 4));
    assert_ne!(batch(1, 3), batch(2, 3));
    let mut short = SequenceBatch::default();
    blocks(500).refill(1, 3, 5, &mut short).unwrap();
    assert_eq!(short.row(4), batch(1, 3).row(4));
}

#[test]
fn an_evaluation_goes_through_the_text_with_the_same_masks() {
    let all = evaluation(16, 1000);
    let targets: Vec<u32> = all.iter().flat_map(|batch| batch.targets.clone()).collect();
    assert_eq!(targets, tokens()[..66 * 300]);
    assert_eq!(all.iter().map(|batch| batch.batch).collect::<Vec<_>>(), [16, 16, 16, 16, 2]);
    // Neither the size of a batch nor how many there are changes a mask.
    let others = evaluation(7, 4);
    let inputs = |batches: &[SequenceBatch]| batches.iter().flat_map(|batch| batch.inputs.clone()).collect::<Vec<_>>();
    assert_eq!(inputs(&others), inputs(&all)[..28 * 300]);
}

#[test]
fn what_cannot_be_is_refused() {
    let short = Tokens::from(vec![9; 10]);
    assert!(matches!(
        MaskedBlocks::new(short.clone(), 11, Special::OURS, 20),
        Err(DataError::TooShort { have: 10, needed: 11, .. })
    ));
    assert!(MaskedBlocks::new(short.clone(), 10, Special::OURS, 20).is_ok());
    assert!(matches!(MaskedBlocks::new(short.clone(), 0, Special::OURS, 20), Err(DataError::Batch(_))));
    let without = Special { mask: None, ..Special::OURS };
    assert!(matches!(MaskedBlocks::new(short, 5, without, 20), Err(DataError::NoMask)));
    assert!(matches!(blocks(10).evaluation(2, 0), Err(DataError::NoBatches)));
    assert!(matches!(blocks(10).evaluation(0, 2), Err(DataError::Batch(_))));
}
