//! What SoftPOS and H-SoftPOS promise beside their gradients.

use std::sync::Arc;

use anther_chain::layers::{CausalConv1d, HSoftPos, HSoftPosConfig};
use anther_chain::{ChainRule, ChainRules};
use anther_tensor::{Ids, ParamSet, Parameters, Tape, Tensor};

fn ids(batch: usize, tokens: usize) -> Ids {
    Ids::new([batch, tokens], (0..(batch * tokens) as u32).map(|i| (i * 7 + i / 2) % 11).collect())
}

fn model(width: usize, levels: usize, rules: Option<ChainRules>) -> (HSoftPos, Parameters<f64>) {
    let mut set = ParamSet::new();
    let mut root = set.root();
    let config = HSoftPosConfig { vocabulary: 11, width, levels };
    let layer = match rules {
        None => HSoftPos::new(&mut root, &config),
        Some(rules) => HSoftPos::new(&mut root.factored_by(Arc::new(rules)), &config),
    };
    (layer.unwrap(), Parameters::initialise(&set, 3))
}

fn forward(layer: &HSoftPos, parameters: &Parameters<f64>, ids: &Ids) -> Tensor<f64> {
    layer.forward(&Tape::inference(parameters), ids, 0).into_value()
}

#[test]
fn the_width_is_exact_for_every_level_and_width() {
    for levels in 1..=5 {
        for width in 2 * levels..40 {
            let (layer, parameters) = model(width, levels, None);
            assert_eq!(*forward(&layer, &parameters, &ids(2, 3)).shape(), [2, 3, width]);
            let (l, e) = (width / (2 * levels), width - width / (2 * levels) * (2 * levels - 1));
            let convs = if levels > 1 { 3 * e * l + l + (levels - 2) * (3 * l * l + l) } else { 0 };
            assert_eq!(parameters.count(), 11 * e + levels * l * l + convs);
        }
    }
}

#[test]
fn the_embedding_of_anthe_has_its_parameters() {
    let mut set = ParamSet::new();
    HSoftPos::new(&mut set.root(), &HSoftPosConfig { vocabulary: 32_000, width: 512, levels: 2 }).unwrap();
    assert_eq!(set.specs().iter().map(|spec| spec.shape.numel()).sum::<usize>(), 4_178_048);
}

#[test]
fn levels_that_do_not_fit_are_refused() {
    for (width, levels) in [(8, 0), (7, 4), (0, 1), (3, 2)] {
        let error = HSoftPosConfig { vocabulary: 5, width, levels }.widths().unwrap_err().to_string();
        assert!(error.contains(&format!("{levels} levels of H-SoftPOS do not fit a width of {width}")), "{error}");
    }
}

#[test]
fn later_tokens_change_nothing_before_them() {
    let (layer, parameters) = model(21, 3, None);
    let (tokens, changed) = (ids(1, 12), 7);
    let mut other = tokens.data().to_vec();
    other[changed] = (other[changed] + 1) % 11;
    let before = forward(&layer, &parameters, &tokens);
    let after = forward(&layer, &parameters, &Ids::new([1, 12], other));
    let differs = |t: usize| before.data()[t * 21..][..21] != after.data()[t * 21..][..21];
    assert!((0..changed).all(|t| !differs(t)));
    // Two convolutions with dilations 1 and 2 reach 2 + 4 tokens back.
    assert!(differs(changed) && differs(changed + 4));
}

#[test]
fn tokens_one_by_one_or_in_parts_are_the_tokens_at_once() {
    // The convolutions of 40 levels reach back 2³³ tokens, but nothing that is kept is longer than the sequence.
    for (levels, width) in [(1, 8), (2, 13), (4, 32), (40, 83)] {
        let (layer, parameters) = model(width, levels, None);
        let all = ids(2, 12);
        let expected = forward(&layer, &parameters, &all);
        for parts in [vec![1; 12], vec![5, 1, 1, 4, 1], vec![12], vec![0, 2, 10]] {
            let tape = Tape::inference(&parameters);
            let (mut cache, mut start) = (layer.cache(2), 0);
            for tokens in parts {
                let part = (0..2).flat_map(|b| all.data()[b * 12 + start..][..tokens].to_vec()).collect();
                let y = layer.extend(&tape, &Ids::new([2, tokens], part), &mut cache);
                for b in 0..2 {
                    let got = &y.value().data()[b * tokens * width..][..tokens * width];
                    let expected = &expected.data()[(b * 12 + start) * width..][..tokens * width];
                    assert!(got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-13), "{levels} {start}");
                }
                start += tokens;
                assert_eq!(cache.position(), start);
            }
            cache.clear();
            let again = layer.extend(&tape, &all, &mut cache);
            assert!(again.value().data().iter().zip(expected.data()).all(|(a, b)| (a - b).abs() < 1e-13), "{levels}");
        }
    }
}

/// Before the first token there are zeros, however far back a tap reaches.
#[test]
fn a_convolution_that_reaches_far_sees_zeros_there() {
    let mut set = ParamSet::new();
    let near = CausalConv1d::new(&mut set.root().child("conv"), 3, 2, 2, 6);
    let mut other = ParamSet::new();
    let far = CausalConv1d::new(&mut other.root().child("conv"), 3, 2, 2, 1 << 40);
    let [a, b] = [&set, &other].map(|set| Parameters::<f64>::initialise(set, 3));
    let x = Tensor::from_fn([2, 6, 3], |i| (i as f64 * 0.7).sin());
    let run = |conv: &CausalConv1d, parameters: &Parameters<f64>, x: &Tensor<f64>| {
        let tape = Tape::inference(parameters);
        conv.forward(&tape.constant(x.clone())).into_value()
    };
    assert_eq!(run(&near, &a, &x).data(), run(&far, &b, &x).data());
    let longer = Tensor::from_fn([2, 7, 3], |i| (i as f64 * 0.7).sin());
    assert_ne!(run(&near, &a, &longer).data(), run(&far, &b, &longer).data());
}

#[test]
fn order_matters_for_every_kind_of_table() {
    let chain = ChainRules(vec![ChainRule { ratio: Some(0.5), ..ChainRule::of("embed") }]);
    for rules in [None, Some(chain)] {
        let (layer, parameters) = model(16, 2, rules);
        let (a, b) = ([1, 2, 3, 4], [3, 2, 1, 4]);
        let sums = [a, b].map(|ids| {
            let y = forward(&layer, &parameters, &Ids::new([1, 4], ids.to_vec()));
            (0..16).map(|c| (0..4).map(|t| y.data()[t * 16 + c].powi(2)).sum::<f64>()).collect::<Vec<_>>()
        });
        assert!(sums[0].iter().zip(&sums[1]).any(|(a, b)| (a - b).abs() > 1e-3), "a bag of tokens");
    }
}

#[test]
#[should_panic(expected = "no gradient reaches tokens in a cache")]
fn a_recording_tape_cannot_extend() {
    let (layer, parameters) = model(8, 2, None);
    layer.extend(&Tape::recording(&parameters), &ids(1, 1), &mut layer.cache(1));
}
