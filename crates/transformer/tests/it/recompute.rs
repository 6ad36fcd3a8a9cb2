//! A block that is computed a second time gives the same numbers as one that is kept.

use anther_attention::{AttentionConfig, Position, Weighing};
use anther_tensor::{Element, Ids, ParamSet, Parameters, Randomness, Tape};
use anther_transformer::{CausalLm, CausalLmConfig, NormPosition};

/// The loss and all gradients of two passes that add up, as bits.
fn bits<T: Element>(config: &CausalLmConfig, recompute: bool) -> Vec<u64> {
    let mut set = ParamSet::new();
    let model = CausalLm::new(&mut set.root(), config).unwrap().recomputing(recompute);
    let parameters = Parameters::<T>::initialise(&set, 3);
    let mut gradients = parameters.gradients();
    let mut losses = Vec::new();
    for step in 0..2 {
        let inputs = Ids::new([3, 6], (0..18).map(|i| (i * 7 + step) % 5).collect());
        let targets = Ids::new([3, 6], (0..18).map(|i| (i * 3 + step) % 5).collect());
        let tape = Tape::training(&parameters, Randomness { seed: 1, step: u64::from(step) });
        let loss = model.loss(&tape, &inputs, &targets, None, 0.1);
        losses.push(loss.value().item());
        tape.backward(&loss, None, &mut gradients);
    }
    losses.iter().chain(gradients.slab_mut().iter()).map(|x| x.to_bits_u64()).collect()
}

#[test]
fn loss_and_gradients_are_the_same_bit_for_bit() {
    for weighing in [Weighing::Softmax, Weighing::Expressive] {
        for (norm_position, position) in [
            (NormPosition::Pre, Position::Learned),
            (NormPosition::Post, Position::Rotary),
            (NormPosition::Pre, Position::Alibi),
        ] {
            let config = CausalLmConfig {
                vocab_size: 5,
                layers: 3,
                heads: 2,
                width: 8,
                context: 6,
                dropout: 0.2,
                tied: true,
                norm_position,
                attention: AttentionConfig { weighing, position, dropout: 0.3, ..AttentionConfig::default() },
                ..CausalLmConfig::default()
            };
            let what = format!("{weighing:?}, {norm_position:?}, {position:?}");
            assert_eq!(bits::<f64>(&config, true), bits::<f64>(&config, false), "{what} in f64");
            assert_eq!(bits::<f32>(&config, true), bits::<f32>(&config, false), "{what} in f32");
        }
    }
}

#[test]
fn the_operations_of_a_forward_pass_are_counted_once() {
    let config = CausalLmConfig { vocab_size: 5, ..CausalLmConfig::default() };
    let flops = |recompute| {
        let mut set = ParamSet::new();
        let model = CausalLm::new(&mut set.root(), &config).unwrap().recomputing(recompute);
        let tape = Tape::recording(&Parameters::<f32>::initialise(&set, 3));
        let ids = Ids::new([1, 4], vec![0; 4]);
        let _ = model.loss(&tape, &ids, &ids, None, 0.0);
        tape.flops()
    };
    assert!(flops(true) > 0);
    assert_eq!(flops(true), flops(false));
}
