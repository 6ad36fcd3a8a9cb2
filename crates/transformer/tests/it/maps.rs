//! The maps of a model are those of its blocks, and asking for them needs no gradient.

use anther_attention::AttentionConfig;
use anther_tensor::{Ids, ParamSet, Parameters, Tape};
use anther_transformer::{CausalLm, CausalLmConfig, NormPosition};

fn model(recompute: bool, norm_position: NormPosition) -> (CausalLm, Parameters<f64>) {
    let config = CausalLmConfig {
        vocab_size: 5,
        layers: 3,
        heads: 2,
        width: 8,
        context: 6,
        norm_position,
        attention: AttentionConfig { dropout: 0.5, ..AttentionConfig::default() },
        ..CausalLmConfig::default()
    };
    let mut set = ParamSet::new();
    let model = CausalLm::new(&mut set.root(), &config).unwrap().recomputing(recompute);
    (model, Parameters::initialise(&set, 3))
}

#[test]
fn each_block_gives_one_map_first_block_first() {
    for norm_position in [NormPosition::Pre, NormPosition::Post] {
        for recompute in [false, true] {
            let (model, mut parameters) = model(recompute, norm_position);
            // Queries of zeros attend to all keys alike: in the second block only.
            for part in ["weight", "bias"] {
                let name = format!("model.layers.1.self_attn.q_proj.{part}");
                let id = parameters.ids().find(|&id| parameters.spec(id).name == name).unwrap();
                let zeros = vec![0.0; parameters.spec(id).shape.iter().product()];
                parameters.set(id, &zeros);
            }
            let ids = Ids::new([2, 5], (0..10).map(|i| i * 7 % 5).collect());
            let maps = model.attention_maps(&Tape::inference(&parameters), &ids);
            assert_eq!(maps.len(), 3);
            let alike = (1..=5).map(|seen| f64::from(seen).ln()).sum::<f64>() / 5.0;
            for (block, map) in maps.iter().enumerate() {
                assert_eq!(map.weights().shape()[..], [2, 2, 5, 5]);
                let most = map.entropy().iter().all(|entropy| (entropy - alike).abs() < 1e-12);
                assert_eq!(most, block == 1, "block {block}: {:?}", map.entropy());
            }
        }
    }
}

#[test]
#[should_panic(expected = "attention_maps: this is for inference")]
fn a_recording_tape_is_refused() {
    let (model, parameters) = model(true, NormPosition::Pre);
    model.attention_maps(&Tape::recording(&parameters), &Ids::new([1, 2], vec![0, 1]));
}
