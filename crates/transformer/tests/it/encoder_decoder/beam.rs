//! Beam search finds what trying all targets finds when it is wide enough, whatever stands beside a source.

use anther_tensor::{Ids, Tape};
use anther_transformer::{BeamSearch, EncoderDecoder, Sentences};

use super::build;
use super::decoding::every_preset;

const START: u32 = 1;
const END: u32 = 0;
const TARGET_TOKENS: u32 = 5;

/// The log-probabilities of the token after `read`.
fn next(model: &EncoderDecoder, tape: &Tape<f64>, source: &[u32], read: &[u32]) -> Vec<f64> {
    let source = Sentences::whole(Ids::new([1, source.len()], source.to_vec()));
    let inputs = Sentences::whole(Ids::new([1, read.len()], read.to_vec()));
    let logits = model.logits(tape, &source, &inputs).into_value();
    let last = logits.data().chunks(TARGET_TOKENS as usize).next_back().unwrap();
    let sum = last.iter().map(|x| x.exp()).sum::<f64>().ln();
    last.iter().map(|x| x - sum).collect()
}

/// The best of all targets of up to `limit` tokens, and its score.
fn best_of_all(
    (model, tape, source): (&EncoderDecoder, &Tape<f64>, &[u32]),
    limit: usize,
    penalty: f64,
    (read, score): (&mut Vec<u32>, f64),
    best: &mut (f64, Vec<u32>),
) {
    let normalised = |score: f64, tokens: usize| score / (tokens as f64).powf(penalty);
    let mut keep = |score: f64, target: &[u32]| {
        if score > best.0 {
            *best = (score, target.to_vec());
        }
    };
    let probabilities = next(model, tape, source, read);
    let length = read.len();
    keep(normalised(score + probabilities[END as usize], length), &read[1..]);
    for token in (0..TARGET_TOKENS).filter(|&token| token != END) {
        let score = score + probabilities[token as usize];
        read.push(token);
        if length == limit {
            let score = normalised(score, length);
            if score > best.0 {
                *best = (score, read[1..].to_vec());
            }
        } else {
            best_of_all((model, tape, source), limit, penalty, (read, score), best);
        }
        read.pop();
    }
}

#[test]
fn a_wide_beam_finds_the_best_target() {
    let sources = [vec![1, 2, 3], vec![5, 4, 3, 2, 1, 0, 2], vec![4]];
    let mut lengths = std::collections::BTreeSet::new();
    for config in every_preset().step_by(3) {
        let (model, parameters) = build::<f64>(&config, 2);
        let tape = Tape::inference(&parameters);
        for penalty in [0.0, 1.0] {
            let how = BeamSearch { width: 64, length_penalty: penalty, never: None };
            let found = model.beam(&tape, &Sentences::padded(&sources, 0), [START, END], 3, &how);
            for (source, found) in sources.iter().zip(&found) {
                let mut best = (f64::NEG_INFINITY, Vec::new());
                best_of_all((&model, &tape, source), 3, penalty, (&mut vec![START], 0.0), &mut best);
                assert_eq!(*found, best.1, "{:?} penalty {penalty} source {source:?}", config.attention);
                lengths.insert(found.len());
            }
        }
    }
    assert!(lengths.len() > 2, "all targets have the lengths {lengths:?}");
}

#[test]
fn targets_do_not_depend_on_the_sources_beside_them() {
    let sources = [vec![1, 2, 3], vec![5, 4, 3, 2, 1, 0, 2], vec![4], vec![0, 1, 0, 1, 5]];
    for config in every_preset() {
        for how in [
            BeamSearch { width: 3, length_penalty: 0.6, never: None },
            BeamSearch { width: 1, ..BeamSearch::default() },
        ] {
            let (model, parameters) = build::<f64>(&config, 3);
            let tape = Tape::inference(&parameters);
            let search =
                |sources: &[Vec<u32>]| model.beam(&tape, &Sentences::padded(sources, 0), [START, END], 9, &how);
            let together = search(&sources);
            let alone: Vec<_> = sources.iter().map(|source| search(std::slice::from_ref(source)).remove(0)).collect();
            assert_eq!(together, alone, "{:?}", config.attention);
        }
    }
}

#[test]
fn a_token_that_is_ruled_out_is_in_no_target() {
    let sources = Sentences::padded(&[vec![1, 2, 3], vec![5, 4, 3, 2, 1, 0, 2], vec![4]], 0);
    let mut checked = 0;
    for (seed, width) in (1..20).flat_map(|seed| [(seed, 1), (seed, 4)]) {
        let (model, parameters) = build::<f64>(&super::tiny(), seed);
        let tape = Tape::inference(&parameters);
        let search = |never| {
            let how = BeamSearch { width, never, ..BeamSearch::default() };
            model.beam(&tape, &sources, [START, END], 6, &how)
        };
        let found = search(None);
        let Some(&usual) = found.iter().flatten().next() else { continue };
        let without = search(Some(usual));
        assert!(without.iter().flatten().all(|&token| token != usual), "{usual} in {without:?}");
        // What was never found is not missed.
        let absent =
            (0..TARGET_TOKENS).find(|token| *token != END && !found.iter().flatten().any(|found| found == token));
        if width == 1
            && let Some(absent) = absent
        {
            assert_eq!(search(Some(absent)), found);
        }
        checked += 1;
    }
    assert!(checked >= 10, "only {checked} searches found something");
}

#[test]
fn a_search_of_nothing_gives_nothing() {
    let (model, parameters) = build::<f64>(&super::tiny(), 3);
    let tape = Tape::inference(&parameters);
    let how = BeamSearch::default();
    assert!(model.beam(&tape, &Sentences::padded(&[], 0), [START, END], 5, &how).is_empty());
    assert_eq!(model.beam(&tape, &Sentences::padded(&[vec![2]], 0), [START, END], 0, &how), [[0u32; 0]]);
}
