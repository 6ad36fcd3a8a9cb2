//! Every kind of encoder–decoder goes through every check of the registry, and learns.

use anther_attention::{Position, Project, Weighing};
use anther_tensor::{Ids, ParamSet, Parameters, Randomness, Tape, Tensor};
use anther_testkit::{Case, check_all, function};
use anther_transformer::{
    Activation, Embeddings, EncoderDecoder, EncoderDecoderConfig, NormKind, NormPosition, OutputKind, Sentences,
};

use super::{TOKENS, build, embeddings, form, preset, sentences, tiny};

/// Sources and inputs with padding, targets, and weights that do not count it.
fn batch() -> (Sentences, Sentences, Ids, Vec<f64>) {
    let [source, target] = TOKENS;
    let inputs = sentences(&[4, 2], 4, target);
    let weights = vec![1.0, 1.0, 0.5, 1.0, 1.0, 2.0, 0.0, 0.0];
    let targets = Ids::new([2, 4], (0..8).map(|i| i * 3 % target as u32).collect());
    (sentences(&[3, 5], 5, source), inputs, targets, weights)
}

/// The loss of a model as a case: no inputs, only parameters.
fn model(label: &str, config: EncoderDecoderConfig) -> Case {
    let cancels = config.attention.weighing == Weighing::Softmax && config.attention.project == Project::default();
    let layers = [config.encoder_layers, config.decoder_layers];
    let mut case = Case::module("encoder-decoder", label, vec![], |scope| {
        let mut set = ParamSet::new();
        EncoderDecoder::new(&mut set.root(), &config).unwrap();
        let first = Parameters::<f64>::initialise(&set, 1);
        let model = EncoderDecoder::new(scope, &config).unwrap().frozen_at(&first);
        let (source, inputs, targets, weights) = batch();
        function!(
            (model: EncoderDecoder, source: Sentences, inputs: Sentences, targets: Ids, weights: Vec<f64>),
            |_x, tape| {
                let weights = Tensor::from_fn([2, 4], |i| T::from_f64(weights[i]));
                model.loss(tape, source, inputs, targets, Some(&weights), 0.1)
            }
        )
    });
    if cancels {
        // A key bias shifts all scores of a query alike, and softmax cancels it.
        for (side, layers) in ["encoder", "decoder"].into_iter().zip(layers) {
            for layer in 0..layers {
                case = case.zero_gradient(&format!("model.{side}.layers.{layer}.self_attn.k_proj.bias"));
                if side == "decoder" {
                    case = case.zero_gradient(&format!("model.decoder.layers.{layer}.encoder_attn.k_proj.bias"));
                }
            }
        }
    }
    case
}

#[test]
fn every_kind_of_model() {
    let with = |change: &dyn Fn(&mut EncoderDecoderConfig)| {
        let mut config = tiny();
        change(&mut config);
        config
    };
    let joint = |c: &mut EncoderDecoderConfig, output| {
        (c.target_vocabulary, c.embeddings, c.output) = (c.source_vocabulary, Embeddings::Shared, output);
    };
    check_all(&[
        model("pre-norm", tiny()),
        model("post-norm", with(&|c| c.norm_position = NormPosition::Post)),
        model("two blocks each", with(&|c| (c.encoder_layers, c.decoder_layers) = (2, 2))),
        model("rms norm without scale", with(&|c| (c.norm, c.norm_affine) = (NormKind::RmsNorm, false))),
        model("learned positions", with(&|c| c.attention.position = Position::Learned)),
        model("no positions, no scale", with(&|c| (c.attention.position, c.scale_embedding) = (Position::None, false))),
        model("relu", with(&|c| c.activation = Activation::Relu)),
        model("swiglu", with(&|c| (c.activation, c.feed_forward) = (Activation::Swiglu, None))),
        model("tied", with(&|c| c.output = OutputKind::Tied)),
        model("one table, tied", with(&|c| joint(c, OutputKind::Tied))),
        model("tied with a bias", with(&|c| (c.output, c.output_bias) = (OutputKind::Tied, true))),
        model("one table, frozen", with(&|c| joint(c, OutputKind::Frozen))),
        model("dropout", with(&|c| (c.dropout, c.attention.dropout) = (0.2, 0.3))).training(),
        model("kgv", preset("kgv")),
        model("expressive", preset("expressive")),
        model("linear", preset("linear")),
        model("chain of token vectors", embeddings()[0].clone()),
        model("three levels of soft classes", embeddings()[1].clone()),
        model("anthe", form("anthe")),
    ]);
}

/// The loss and all gradients of two passes that add up, as bits.
fn bits(config: &EncoderDecoderConfig, recompute: bool) -> Vec<u64> {
    let (model, parameters) = build::<f64>(config, 3);
    let model = model.recomputing(recompute);
    let mut gradients = parameters.gradients();
    let (source, inputs, targets, weights) = batch();
    let weights = Tensor::from_vec([2, 4], weights);
    let mut losses = Vec::new();
    for step in 0..2 {
        let tape = Tape::training(&parameters, Randomness { seed: 1, step });
        let loss = model.loss(&tape, &source, &inputs, &targets, Some(&weights), 0.1);
        losses.push(loss.value().item());
        tape.backward(&loss, None, &mut gradients);
    }
    losses.iter().chain(gradients.slab_mut().iter()).map(|x| x.to_bits()).collect()
}

#[test]
fn a_block_that_is_computed_again_gives_the_same_bits() {
    for norm_position in [NormPosition::Pre, NormPosition::Post] {
        let config =
            EncoderDecoderConfig { norm_position, dropout: 0.2, encoder_layers: 2, decoder_layers: 2, ..tiny() };
        assert_eq!(bits(&config, true), bits(&config, false), "{norm_position:?}");
    }
}

#[test]
fn one_batch_can_be_learned_by_heart() {
    for config in [tiny(), preset("kgv"), form("anthe"), EncoderDecoderConfig { output: OutputKind::Tied, ..tiny() }] {
        let (model, mut parameters) = build::<f32>(&config, 1);
        let mut gradients = parameters.gradients();
        let (source, inputs, targets, weights) = batch();
        let weights = Tensor::from_fn([2, 4], |i| weights[i] as f32);
        let (mut first, mut last) = (f32::NAN, f32::NAN);
        for step in 0..200 {
            let tape = Tape::recording(&parameters);
            let loss = model.loss(&tape, &source, &inputs, &targets, Some(&weights), 0.0);
            last = loss.value().item();
            if step == 0 {
                first = last;
            }
            gradients.clear();
            tape.backward(&loss, None, &mut gradients);
            drop(loss);
            drop(tape);
            // Plain gradient descent, at most one unit of length a step.
            let slope = gradients.slab_mut();
            let norm = slope.iter().map(|g| g * g).sum::<f32>().sqrt();
            let rate = 0.2 / norm.max(1.0);
            parameters.values_mut().iter_mut().zip(slope).for_each(|(p, g)| *p -= rate * *g);
        }
        assert!(last < 0.05 * first, "the loss fell from {first} to {last} only");
    }
}

#[test]
fn a_frozen_output_stays_what_it_was_when_the_table_moves() {
    let frozen = EncoderDecoderConfig {
        target_vocabulary: TOKENS[0],
        embeddings: Embeddings::Shared,
        output: OutputKind::Frozen,
        ..tiny()
    };
    let tied = EncoderDecoderConfig { output: OutputKind::Tied, ..frozen.clone() };
    let logits = |config: &EncoderDecoderConfig, moved: bool| {
        let (model, mut parameters) = build::<f64>(config, 5);
        if moved {
            // The row of a token that neither side reads.
            let table = parameters.find("model.shared.weight").unwrap();
            let start = parameters.range(table).start;
            parameters.values_mut()[start + 5 * 8] += 1.0;
        }
        let side = Sentences::whole(Ids::new([1, 3], vec![0, 1, 2]));
        model.logits(&Tape::inference(&parameters), &side, &side).into_value().data().to_vec()
    };
    // At first both are the same function of the same numbers.
    assert_eq!(logits(&frozen, false), logits(&tied, false));
    assert_eq!(logits(&frozen, true), logits(&frozen, false));
    let (before, after) = (logits(&tied, false), logits(&tied, true));
    for (token, (before, after)) in before.iter().zip(&after).enumerate() {
        assert_eq!(before != after, token % 6 == 5, "the logit of token {}", token % 6);
    }
}
