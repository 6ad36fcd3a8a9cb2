//! What each side sees: no future, no padding, and the order of the source.

use anther_tensor::{Ids, Tape};
use anther_transformer::{EmbeddingKind, EncoderDecoder, EncoderDecoderConfig, NormPosition, Sentences};

use super::{TOKENS, build, embeddings, form, preset, sentences, tiny};

const PRESETS: [&str; 7] = ["dot", "kgv", "expressive", "linear", "bn+centred", "sh", "conv+qk-norm"];

/// Both norm positions, which put other numbers into rows of padding, of every mechanism.
fn configs() -> impl Iterator<Item = EncoderDecoderConfig> {
    let by_attention = PRESETS.into_iter().flat_map(|name| {
        [NormPosition::Pre, NormPosition::Post].map(|norm_position| EncoderDecoderConfig {
            norm_position,
            encoder_layers: 2,
            decoder_layers: 2,
            ..preset(name)
        })
    });
    by_attention.chain(embeddings()).chain([form("anthe")])
}

fn logits(model: &EncoderDecoder, tape: &Tape<f64>, source: &Sentences, inputs: &Sentences) -> Vec<f64> {
    model.logits(tape, source, inputs).into_value().data().to_vec()
}

#[test]
fn the_decoder_does_not_see_its_future() {
    for config in configs() {
        let (model, parameters) = build(&config, 1);
        let tape = Tape::inference(&parameters);
        let source = sentences(&[5], 6, TOKENS[0]);
        let at = |token: u32| {
            let inputs = Sentences::whole(Ids::new([1, 7], vec![1, 2, 3, 4, 0, token, 2]));
            logits(&model, &tape, &source, &inputs)
        };
        let (a, b) = (at(1), at(4));
        assert_eq!(a[..5 * 5], b[..5 * 5], "{:?}", config.attention);
        assert!(a[5 * 5..].chunks(5).zip(b[5 * 5..].chunks(5)).all(|(a, b)| a != b), "{:?}", config.attention);
    }
}

#[test]
fn padding_changes_nothing() {
    for config in configs() {
        let (model, parameters) = build(&config, 2);
        let tape = Tape::inference(&parameters);
        let (source, inputs) = ([vec![1, 2, 3], vec![5, 4, 3, 2]], [vec![1, 2, 3, 4], vec![0, 2]]);
        // Filled up with one token or another, to the same length or a greater one.
        let longer = |sequences: &[Vec<u32>; 2], padding, longest: usize| {
            let filled = sequences.iter().flat_map(|s| {
                let mut row = s.clone();
                row.resize(longest, padding);
                row
            });
            Sentences::new(Ids::new([2, longest], filled.collect()), sequences.iter().map(Vec::len).collect())
        };
        let short = logits(&model, &tape, &Sentences::padded(&source, 0), &Sentences::padded(&inputs, 0));
        let other = logits(&model, &tape, &longer(&source, 4, 4), &longer(&inputs, 3, 4));
        let long = logits(&model, &tape, &longer(&source, 4, 9), &longer(&inputs, 1, 9));
        for (row, length) in [4, 2].into_iter().enumerate() {
            let real = |all: &[f64], longest: usize| all[row * longest * 5..][..length * 5].to_vec();
            assert_eq!(real(&short, 4), real(&other, 4), "{:?}", config.attention);
            let close = real(&short, 4).iter().zip(real(&long, 9)).all(|(a, b)| (a - b).abs() < 1e-12);
            assert!(close, "{:?}", config.attention);
        }
    }
}

/// NaN in the vector of the token that pads reaches nothing that counts.
#[test]
fn not_even_nan_gets_out_of_padding() {
    // Other embeddings have no row that only padding reads.
    let of_table =
        |config: &EncoderDecoderConfig| config.embedding == EmbeddingKind::Learned && config.chains.are_empty();
    for config in configs().filter(of_table) {
        let (model, mut parameters) = build::<f64>(&config, 2);
        let run = |parameters: &_| {
            let tape = Tape::inference(parameters);
            let (source, inputs) = (sentences(&[3, 5], 5, 4), sentences(&[4, 2], 4, 4));
            let pad = |side: &Sentences, padding: u32| {
                let [_, longest] = side.axes();
                let padded = |(i, &id): (usize, &u32)| {
                    if i % longest < side.lengths()[i / longest] { id } else { padding }
                };
                let ids = side.ids().data().iter().enumerate().map(padded).collect();
                Sentences::new(Ids::new(side.ids().shape(), ids), side.lengths().to_vec())
            };
            let (source, inputs) = (pad(&source, 5), pad(&inputs, 4));
            let targets = Ids::new([2, 4], vec![0; 8]);
            let weights = anther_tensor::Tensor::from_fn([2, 4], |i| if i < 6 { 1.0 } else { 0.0 });
            let all = logits(&model, &tape, &source, &inputs);
            let loss = model.loss(&tape, &source, &inputs, &targets, Some(&weights), 0.0).value().item();
            (all[..6 * 5].to_vec(), loss)
        };
        let clean = run(&parameters);
        for (side, token) in [("encoder", 5), ("decoder", 4)] {
            let table = parameters.find(&format!("model.{side}.embed_tokens.weight")).unwrap();
            let start = parameters.range(table).start;
            parameters.values_mut()[start + token * 8..][..8].fill(f64::NAN);
        }
        let poisoned = run(&parameters);
        assert!(clean.1.is_finite());
        assert_eq!(clean, poisoned, "{:?}", config.attention);
    }
}

#[test]
fn the_order_of_the_source_counts() {
    for config in configs() {
        let (model, parameters) = build(&config, 3);
        let tape = Tape::inference(&parameters);
        let inputs = sentences(&[3], 3, TOKENS[1]);
        let of = |ids: Vec<u32>| logits(&model, &tape, &Sentences::whole(Ids::new([1, 4], ids)), &inputs);
        let (a, b) = (of(vec![1, 2, 3, 4]), of(vec![4, 2, 3, 1]));
        assert!(a.iter().zip(&b).any(|(a, b)| (a - b).abs() > 1e-3), "{:?}", config.attention);
    }
}

#[test]
fn a_target_depends_on_its_own_source_only() {
    let (model, parameters) = build(&tiny(), 3);
    let tape = Tape::inference(&parameters);
    let inputs = sentences(&[3, 4], 4, TOKENS[1]);
    let of = |ids: Vec<u32>| logits(&model, &tape, &Sentences::new(Ids::new([2, 3], ids), vec![3, 2]), &inputs);
    let (a, b) = (of(vec![1, 2, 3, 4, 5, 0]), of(vec![1, 2, 3, 5, 4, 0]));
    assert_eq!(a[..4 * 5], b[..4 * 5]);
    assert_ne!(a[4 * 5..], b[4 * 5..]);
}

#[test]
#[should_panic(expected = "2 sources do not fit 1 targets")]
fn sources_and_targets_must_be_as_many() {
    let (model, parameters) = build::<f32>(&tiny(), 3);
    model.logits(&Tape::inference(&parameters), &sentences(&[3, 4], 4, 4), &sentences(&[3], 4, 4));
}

#[test]
#[should_panic(expected = "0 + 10 tokens are longer than the context of 9")]
fn a_source_beyond_the_context_says_so() {
    let (model, parameters) = build::<f32>(&tiny(), 3);
    model.encode(&Tape::inference(&parameters), &sentences(&[3], 10, 4));
}

#[test]
#[should_panic(expected = "a sequence of 5 tokens does not fit rows of 4")]
fn a_length_beyond_its_row_is_refused() {
    sentences(&[3, 5], 4, 4);
}
