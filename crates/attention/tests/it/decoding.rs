//! Decoding with a cache gives what the full pass gives.

use anther_attention::{
    AttentionConfig, AttentionContext, BatchNormConfig, Condition, LinearConfig, Mask, MultiHeadAttention, Pattern,
    PoolingConfig, Position, Project, SparseConfig, Weighing,
};
use anther_tensor::{Element, ParamSet, Parameters, RandomKey, Tape, Tensor};
use anther_testkit::assert_close;

const WIDTH: usize = 16;
const HEADS: usize = 4;
const D: usize = WIDTH / HEADS;
const BATCH: usize = 2;

/// `count` rows of every sequence from `start` on.
fn rows<T: Element>(x: &Tensor<T>, start: usize, count: usize) -> Tensor<T> {
    let length = x.shape()[1];
    let data: Vec<T> =
        (0..BATCH).flat_map(|b| x.data()[(b * length + start) * WIDTH..][..count * WIDTH].to_vec()).collect();
    Tensor::from_vec([BATCH, count, WIDTH], data)
}

fn check(config: &AttentionConfig, chunks: &[usize]) {
    check_as::<f64>(config, &Mask::causal(), chunks, 1e-12);
}

/// Chunks of tokens, one after the other through a cache that has room for more, against all at once; then again through the same cache.
fn check_as<T: Element>(config: &AttentionConfig, mask: &Mask, chunks: &[usize], tolerance: f64) {
    let mut set = ParamSet::new();
    let layer = MultiHeadAttention::new(&mut set.root(), config, WIDTH, HEADS).unwrap();
    let parameters = Parameters::<T>::initialise(&set, 5);
    let length: usize = chunks.iter().sum();
    let key = RandomKey::new(2, 7, 1);
    let x = Tensor::from_fn([BATCH, length, WIDTH], |i| T::from_f64(key.normal(i as u64)));

    let tape = Tape::inference(&parameters);
    let context = AttentionContext::new(config, mask, BATCH, length, 0, HEADS, D);
    let full = layer.forward(&tape.constant(x.clone()), &context).into_value();

    let mut cache = layer.cache(BATCH, length + 3);
    for round in 0..2 {
        for &count in chunks {
            let past = cache.len();
            let context = AttentionContext::new(config, mask, BATCH, count, past, HEADS, D);
            let new = tape.constant(rows(&x, past, count));
            let y = layer.forward_cached(&new, &context, &mut cache);
            let expected = rows(&full, past, count);
            let wide = |x: &[T]| x.iter().map(|x| x.to_f64()).collect::<Vec<_>>();
            let what = format!("{config:?} {mask:?} after {past}, round {round}");
            assert_close(&what, &wide(y.value().data()), &wide(expected.data()), tolerance, tolerance);
        }
        assert_eq!(cache.len(), length);
        cache.clear();
    }
}

#[test]
fn cached_equals_uncached() {
    for weighing in [Weighing::Softmax, Weighing::Expressive] {
        for position in [Position::None, Position::Alibi, Position::Rotary] {
            for window in [None, Some(3)] {
                let config = AttentionConfig { weighing, position, window, ..AttentionConfig::default() };
                for length in 1..=17 {
                    check(&config, &vec![1; length]);
                }
                // Few and many tokens at once, at the start and after others.
                check(&config, &[5, 1, 3]);
                check(&config, &[12, 1, 8, 9, 2]);
            }
        }
    }
}

#[test]
fn sparse_blocks_decode() {
    for name in ["dot", "expressive", "neural+multi-query"] {
        for (block, local, global) in [(2, 0, 1), (3, 1, 0), (4, 1, 1)] {
            let sparse = Some(SparseConfig { block, local, global });
            let config =
                AttentionConfig { sparse, position: Position::Alibi, ..AttentionConfig::preset(name).unwrap() };
            for length in 1..=17 {
                check(&config, &vec![1; length]);
            }
            check(&config, &[5, 1, 12, 1, 3]);
        }
    }
}

#[test]
fn every_preset_decodes() {
    let names = AttentionConfig::preset_names();
    for name in names.chain([
        "kgv+expressive+centred",
        "mlp-qkv+qk-norm+bn-learned+output-gate",
        "multi-query+bn",
        "multi-query+bn-sh",
        "multi-query+neural",
        "multi-query+linear+centred",
        "linear+centred",
        "bn-sh+kgv+centred",
        "sh+expressive",
    ]) {
        for position in [Position::None, Position::Rotary] {
            for window in [None, Some(3)] {
                let preset = AttentionConfig::preset(name).unwrap();
                let config = AttentionConfig { position, window: window.or(preset.window), ..preset };
                if config.validate(WIDTH, HEADS).is_err() {
                    let no_window = name.contains("linear") || name.contains("sh");
                    assert!(no_window && window.is_some(), "only running states and pooled keys have no window");
                    continue;
                }
                if config.validate_decoding().is_err() {
                    assert_eq!(name, "conv", "only this one says that it does not");
                    // All tokens at once join an empty cache.
                    check(&config, &[9]);
                    continue;
                }
                for length in 1..=17 {
                    check(&config, &vec![1; length]);
                }
                check(&config, &[5, 1, 12, 1, 3]);
            }
        }
    }
}

/// Statistics of what a query sees: those that run along with the cache where it sees all before it, and those of other masks.
#[test]
fn statistics_of_the_cache_are_those_of_the_full_pass() {
    let bn = |learned, scale| Condition::BatchNorm(BatchNormConfig { learned, scale, eps: 1e-2, beta: 0.7 });
    for (preset, condition) in [
        ("dot", vec![bn(false, false)]),
        ("centred", vec![bn(false, true)]),
        ("multi-query", vec![bn(true, true)]),
        ("multi-query+centred", vec![]),
        ("expressive+centred", vec![]),
        ("linear+centred", vec![]),
    ] {
        let preset = AttentionConfig::preset(preset).unwrap();
        let config = AttentionConfig { condition, position: Position::Rotary, ..preset };
        for length in 1..=17 {
            check_as::<f64>(&config, &Mask::causal(), &vec![1; length], 1e-12);
            check_as::<f32>(&config, &Mask::causal(), &vec![1; length], 1e-5);
        }
        check_as::<f32>(&config, &Mask::causal(), &[5, 1, 12, 1, 3], 1e-5);
        check_as::<f64>(&config, &Mask::causal().padded(vec![6, 2]), &[1, 2, 1, 2], 1e-12);
        check_as::<f64>(&config, &Mask::full(), &[6], 1e-12);
        if config.weighing != Weighing::Linear {
            check_as::<f64>(&config, &Mask::causal().within(2), &[1, 2, 1, 10, 2], 1e-12);
            check_as::<f64>(&config, &Mask::prefix(vec![3, 2]), &[4, 2, 1, 9], 1e-12);
        }
    }
}

/// Means of complete blocks, with the tokens of the last block behind them, token by token and after several at once.
#[test]
fn pools_decode() {
    let pooled = |scales: &[usize]| Condition::Pooling(PoolingConfig { scales: scales.to_vec() });
    let bn = Condition::BatchNorm(BatchNormConfig { learned: true, scale: true, eps: 1e-2, beta: 0.7 });
    for scales in [&[2][..], &[1, 3], &[4, 4, 1, 2], &[20, 1]] {
        for preset in ["dot", "expressive+centred", "multi-query+sinks", "distance", "neural"] {
            let preset = AttentionConfig::preset(preset).unwrap();
            let config = AttentionConfig { condition: vec![pooled(scales)], position: Position::Rotary, ..preset };
            // Four heads, of which two or all share keys.
            let grouped = Project::Linear(LinearConfig { kv_heads: Some(2) });
            let mut configs = vec![AttentionConfig { project: grouped, ..config.clone() }, config.clone()];
            configs.push(AttentionConfig { condition: vec![pooled(scales), bn.clone()], ..config });
            for config in configs.iter().filter(|config| config.validate(WIDTH, HEADS).is_ok()) {
                check(config, &[1; 17]);
                check(config, &[5, 1, 1, 3, 1, 1, 1, 4, 1]);
                check_as::<f32>(config, &Mask::causal(), &[1; 17], 2e-5);
                check_as::<f64>(config, &Mask::causal().padded(vec![6, 2]), &[1, 1, 1, 3], 1e-12);
            }
        }
    }
}

/// What the kernel for few queries does not do, the driver does over a cache that has room for more.
#[test]
fn every_mask_decodes() {
    let blocks = Pattern::blocks(3, 6, |query, key| (query + key).is_multiple_of(2));
    let masks = [
        Mask::causal(),
        Mask::causal().padded(vec![9, 2]),
        Mask::causal().within(3),
        Mask::prefix(vec![3, 1]),
        Mask::causal().documents(vec![vec![2, 7, 4]]),
        Mask::causal().only(blocks),
    ];
    for preset in ["dot", "neural", "cosine", "multi-query+distance", "yat+sigmoid", "sinks", "multi-query+relu"] {
        for position in [Position::None, Position::Alibi, Position::Relative] {
            let config = AttentionConfig { position, ..AttentionConfig::preset(preset).unwrap() };
            for mask in &masks {
                check_as::<f64>(&config, mask, &[3, 1, 1, 2, 1], 1e-12);
                check_as::<f64>(&config, mask, &[3, 9, 1], 1e-12);
            }
        }
    }
}

/// Heads that share keys share them in the cache too.
#[test]
fn one_head_of_keys_takes_the_memory_of_one() {
    let bytes = |preset: &str| {
        let config = AttentionConfig::preset(preset).unwrap();
        let mut set = ParamSet::new();
        let layer = MultiHeadAttention::new(&mut set.root(), &config, WIDTH, HEADS).unwrap();
        layer.cache::<f32>(BATCH, 10).bytes()
    };
    assert_eq!(bytes("dot"), 2 * BATCH * HEADS * 10 * D * size_of::<f32>());
    for other in ["dot", "expressive", "neural", "sinks", "neural+sh"] {
        assert_eq!(bytes(&format!("multi-query+{other}")) * HEADS, bytes(other), "{other}");
    }
    // Of 10 tokens a pool of factor 1 has 10 rows, and one of factor 2 has 5 and one for a token alone: here each for two heads, or for the one they share.
    let row = 2 * BATCH * D * size_of::<f32>();
    assert_eq!(bytes("sh"), row * (HEADS * 10 + 2 * 10 + 2 * 6));
    assert_eq!(bytes("multi-query+sh"), row * (10 + 10 + 6));
    assert_eq!(bytes("linear"), BATCH * HEADS * D * (D + 1) * size_of::<f32>());
}

#[test]
#[should_panic(expected = "a key-value cache is for inference, but this tape records")]
fn nothing_is_trained_through_a_cache() {
    let config = AttentionConfig::default();
    let mut set = ParamSet::new();
    let layer = MultiHeadAttention::new(&mut set.root(), &config, WIDTH, HEADS).unwrap();
    let tape = Tape::recording(&Parameters::<f64>::initialise(&set, 5));
    let context = AttentionContext::new(&config, &Mask::causal(), 1, 1, 0, HEADS, D);
    layer.forward_cached(&tape.constant(Tensor::ones([1, 1, WIDTH])), &context, &mut layer.cache(1, 2));
}

#[test]
#[should_panic(expected = "forward_cached: model.attention.condition: a convolution reads tokens before it")]
fn a_convolution_does_not_decode_token_by_token() {
    check(&AttentionConfig::preset("conv").unwrap(), &[1, 1]);
}

#[test]
#[should_panic(expected = "append: 2 + 1 tokens do not fit a cache of 2")]
fn a_full_cache_says_so() {
    let mut cache = anther_attention::KeyValueCache::<f32>::new(1, 1, 4, 2);
    let two = Tensor::zeros([1, 1, 2, 4]);
    cache.append(&two, &two);
    let one = Tensor::zeros([1, 1, 1, 4]);
    cache.append(&one, &one);
}

/// A state does not grow: what follows 300 tokens is that of the full pass, for two sequences of which one is padded.
#[test]
fn a_state_takes_the_place_of_keys_and_values() {
    let config = AttentionConfig::preset("linear").unwrap();
    check(&config, &[1; 9]);
    check(&config, &[130, 1, 1, 70, 98, 1]);
    let mut set = ParamSet::new();
    let layer = MultiHeadAttention::new(&mut set.root(), &config, WIDTH, HEADS).unwrap();
    let parameters = Parameters::<f64>::initialise(&set, 5);
    let tape = Tape::inference(&parameters);
    let key = RandomKey::new(2, 7, 1);
    let x = Tensor::from_fn([BATCH, 6, WIDTH], |i| key.normal(i as u64));
    let mask = Mask::causal().padded(vec![6, 2]);
    let context = AttentionContext::new(&config, &mask, BATCH, 6, 0, HEADS, D);
    let full = layer.forward(&tape.constant(x.clone()), &context).into_value();
    let mut cache = layer.cache(BATCH, 6);
    for round in 0..2 {
        for (past, count) in [(0, 1), (1, 2), (3, 1), (4, 2)] {
            let context = AttentionContext::new(&config, &mask, BATCH, count, past, HEADS, D);
            let y = layer.forward_cached(&tape.constant(rows(&x, past, count)), &context, &mut cache);
            let expected = rows(&full, past, count);
            assert_close(&format!("round {round}, {past}"), y.value().data(), expected.data(), 1e-12, 1e-12);
        }
        assert_eq!((cache.len(), cache.capacity()), (6, 6));
        cache.clear();
    }
}

#[test]
#[should_panic(expected = "append: 2 + 1 tokens do not fit a cache of 2")]
fn a_full_state_says_so_too() {
    let config = AttentionConfig::preset("linear").unwrap();
    let mut set = ParamSet::new();
    let layer = MultiHeadAttention::new(&mut set.root(), &config, WIDTH, HEADS).unwrap();
    let parameters = Parameters::<f64>::initialise(&set, 5);
    let tape = Tape::inference(&parameters);
    let mut cache = layer.cache(1, 2);
    for (past, new) in [(0, 2), (2, 1)] {
        let context = AttentionContext::new(&config, &Mask::causal(), 1, new, past, HEADS, D);
        layer.forward_cached(&tape.constant(Tensor::ones([1, new, WIDTH])), &context, &mut cache);
    }
}
