//! Batches: identities of the rules, weights, noise, several rules, and what a batch depends on.

use anther_data::nt::{NtConfig, NtRule, NtTask};
use anther_data::{SequenceBatch, Split};

fn task(rule: NtRule, symbols: u32, delay: u32) -> NtTask {
    NtTask::new(NtConfig::single(rule, symbols, delay)).unwrap()
}

fn train(task: &NtTask, batch: usize, context: usize) -> SequenceBatch {
    task.batch(1, Split::Train, 0, batch, context).unwrap()
}

/// The `context + 1` symbols of each row.
fn sequences(data: &SequenceBatch) -> Vec<Vec<u32>> {
    (0..data.batch)
        .map(|row| {
            let (inputs, targets, _) = data.row(row);
            assert_eq!(inputs[1..], targets[..targets.len() - 1], "targets are not inputs shifted by one");
            [inputs, &targets[targets.len() - 1..]].concat()
        })
        .collect()
}

#[test]
fn two_symbols_and_sum_are_exclusive_or() {
    let data = train(&task(NtRule::Sum, 2, 5), 8, 63);
    for x in sequences(&data) {
        assert!((5..64).all(|t| x[t] == x[t - 1] ^ x[t - 5]), "{x:?}");
    }
    for row in 0..8 {
        let (_, _, weights) = data.row(row);
        // Target t belongs to position t - 1, so the first that counts is at position tau - 1.
        assert!(weights[..4].iter().all(|&w| w == 0.0) && weights[4..].iter().all(|&w| w == 1.0));
    }
}

#[test]
fn every_rule_is_obeyed_where_the_weight_is_one() {
    for rule in [NtRule::Sum, NtRule::Diff, NtRule::Random, NtRule::Latin, NtRule::Window] {
        let config = NtConfig { noise: 0.3, ..NtConfig::single(rule, 5, 3) };
        let task = NtTask::new(config).unwrap();
        let data = train(&task, 20, 60);
        let mut broken = 0;
        for (row, x) in sequences(&data).iter().enumerate() {
            for t in 3..=60 {
                let obeyed = x[t] == task.next_symbol(0, &x[t - 3..t]).unwrap();
                assert!(obeyed || data.row(row).2[t - 1] == 0.0, "{rule:?} is broken at {t} of row {row}");
                broken += usize::from(!obeyed);
            }
        }
        assert!(broken > 0, "{rule:?}: noise changed nothing");
    }
}

#[test]
fn noise_flags_its_share_of_the_targets() {
    for p in [0.0, 0.2, 1.0] {
        let config = NtConfig { noise: p, ..NtConfig::single(NtRule::Random, 5, 3) };
        let data = train(&NtTask::new(config).unwrap(), 50, 400);
        let targets = 50 * (400 - 3 + 1);
        let flagged = 1.0 - data.counted() as f64 / targets as f64;
        // Five standard deviations of a share of 19,900 targets; none at all for the certain cases.
        let width = 5.0 * (p * (1.0 - p) / targets as f64).sqrt();
        assert!((flagged - p).abs() <= width, "noise {p}: {flagged} flagged");
    }
}

#[test]
fn noise_is_uniform() {
    let config = NtConfig { noise: 1.0, ..NtConfig::single(NtRule::Sum, 4, 2) };
    let data = train(&NtTask::new(config).unwrap(), 100, 400);
    let mut counts = [0_u32; 4];
    data.targets.iter().for_each(|&x| counts[x as usize] += 1);
    // 40,000 targets: mean 10,000, standard deviation 86.6; five of them.
    assert!(counts.iter().all(|count| count.abs_diff(10_000) < 433), "{counts:?}");
}

#[test]
fn window_obeys_its_two_tap_form() {
    for x in sequences(&train(&task(NtRule::Window, 5, 3), 6, 40)) {
        assert!((4..41).all(|t| x[t] == (2 * x[t - 1] + 5 - x[t - 4]) % 5), "{x:?}");
    }
    for x in sequences(&train(&task(NtRule::Window, 2, 6), 6, 40)) {
        assert!((7..41).all(|t| x[t] == x[t - 7]), "{x:?}");
    }
}

#[test]
fn a_batch_is_a_function_of_seed_split_and_step() {
    let task = task(NtRule::Random, 8, 3);
    let batch = |seed, split, step| task.batch(seed, split, step, 10, 20).unwrap();
    let base = batch(1, Split::Train, 5);
    assert_eq!(base, batch(1, Split::Train, 5));
    assert_ne!(base, batch(2, Split::Train, 5));
    assert_ne!(base, batch(1, Split::Train, 6));
    assert_ne!(base, batch(1, Split::Validation, 5));
}

#[test]
fn a_smaller_batch_is_a_prefix() {
    let config = NtConfig { rules: vec![NtRule::Sum, NtRule::Diff], noise: 0.1, ..NtConfig::single(NtRule::Sum, 3, 2) };
    let task = NtTask::new(config).unwrap();
    let (small, large) = (train(&task, 3, 12), train(&task, 7, 12));
    assert_eq!(small.inputs, large.inputs[..3 * 12]);
    assert_eq!(small.weights, large.weights[..3 * 12]);
}

#[test]
fn several_rules_are_drawn_evenly_and_counted_late() {
    let rules = vec![NtRule::Sum, NtRule::Diff, NtRule::Random];
    let task = NtTask::new(NtConfig { rules, ..NtConfig::single(NtRule::Sum, 3, 4) }).unwrap();
    assert_eq!(task.first_counted(), 9);
    let (data, picks) = task.batch_with_rules(3, Split::Train, 0, 3000, 20).unwrap();
    let mut counts = [0_u32; 3];
    for (row, (x, &rule)) in sequences(&data).iter().zip(&picks).enumerate() {
        counts[rule] += 1;
        for t in 4..=20 {
            assert_eq!(x[t], task.next_symbol(rule, &x[t - 4..t]).unwrap());
            assert_eq!(data.row(row).2[t - 1], if t >= 9 { 1.0 } else { 0.0 });
        }
    }
    // Mean 1000, standard deviation 25.8; five of them.
    assert!(counts.iter().all(|count| count.abs_diff(1000) < 129), "{counts:?}");
}

#[test]
fn the_stream_of_numbers_never_changes() {
    // Computed by another program from the definition of ChaCha8 and from the rules for drawing in this crate.
    let config = NtConfig { noise: 0.25, ..NtConfig::single(NtRule::Random, 10, 2) };
    let data = NtTask::new(config).unwrap().batch(42, Split::Train, 7, 2, 8).unwrap();
    assert_eq!(data.inputs, [7, 1, 3, 2, 1, 9, 4, 5, 5, 0, 3, 8, 1, 6, 7, 1]);
    assert_eq!(data.weights[..8], [0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
    assert_eq!(data.weights[8..], [0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
}
