//! A mechanism in some layers only: those that are listed have it, the others have softmax attention to dot products.

use anther_attention::AttentionConfig;
use anther_tensor::{Ids, ParamSet, Parameters, Tape};
use anther_transformer::{CausalLm, CausalLmConfig, EncoderDecoder, EncoderDecoderConfig};

fn preset(name: &str, layers: &[usize]) -> AttentionConfig {
    AttentionConfig { layers: layers.to_vec(), ..AttentionConfig::preset(name).unwrap() }
}

fn with_score<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut layers: Vec<&str> = names.filter_map(|name| Some(name.split_once(".score.")?.0)).collect();
    layers.dedup();
    layers
}

#[test]
fn only_listed_layers_have_its_parameters() {
    let config =
        CausalLmConfig { vocab_size: 5, layers: 3, attention: preset("neural", &[0, 2]), ..Default::default() };
    let mut set = ParamSet::new();
    CausalLm::new(&mut set.root(), &config).unwrap();
    let names = set.specs().iter().map(|spec| &spec.name[..]);
    assert_eq!(with_score(names), ["model.layers.0.self_attn", "model.layers.2.self_attn"]);

    let config = EncoderDecoderConfig {
        source_vocabulary: 5,
        target_vocabulary: 5,
        attention: preset("neural", &[1]),
        ..Default::default()
    };
    let mut set = ParamSet::new();
    EncoderDecoder::new(&mut set.root(), &config).unwrap();
    let names = set.specs().iter().map(|spec| &spec.name[..]);
    let expected = ["encoder.layers.1.self_attn", "decoder.layers.1.self_attn", "decoder.layers.1.encoder_attn"];
    assert_eq!(with_score(names), expected.map(|layer| format!("model.{layer}")));
}

#[test]
fn each_layer_sees_what_its_mechanism_sees() {
    // A window of one key makes a query see itself alone, which no other layer does.
    let attention = AttentionConfig { window: Some(1), layers: vec![1], ..AttentionConfig::default() };
    let config = CausalLmConfig { vocab_size: 5, layers: 3, context: 6, attention, ..Default::default() };
    let mut set = ParamSet::new();
    let model = CausalLm::new(&mut set.root(), &config).unwrap();
    let parameters = Parameters::<f64>::initialise(&set, 3);
    let maps = model.attention_maps(&Tape::inference(&parameters), &Ids::new([1, 6], vec![0, 3, 1, 4, 2, 2]));
    let alone: Vec<bool> = maps.iter().map(|map| map.entropy().iter().all(|&entropy| entropy == 0.0)).collect();
    assert_eq!(alone, [false, true, false]);
}

#[test]
fn a_layer_that_is_not_there_is_refused() {
    let config = CausalLmConfig { vocab_size: 5, layers: 2, attention: preset("neural", &[2]), ..Default::default() };
    let refusal = config.validate().unwrap_err().to_string();
    assert!(refusal.starts_with("model.attention.layers: there is no layer 2"), "{refusal}");
    let config = EncoderDecoderConfig {
        source_vocabulary: 5,
        target_vocabulary: 5,
        encoder_layers: 1,
        decoder_layers: 3,
        attention: preset("neural", &[3]),
        ..Default::default()
    };
    assert!(config.validate().unwrap_err().to_string().contains("no layer 3"));
}
