//! The reverse-and-map task: what a batch holds, and what is refused.

use anther_data::reverse_map::{BEGIN, END, FIRST, PADDING, ReverseMap, ReverseMapConfig, ReverseMapError};
use anther_data::{BatchError, PairBatch, Split};

fn task(tokens: u32) -> ReverseMap {
    ReverseMap::new(ReverseMapConfig { tokens, ..ReverseMapConfig::default() }).unwrap()
}

fn batch(task: &ReverseMap, seed: u64, split: Split, step: u64, [batch, context]: [usize; 2]) -> PairBatch {
    let mut data = PairBatch::default();
    task.refill(seed, split, step, batch, context, &mut data).unwrap();
    data
}

#[test]
fn a_target_is_the_source_mapped_and_reversed() {
    let task = task(50);
    let data = batch(&task, 1, Split::Train, 3, [200, 16]);
    let mut lengths = [0; 9];
    for row in 0..200 {
        let source = data.source_row(row);
        let (tokens, end) = source.split_at(source.len() - 1);
        assert_eq!(end, [END]);
        assert!(tokens.iter().all(|token| (FIRST..50).contains(token)));
        lengths[tokens.len()] += 1;
        let (inputs, targets, weights) = data.target.row(row);
        let answer = task.answer(tokens);
        // Reversing the answer token by token is the map itself, which a single token shows.
        let images: Vec<u32> = tokens.iter().map(|&token| task.answer(&[token])[0]).collect();
        assert_eq!(answer, images.iter().rev().copied().chain([END]).collect::<Vec<_>>());
        assert_eq!(targets[..answer.len()], answer);
        assert_eq!(inputs[0], BEGIN);
        assert_eq!(inputs[1..answer.len()], targets[..answer.len() - 1]);
        assert_eq!(data.target_lengths[row], answer.len());
        assert!(weights[..answer.len()].iter().all(|&weight| weight == 1.0));
        for padding in [&inputs[answer.len()..], &targets[answer.len()..], &data.source[row * 16..][source.len()..16]] {
            assert!(padding.iter().all(|&token| token == PADDING));
        }
        assert!(weights[answer.len()..].iter().all(|&weight| weight == 0.0));
    }
    // Six lengths are equally likely: mean 33.3, standard deviation 5.3; five of them.
    assert_eq!(lengths[..3], [0, 0, 0]);
    assert!(lengths[3..].iter().all(|&count: &i32| (7..=60).contains(&count)), "{lengths:?}");
}

#[test]
fn the_map_is_a_permutation_that_the_seed_chooses() {
    let images = |table_seed| {
        let task = ReverseMap::new(ReverseMapConfig { tokens: 40, table_seed, ..ReverseMapConfig::default() }).unwrap();
        (FIRST..40).map(|token| task.answer(&[token])[0]).collect::<Vec<_>>()
    };
    let mut sorted = images(0);
    assert_ne!(sorted, images(1));
    assert!(!sorted.is_sorted());
    sorted.sort_unstable();
    assert!(sorted.into_iter().eq(FIRST..40));
    assert_eq!(task(4).answer(&[FIRST, PADDING, FIRST]), [FIRST, FIRST, END]);
}

#[test]
fn a_batch_is_a_function_of_its_arguments() {
    let task = task(400);
    let base = batch(&task, 1, Split::Train, 5, [6, 12]);
    let mut again = batch(&task, 9, Split::Train, 0, [20, 30]);
    task.refill(1, Split::Train, 5, 6, 12, &mut again).unwrap();
    assert_eq!(base, again, "memory that was used before changes nothing");
    for other in [
        batch(&task, 2, Split::Train, 5, [6, 12]),
        batch(&task, 1, Split::Validation, 5, [6, 12]),
        batch(&task, 1, Split::Train, 6, [6, 12]),
    ] {
        assert_ne!(base, other);
    }
    let fewer = batch(&task, 1, Split::Train, 5, [3, 12]);
    assert_eq!(fewer.source, base.source[..3 * 12], "fewer pairs are the first ones of more");
}

#[test]
fn what_cannot_be_is_refused_and_leaves_the_batch_alone() {
    let refusal = |change: fn(&mut ReverseMapConfig)| {
        let mut config = ReverseMapConfig::default();
        change(&mut config);
        ReverseMap::new(config).unwrap_err().to_string()
    };
    assert!(refusal(|c| c.tokens = 3).contains("3 tokens are not between 4 and"));
    assert!(refusal(|c| c.tokens = u32::MAX).contains("not between 4"));
    assert!(refusal(|c| c.shortest = 0).contains("sources of 0 to 8 tokens do not exist"));
    assert!(refusal(|c| c.longest = 2).contains("sources of 3 to 2 tokens do not exist"));
    let (task, mut data) = (task(10), PairBatch::default());
    let error = task.refill(1, Split::Train, 0, 4, 8, &mut data).unwrap_err();
    assert_eq!(error, ReverseMapError::ContextTooShort { context: 8, longest: 8 });
    assert!(error.to_string().contains("use 9 or more"));
    let error = task.refill(1, Split::Train, 0, 0, 9, &mut data).unwrap_err();
    assert_eq!(error, ReverseMapError::Batch(BatchError::EmptyBatch));
    assert!(task.refill(1, Split::Train, 0, usize::MAX, 9, &mut data).is_err());
    assert_eq!(data, PairBatch::default());
}
