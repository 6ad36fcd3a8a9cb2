//! Every kind of masked language model goes through every check of the registry, sees both sides, and learns.

use anther_attention::{AttentionConfig, Position, Project, Weighing};
use anther_tensor::{Element, Ids, ParamSet, Parameters, Randomness, Tape, Tensor};
use anther_testkit::{Case, check_all, function};
use anther_transformer::{Activation, MaskedLm, MaskedLmConfig, ModelSummary, NormKind, NormPosition};

fn tiny() -> MaskedLmConfig {
    MaskedLmConfig { vocab_size: 7, layers: 2, heads: 2, width: 8, context: 6, ..MaskedLmConfig::default() }
}

fn preset(name: &str) -> MaskedLmConfig {
    MaskedLmConfig { attention: AttentionConfig::preset(name).unwrap(), ..tiny() }
}

fn build<T: Element>(config: &MaskedLmConfig) -> (MaskedLm, Parameters<T>) {
    let mut set = ParamSet::new();
    let model = MaskedLm::new(&mut set.root(), config).unwrap();
    (model, Parameters::initialise(&set, 3))
}

fn ids(factor: u32) -> Ids {
    Ids::new([2, 6], (0..12).map(|i| (i * factor + i / 3) % 7).collect())
}

/// Some places count, one of them twice.
fn weights<T: Element>() -> Tensor<T> {
    let weights = [0.0, 1.0, 0.0, 0.0, 2.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.5];
    Tensor::from_fn([2, 6], |i| T::from_f64(weights[i]))
}

/// The loss of a model as a case: no inputs, only parameters.
fn model(label: &str, config: MaskedLmConfig) -> Case {
    let AttentionConfig { weighing, position, project, .. } = &config.attention;
    let cancels = *weighing == Weighing::Softmax && *position != Position::Rotary && *project == Project::default();
    let layers = config.layers;
    let mut case = Case::module("masked language model", label, vec![], |scope| {
        let model = MaskedLm::new(scope, &config).unwrap();
        let (inputs, targets) = (ids(5), ids(3));
        function!((model: MaskedLm, inputs: Ids, targets: Ids), |_x, tape| {
            model.loss(tape, inputs, targets, Some(&weights()), 0.1)
        })
    });
    if cancels {
        // A key bias shifts all scores of a query alike, and softmax cancels it.
        for layer in 0..layers {
            case = case.zero_gradient(&format!("encoder.layers.{layer}.self_attn.k_proj.bias"));
        }
    }
    case
}

#[test]
fn every_kind_of_model() {
    let with = |change: &dyn Fn(&mut MaskedLmConfig)| {
        let mut config = tiny();
        change(&mut config);
        config
    };
    check_all(&[
        model("post-norm", tiny()),
        model("pre-norm", with(&|c| c.norm_position = NormPosition::Pre)),
        model("no embedding norm", with(&|c| c.embedding_norm = false)),
        model("untied", with(&|c| c.tied = false)),
        model("rms norm", with(&|c| c.norm = NormKind::RmsNorm)),
        model("relu", with(&|c| c.activation = Activation::Relu)),
        model("swiglu without biases", with(&|c| (c.activation, c.bias) = (Activation::Swiglu, false))),
        model("rotary", with(&|c| c.attention.position = Position::Rotary)),
        model("dropout", with(&|c| (c.dropout, c.attention.dropout) = (0.2, 0.3))).training(),
        model("expressive", preset("expressive")),
        model("kgv", preset("kgv")),
    ]);
}

#[test]
fn the_head_of_chosen_places_gives_the_loss_of_all_places() {
    for config in [tiny(), MaskedLmConfig { tied: false, norm_position: NormPosition::Pre, ..tiny() }] {
        let (model, parameters) = build::<f64>(&config);
        let gradients = |whole: bool| {
            let tape = Tape::recording(&parameters);
            let loss = if whole {
                model.logits(&tape, &ids(5)).cross_entropy(&ids(3), Some(&weights()), 0.1)
            } else {
                model.loss(&tape, &ids(5), &ids(3), Some(&weights()), 0.1)
            };
            let value = loss.value().item();
            let mut gradients = parameters.gradients();
            tape.backward(&loss, None, &mut gradients);
            (value, gradients.slab_mut().to_vec())
        };
        let (chosen, whole) = (gradients(false), gradients(true));
        assert!((chosen.0 - whole.0).abs() < 1e-12, "{} {}", chosen.0, whole.0);
        let difference = chosen.1.iter().zip(&whole.1).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(difference < 1e-12 && whole.1.iter().any(|g| g.abs() > 1e-3), "{difference}");
    }
}

#[test]
fn a_place_sees_both_sides_and_its_own_row_only() {
    let (model, parameters) = build::<f64>(&tiny());
    let logits = |ids: &Ids| model.logits(&Tape::inference(&parameters), ids).into_value().data().to_vec();
    let before = logits(&ids(5));
    for changed in [0, 5] {
        let mut tokens = ids(5).data().to_vec();
        tokens[changed] = (tokens[changed] + 1) % 7;
        let after = logits(&Ids::new([2, 6], tokens));
        let moved: Vec<bool> = before.chunks(7).zip(after.chunks(7)).map(|(a, b)| a != b).collect();
        assert_eq!(moved, [[true; 6], [false; 6]].concat(), "{changed}");
    }
}

#[test]
fn the_names_are_near_those_of_hugging_face() {
    let mut set = ParamSet::new();
    MaskedLm::new(&mut set.root(), &MaskedLmConfig { layers: 1, tied: false, ..tiny() }).unwrap();
    let names: Vec<String> = set.specs().iter().map(|spec| format!("{} {:?}", spec.name, spec.shape)).collect();
    let around: Vec<&str> =
        names.iter().map(String::as_str).filter(|name| !name.starts_with("encoder.layers.0.")).collect();
    assert_eq!(
        around,
        [
            "embeddings.word_embeddings.weight [7, 8]",
            "embeddings.position_embeddings.weight [6, 8]",
            "embeddings.LayerNorm.weight [8]",
            "embeddings.LayerNorm.bias [8]",
            "lm_head.dense.weight [8, 8]",
            "lm_head.dense.bias [8]",
            "lm_head.layer_norm.weight [8]",
            "lm_head.layer_norm.bias [8]",
            "lm_head.decoder.weight [7, 8]",
            "lm_head.bias [7]",
        ]
    );
}

#[test]
fn roberta_base_has_the_published_number_of_parameters() {
    let config = MaskedLmConfig { vocab_size: 50_265, layers: 12, heads: 12, width: 768, context: 512, ..tiny() };
    let mut set = ParamSet::new();
    MaskedLm::new(&mut set.root(), &config).unwrap();
    let count: usize = set.specs().iter().map(|spec| spec.shape.iter().product::<usize>()).sum();
    // 124,697,433 with two rows of positions that are never used and one vector of the type of tokens.
    assert_eq!(count, 124_697_433 - 3 * 768);
}

#[test]
fn a_block_that_is_computed_again_gives_the_same_bits() {
    let config = MaskedLmConfig { dropout: 0.2, ..tiny() };
    let bits = |recompute| {
        let (model, parameters) = build::<f32>(&config);
        let model = model.recomputing(recompute);
        let tape = Tape::training(&parameters, Randomness { seed: 1, step: 0 });
        let loss = model.loss(&tape, &ids(5), &ids(3), Some(&weights()), 0.0);
        let mut gradients = parameters.gradients();
        tape.backward(&loss, None, &mut gradients);
        gradients.slab_mut().iter().map(|x| x.to_bits()).collect::<Vec<_>>()
    };
    assert_eq!(bits(true), bits(false));
}

#[test]
fn hidden_tokens_are_learned_by_heart() {
    let (model, mut parameters) = build::<f32>(&tiny());
    let mut gradients = parameters.gradients();
    let (mut first, mut last) = (None, f32::NAN);
    for _ in 0..200 {
        let tape = Tape::recording(&parameters);
        let loss = model.loss(&tape, &ids(5), &ids(3), Some(&weights()), 0.0);
        last = loss.value().item();
        first.get_or_insert(last);
        gradients.clear();
        tape.backward(&loss, None, &mut gradients);
        drop(loss);
        drop(tape);
        let slope = gradients.slab_mut();
        let norm = slope.iter().map(|g| g * g).sum::<f32>().sqrt();
        let rate = 0.2 / norm.max(1.0);
        parameters.values_mut().iter_mut().zip(slope).for_each(|(p, g)| *p -= rate * *g);
    }
    assert!(last < 0.05 * first.unwrap(), "the loss fell from {first:?} to {last} only");
}

#[test]
fn mistakes_name_their_key_and_a_model_can_be_measured() {
    let refusal = |config: MaskedLmConfig| config.validate().unwrap_err().to_string();
    assert!(refusal(MaskedLmConfig { layers: 0, ..tiny() }).starts_with("model.layers"));
    assert!(refusal(MaskedLmConfig { vocab_size: 0, ..tiny() }).starts_with("vocabulary"));
    assert!(refusal(MaskedLmConfig { heads: 3, ..tiny() }).starts_with("model.heads"));
    assert!(refusal(MaskedLmConfig { position_std: 0.0, ..tiny() }).starts_with("model.position_std"));
    let (model, parameters) = build::<f32>(&tiny());
    let summary = ModelSummary::measure(&model, &parameters, 2);
    assert_eq!(summary.parameters, parameters.count());
    assert!(summary.forward_flops_per_token > 0 && summary.activation_bytes > 0);
}
