//! What layers cost, counted as they run: operations of products, two for a multiply-add.

use anther_attention::{AttentionConfig, AttentionContext, Condition, Mask, MultiHeadAttention, PoolingConfig};
use anther_tensor::{ParamSet, Parameters, Tape, Tensor};

const WIDTH: usize = 16;
const HEADS: usize = 4;

fn flops(config: &AttentionConfig, mask: &Mask, length: usize) -> u64 {
    let mut set = ParamSet::new();
    let layer = MultiHeadAttention::new(&mut set.root(), config, WIDTH, HEADS).unwrap();
    let parameters = Parameters::<f32>::initialise(&set, 1);
    let tape = Tape::inference(&parameters);
    let context = AttentionContext::new(config, mask, 1, length, 0, HEADS, WIDTH / HEADS);
    layer.forward(&tape.constant(Tensor::ones([1, length, WIDTH])), &context);
    tape.flops()
}

/// Four projections, and of each pair of a query and a key a score and a share of a value.
fn expected(length: usize, pairs: usize) -> u64 {
    (2 * 4 * length * WIDTH * WIDTH + 2 * 2 * pairs * (WIDTH / HEADS)) as u64
}

#[test]
fn all_pairs_cost_the_square_of_the_length_and_a_causal_mask_half() {
    let config = AttentionConfig::default();
    for length in [1, 8, 65, 256] {
        assert_eq!(flops(&config, &Mask::full(), length), expected(length, HEADS * length * length));
        let half = HEADS * length * (length + 1) / 2;
        assert_eq!(flops(&config, &Mask::causal(), length), expected(length, half));
        let window = AttentionConfig { window: Some(4), ..AttentionConfig::default() };
        let seen: usize = (1..=length).map(|seen| seen.min(4)).sum();
        assert_eq!(flops(&window, &Mask::causal(), length), expected(length, HEADS * seen));
    }
}

/// Attention-SH (arXiv 2406.13781): a head that pools by s scores 1/s of the keys. Here keys and values are projected before they are pooled, which is the same
/// for any slot after them; pooling tokens first would save 1 − 1/s of these two projections as well.
#[test]
fn pooled_heads_cost_their_share_of_the_pairs() {
    for (scales, share) in [(vec![1, 2], 0.75), (vec![1, 4], 0.625), (vec![1, 1, 2, 4], 0.6875)] {
        let pooling = Condition::Pooling(PoolingConfig { scales: scales.clone() });
        let config = AttentionConfig { condition: vec![pooling], ..AttentionConfig::default() };
        for length in [8, 64, 65, 256] {
            let heads = HEADS / scales.len();
            let pairs: usize = scales.iter().map(|&scale| heads * length * length.div_ceil(scale)).sum();
            assert_eq!(flops(&config, &Mask::full(), length), expected(length, pairs), "{scales:?}, {length}");
            if length % 4 == 0 {
                assert!((pairs as f64 / (HEADS * length * length) as f64 - share).abs() < 1e-12);
            }
        }
    }
}
