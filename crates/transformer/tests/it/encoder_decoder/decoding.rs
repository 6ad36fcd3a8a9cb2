//! Decoding token by token gives what the full pass gives, and greedy targets follow from it.

use anther_attention::{AttentionConfig, Position};
use anther_tensor::{Ids, Tape};
use anther_testkit::assert_close;
use anther_transformer::{Embeddings, EncoderDecoder, EncoderDecoderConfig, NormPosition, OutputKind, Sentences};

use super::{TOKENS, build, embeddings, form, preset, sentences, tiny};

const CONTEXT: usize = 17;

fn long(config: EncoderDecoderConfig) -> EncoderDecoderConfig {
    EncoderDecoderConfig { context: CONTEXT, encoder_layers: 2, decoder_layers: 2, ..config }
}

/// Every preset that a model of this kind takes.
pub fn every_preset() -> impl Iterator<Item = EncoderDecoderConfig> {
    let all = AttentionConfig::preset_names().chain(["linear+centred", "bn-sh+output-gate", "neural+sinks"]);
    all.map(preset).map(long).filter(|config| config.validate().is_ok())
}

#[test]
fn cached_logits_equal_those_of_the_full_pass() {
    let mut configs: Vec<_> = every_preset().filter(|c| c.attention.validate_decoding().is_ok()).collect();
    assert!(configs.len() > 20, "only {} presets were tried", configs.len());
    configs.push(EncoderDecoderConfig { norm_position: NormPosition::Post, ..long(tiny()) });
    let learned = AttentionConfig { position: Position::Learned, ..AttentionConfig::default() };
    configs.push(EncoderDecoderConfig { attention: learned, output: OutputKind::Tied, ..long(tiny()) });
    configs.extend(embeddings().map(long));
    configs.push(long(form("anthe")));
    for config in configs {
        decodes(&config);
    }
}

fn decodes(config: &EncoderDecoderConfig) {
    let (model, parameters) = build::<f64>(config, 3);
    let tape = Tape::inference(&parameters);
    let source = sentences(&[CONTEXT, 3, 7], CONTEXT, TOKENS[0]);
    let tokens: Vec<u32> = (0..3 * CONTEXT as u32).map(|i| (i * i + 1) % 5).collect();
    let full = model.logits(&tape, &source, &Sentences::whole(Ids::new([3, CONTEXT], tokens.clone()))).into_value();
    let mut cache = model.read(&tape, &source);
    for at in 0..CONTEXT {
        assert_eq!(cache.len(), at);
        let new = Ids::new([3, 1], (0..3).map(|row| tokens[row * CONTEXT + at]).collect());
        let logits = model.decode(&tape, &new, &mut cache);
        for row in 0..3 {
            let expected = &full.data()[(row * CONTEXT + at) * 5..][..5];
            let what = format!("{:?} token {at} of sequence {row}", config.attention);
            assert_close(&what, &logits.data()[row * 5..][..5], expected, 1e-11, 1e-11);
        }
    }
    cache.clear();
    assert!(cache.is_empty());
    let prompt = (0..3).flat_map(|row| tokens[row * CONTEXT..][..4].to_vec()).collect();
    let logits = model.decode(&tape, &Ids::new([3, 4], prompt), &mut cache);
    assert_close("a prompt at once", &logits.data()[..5], &full.data()[3 * 5..][..5], 1e-11, 1e-11);
}

/// What greedy decoding should give, from full passes alone.
fn by_full_passes(
    model: &EncoderDecoder,
    tape: &Tape<f64>,
    source: &[u32],
    [start, end]: [u32; 2],
    limit: usize,
) -> Vec<u32> {
    let mut read = vec![start];
    for _ in 0..limit {
        let source = Sentences::whole(Ids::new([1, source.len()], source.to_vec()));
        let inputs = Sentences::whole(Ids::new([1, read.len()], read.clone()));
        let logits = model.logits(tape, &source, &inputs).into_value();
        let last = logits.data().chunks(5).next_back().unwrap();
        let best = (0..5).max_by(|&a, &b| last[a].total_cmp(&last[b])).unwrap() as u32;
        if best == end {
            break;
        }
        read.push(best);
    }
    read.split_off(1)
}

#[test]
fn greedy_targets_of_a_batch_are_those_of_each_source_alone() {
    let sources = [vec![1, 2, 3], vec![5, 4, 3, 2, 1, 0, 2], vec![4], vec![0, 1, 0, 1, 5]];
    let (mut early, mut late) = (0, 0);
    for config in every_preset() {
        for seed in 1..4 {
            let (model, parameters) = build::<f64>(&config, seed);
            let tape = Tape::inference(&parameters);
            let together = model.greedy(&tape, &Sentences::padded(&sources, 0), [1, 2], 12);
            for (source, target) in sources.iter().zip(&together) {
                let alone = by_full_passes(&model, &tape, source, [1, 2], 12);
                assert_eq!(*target, alone, "{:?}, seed {seed}", config.attention);
                *(if target.len() < 12 { &mut early } else { &mut late }) += 1;
            }
        }
    }
    assert!(early > 20 && late > 20, "{early} targets ended, {late} did not");
}

#[test]
fn greedy_targets_are_no_longer_than_asked_for_or_than_the_context() {
    let (model, parameters) = build::<f32>(&long(tiny()), 1);
    let tape = Tape::inference(&parameters);
    // A token that does not exist never ends a target.
    let lengths = |limit| {
        let targets = model.greedy(&tape, &sentences(&[3, 2], 3, 6), [1, 99], limit);
        targets.iter().map(Vec::len).collect::<Vec<_>>()
    };
    assert_eq!(lengths(0), [0, 0]);
    assert_eq!(lengths(5), [5, 5]);
    assert_eq!(lengths(usize::MAX), [CONTEXT, CONTEXT]);
    assert!(model.greedy(&tape, &Sentences::padded(&[], 0), [1, 2], 5).is_empty());
}

/// A frozen output and a joint vocabulary decode too.
#[test]
fn other_outputs_decode() {
    for output in [OutputKind::Frozen, OutputKind::Tied] {
        let config =
            EncoderDecoderConfig { source_vocabulary: 5, embeddings: Embeddings::Shared, output, ..long(tiny()) };
        decodes_joint(&config);
    }
}

fn decodes_joint(config: &EncoderDecoderConfig) {
    let (model, parameters) = build::<f64>(config, 4);
    let tape = Tape::inference(&parameters);
    let source = vec![1, 4, 3, 0];
    let target = &model.greedy(&tape, &Sentences::padded(std::slice::from_ref(&source), 0), [1, 2], 10)[0];
    assert_eq!(*target, by_full_passes(&model, &tape, &source, [1, 2], 10));
}
