//! Drawing tokens.

use anther_tensor::RandomKey;
use anther_train::generate::{SampleError, Sampling};

const SCORES: [f32; 4] = [1.0, 3.0, 2.0, -1.0];

fn softmax(scores: &[f32], temperature: f64) -> Vec<f64> {
    let weights: Vec<f64> = scores.iter().map(|&x| (f64::from(x) / temperature).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|w| w / sum).collect()
}

#[test]
fn frequencies_are_the_softmax_of_the_scores() {
    const DRAWS: u64 = 40_000;
    let key = RandomKey::new(3, 1, 0);
    for temperature in [0.5, 1.0, 2.0] {
        let sampling = Sampling { temperature, ..Sampling::default() };
        let mut counts = [0_u32; 4];
        for i in 0..DRAWS {
            counts[sampling.draw(&SCORES, key.uniform(i)).unwrap() as usize] += 1;
        }
        for (count, p) in counts.iter().zip(softmax(&SCORES, temperature)) {
            let (expected, deviation) = (DRAWS as f64 * p, (DRAWS as f64 * p * (1.0 - p)).sqrt());
            // Five standard deviations.
            assert!((f64::from(*count) - expected).abs() < 5.0 * deviation + 1.0, "{temperature}: {counts:?}");
        }
    }
}

#[test]
fn the_distribution_is_sorted_and_sums_to_one() {
    let tokens = Sampling::default().distribution(&SCORES).unwrap();
    assert_eq!(tokens.iter().map(|t| t.0).collect::<Vec<_>>(), [1, 2, 0, 3]);
    let expected = softmax(&SCORES, 1.0);
    assert!(tokens.iter().all(|&(token, p)| (p - expected[token as usize]).abs() < 1e-12));
}

#[test]
fn temperature_zero_takes_the_first_of_the_likeliest() {
    let greedy = Sampling { temperature: 0.0, ..Sampling::default() };
    for uniform in [0.0, 0.5, 0.999_999] {
        assert_eq!(greedy.draw(&SCORES, uniform), Ok(1));
        assert_eq!(greedy.draw(&[0.0, 5.0, 5.0, 5.0], uniform), Ok(1));
        assert_eq!(greedy.draw(&[f32::NEG_INFINITY, -1e30, f32::NEG_INFINITY], uniform), Ok(1));
    }
    // A temperature just above 0 does the same when there is no tie.
    let cold = Sampling { temperature: 1e-300, ..Sampling::default() };
    assert_eq!(cold.draw(&SCORES, 0.999_999), Ok(1));
}

fn kept(sampling: Sampling, scores: &[f32]) -> Vec<u32> {
    let tokens = sampling.distribution(scores).unwrap();
    let sum: f64 = tokens.iter().map(|t| t.1).sum();
    assert!((sum - 1.0).abs() < 1e-12, "{tokens:?}");
    tokens.into_iter().map(|t| t.0).collect()
}

#[test]
fn top_k_keeps_the_likeliest_and_of_equals_the_first() {
    let top = |top_k| Sampling { top_k, ..Sampling::default() };
    assert_eq!(kept(top(1), &SCORES), [1]);
    assert_eq!(kept(top(2), &SCORES), [1, 2]);
    assert_eq!(kept(top(4), &SCORES), [1, 2, 0, 3]);
    assert_eq!(kept(top(100), &SCORES), [1, 2, 0, 3]);
    assert_eq!(kept(top(0), &SCORES), [1, 2, 0, 3]);
    assert_eq!(kept(top(2), &[1.0; 5]), [0, 1]);
}

#[test]
fn top_p_keeps_the_fewest_that_are_enough() {
    let top = |top_p| Sampling { top_p, ..Sampling::default() };
    // Probabilities 1/2, 1/4, 1/8, 1/8.
    let scores = [0.0, 1.0, 2.0, 0.0].map(|power: f32| power * std::f32::consts::LN_2);
    assert_eq!(kept(top(0.4), &scores), [2]);
    assert_eq!(kept(top(0.51), &scores), [2, 1]);
    assert_eq!(kept(top(0.74), &scores), [2, 1]);
    assert_eq!(kept(top(0.8), &scores), [2, 1, 0]);
    assert_eq!(kept(top(1.0), &scores), [2, 1, 0, 3]);
    assert_eq!(kept(top(1e-9), &scores), [2]);
    // Both: of the two that top-k leaves, the first has 2/3.
    assert_eq!(kept(Sampling { top_k: 2, top_p: 0.6, ..Sampling::default() }, &scores), [2]);
    assert_eq!(kept(Sampling { top_k: 2, top_p: 0.7, ..Sampling::default() }, &scores), [2, 1]);
}

#[test]
fn tokens_without_probability_are_never_drawn() {
    let scores = [f32::NEG_INFINITY, 0.0, f32::NEG_INFINITY];
    assert_eq!(kept(Sampling::default(), &scores), [1]);
    for uniform in [0.0, 0.999_999_999_999] {
        assert_eq!(Sampling::default().draw(&scores, uniform), Ok(1));
    }
    assert_eq!(Sampling::default().draw(&[1e30, -1e30], 0.999), Ok(0));
}

#[test]
fn wrong_numbers_are_refused() {
    for temperature in [-0.1, f64::NAN, f64::INFINITY] {
        let error = Sampling { temperature, ..Sampling::default() }.draw(&SCORES, 0.5).unwrap_err();
        assert!(matches!(error, SampleError::Temperature { .. }), "{error}");
    }
    for top_p in [0.0, -1.0, 1.1, f64::NAN] {
        let error = Sampling { top_p, ..Sampling::default() }.draw(&SCORES, 0.5).unwrap_err();
        assert!(matches!(error, SampleError::TopP { .. }), "{error}");
    }
}

#[test]
fn unusable_scores_are_refused() {
    let draw = |scores: &[f32]| Sampling::default().draw(scores, 0.5).unwrap_err();
    assert_eq!(draw(&[]), SampleError::NoTokens);
    assert!(draw(&[0.0, f32::NAN]).to_string().contains("score number 1 is NaN"));
    assert!(draw(&[f32::INFINITY, 0.0]).to_string().contains("score number 0 is inf"));
    assert!(draw(&[f32::NEG_INFINITY; 3]).to_string().contains("score number 0 is -inf"));
}
