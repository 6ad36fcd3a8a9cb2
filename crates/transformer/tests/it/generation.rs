//! Decoding token by token gives what the full pass gives, for every kind of position.

use anther_attention::{AttentionConfig, Position, Weighing};
use anther_tensor::{Ids, ParamSet, Parameters, Tape};
use anther_testkit::assert_close;
use anther_transformer::{CausalLm, CausalLmConfig};

const CONTEXT: usize = 17;

#[test]
fn cached_logits_equal_uncached_ones() {
    for weighing in [Weighing::Softmax, Weighing::Expressive] {
        for position in [Position::None, Position::Learned, Position::Sinusoidal, Position::Alibi, Position::Rotary] {
            decodes(AttentionConfig { weighing, position, ..AttentionConfig::default() });
        }
    }
    for preset in ["linear", "bn-sh", "linear+centred"] {
        decodes(AttentionConfig::preset(preset).unwrap());
        decodes(AttentionConfig { layers: vec![1], ..AttentionConfig::preset(preset).unwrap() });
    }
}

fn decodes(attention: AttentionConfig) {
    let config = CausalLmConfig {
        vocab_size: 7,
        layers: 2,
        heads: 2,
        width: 8,
        context: CONTEXT,
        attention: attention.clone(),
        ..CausalLmConfig::default()
    };
    let mut set = ParamSet::new();
    let model = CausalLm::new(&mut set.root(), &config).unwrap();
    let parameters = Parameters::<f64>::initialise(&set, 3);
    let tape = Tape::inference(&parameters);
    let tokens: Vec<u32> = (0..2 * CONTEXT as u32).map(|i| (i * i + 1) % 7).collect();
    let full = model.logits(&tape, &Ids::new([2, CONTEXT], tokens.clone())).into_value();
    let mut cache = model.cache(2);
    for at in 0..CONTEXT {
        assert_eq!(cache.room(), CONTEXT - at);
        let new = Ids::new([2, 1], vec![tokens[at], tokens[CONTEXT + at]]);
        let logits = model.decode(&tape, &new, &mut cache);
        for row in 0..2 {
            let expected = &full.data()[(row * CONTEXT + at) * 7..][..7];
            let what = format!("{attention:?} token {at} of sequence {row}");
            assert_close(&what, &logits.data()[row * 7..][..7], expected, 1e-11, 1e-11);
        }
    }
    cache.clear();
    let prompt = Ids::new([2, 3], [&tokens[..3], &tokens[CONTEXT..][..3]].concat());
    let logits = model.decode(&tape, &prompt, &mut cache);
    assert_close("a prompt at once", &logits.data()[..7], &full.data()[2 * 7..][..7], 1e-11, 1e-11);
}

#[test]
#[should_panic(expected = "3 + 1 tokens are longer than the context of 3")]
fn a_full_context_says_so() {
    let config =
        CausalLmConfig { vocab_size: 7, layers: 1, heads: 1, width: 4, context: 3, ..CausalLmConfig::default() };
    let mut set = ParamSet::new();
    let model = CausalLm::new(&mut set.root(), &config).unwrap();
    let parameters = Parameters::<f32>::initialise(&set, 3);
    let tape = Tape::inference(&parameters);
    let mut cache = model.cache(1);
    model.decode(&tape, &Ids::new([1, 3], vec![1, 2, 3]), &mut cache);
    model.decode(&tape, &Ids::new([1, 1], vec![1]), &mut cache);
}
