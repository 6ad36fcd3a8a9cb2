//! Every kind of classifier goes through every check of the registry, sees no padding, and learns.

use anther_attention::{AttentionConfig, Position};
use anther_tensor::{Ids, ParamSet, Parameters, Randomness, Tape, Tensor};
use anther_testkit::{Case, check_all, function};
use anther_transformer::{
    Activation, Classifier, ClassifierConfig, ExampleForm, Examples, NormKind, NormPosition, Pooling, patches,
};

const IMAGES: ExampleForm = ExampleForm::Images { shape: [2, 4, 6] };
const SERIES: ExampleForm = ExampleForm::Series { channels: 3, longest: 5 };
const TOKENS: ExampleForm = ExampleForm::Tokens { vocabulary: 7, longest: 6 };

fn tiny(form: ExampleForm) -> ClassifierConfig {
    ClassifierConfig {
        form,
        classes: 3,
        layers: 2,
        heads: 2,
        width: 8,
        patch: 2,
        position_std: 0.5,
        ..Default::default()
    }
}

/// Two examples of a form, the second with padding where the form has some.
fn examples(form: ExampleForm) -> Examples {
    let wave = |i: usize| (i as f32 * 0.7).sin();
    match form {
        ExampleForm::Images { shape: [channels, rows, columns] } => {
            Examples::images(Tensor::from_fn([2, channels, rows, columns], wave))
        }
        ExampleForm::Series { channels, longest } => {
            Examples::series(Tensor::from_fn([2, longest, channels], wave), vec![longest, longest - 2])
        }
        ExampleForm::Tokens { vocabulary, longest } => {
            let ids = (0..2 * longest).map(|i| (i * 5 + i / 3) as u32 % vocabulary as u32).collect();
            Examples::tokens(Ids::new([2, longest], ids), vec![longest, longest - 2])
        }
    }
}

/// The loss of a model as a case: no inputs, only parameters.
fn model(label: &str, config: ClassifierConfig) -> Case {
    let cancels = config.attention.position != Position::Rotary && !label.contains("batch norm");
    let layers = config.layers;
    let mut case = Case::module("classifier", label, vec![], |scope| {
        let model = Classifier::new(scope, &config).unwrap();
        let (examples, targets) = (examples(config.form), Ids::new([2], vec![2, 0]));
        function!((model: Classifier, examples: Examples, targets: Ids), |_x, tape| {
            let weights = Tensor::from_fn([2], |i| T::from_f64([1.0, 0.5][i]));
            model.loss(tape, examples, targets, Some(&weights), 0.1)
        })
    });
    if cancels {
        // A key bias shifts all scores of a query alike, and softmax cancels it.
        for layer in 0..layers {
            case = case.zero_gradient(&format!("model.layers.{layer}.self_attn.k_proj.bias"));
        }
    }
    case
}

/// A model with batch normalisation in training: nothing arrives at running statistics, and what shifts whole columns is taken away again by the next norm.
fn columns_in_training(label: &str, config: ClassifierConfig) -> Case {
    let (_, set) = build(&config);
    let pre = config.norm_position == NormPosition::Pre;
    let cancelled = |name: &str| {
        ["v_proj.bias", "o_proj.bias", "fc2.bias"].iter().any(|end| name.ends_with(end))
            || (pre && name == "model.embeddings.input_projection.bias")
    };
    let none = set.specs().iter().filter(|spec| !spec.trained || cancelled(&spec.name));
    none.fold(model(label, config).training(), |case, spec| case.zero_gradient(&spec.name))
}

#[test]
fn every_kind_of_model() {
    let with = |form, change: &dyn Fn(&mut ClassifierConfig)| {
        let mut config = tiny(form);
        change(&mut config);
        config
    };
    let preset = |form, name: &'static str| {
        let attention = AttentionConfig::preset(name).unwrap();
        ClassifierConfig { attention, pooling: Pooling::ClassToken, ..tiny(form) }
    };
    let columns = |c: &mut ClassifierConfig| {
        (c.norm, c.norm_position, c.pooling) = (NormKind::BatchNorm, NormPosition::Post, Pooling::ClassToken);
    };
    check_all(&[
        model("images, class token", with(IMAGES, &|c| c.pooling = Pooling::ClassToken)),
        model(
            "tokens, class token and one for distillation",
            with(TOKENS, &|c| (c.pooling, c.distillation_token) = (Pooling::ClassToken, true)),
        ),
        model("images, mean", tiny(IMAGES)),
        model("images, patches of one pixel, flatten", with(IMAGES, &|c| (c.patch, c.pooling) = (1, Pooling::Flatten))),
        model("series, flatten", with(SERIES, &|c| c.pooling = Pooling::Flatten)),
        model(
            "series, mean, scaled, post-norm",
            with(SERIES, &|c| (c.scale_input, c.norm_position) = (true, NormPosition::Post)),
        ),
        model("tokens, mean, hidden layer", with(TOKENS, &|c| c.head_hidden = Some(5))),
        model("series, norms of columns", with(SERIES, &|c| c.norm = NormKind::BatchNorm)),
        model("images, norms of columns, post-norm", with(IMAGES, &columns)),
        columns_in_training("series, norms of columns in training", with(SERIES, &|c| c.norm = NormKind::BatchNorm)),
        columns_in_training("tokens, norms of columns in training, post-norm", with(TOKENS, &columns)),
        model(
            "tokens, class token, sinusoidal",
            with(TOKENS, &|c| (c.pooling, c.attention.position) = (Pooling::ClassToken, Position::Sinusoidal)),
        ),
        model(
            "tokens, rotary, swiglu",
            with(TOKENS, &|c| (c.attention.position, c.activation) = (Position::Rotary, Activation::Swiglu)),
        ),
        model("tokens, batch norm", preset(TOKENS, "bn")),
        model("series, scaled heads", preset(SERIES, "sh")),
        model("images, scaled heads and batch norm", preset(IMAGES, "bn-sh")),
        model("dropout", with(SERIES, &|c| (c.dropout, c.pooling) = (0.2, Pooling::Flatten))).training(),
        model("stochastic depth", with(TOKENS, &|c| c.drop_path = 0.2)).training(),
        model(
            "stochastic depth, post-norm",
            with(TOKENS, &|c| (c.drop_path, c.norm_position) = (0.2, NormPosition::Post)),
        )
        .training(),
    ]);
}

fn build(config: &ClassifierConfig) -> (Classifier, ParamSet) {
    let mut set = ParamSet::new();
    (Classifier::new(&mut set.root(), config).unwrap(), set)
}

/// Logits of the second of two examples.
fn second(config: &ClassifierConfig, examples: &Examples) -> Vec<f64> {
    let (model, set) = build(config);
    let parameters = Parameters::<f64>::initialise(&set, 5);
    let tape = Tape::inference(&parameters);
    model.logits(&tape, examples).value().data()[config.classes..].to_vec()
}

#[test]
fn padding_reaches_nothing_under_any_mechanism() {
    for name in AttentionConfig::preset_names() {
        for pooling in [Pooling::ClassToken, Pooling::Mean, Pooling::Flatten] {
            let attention = AttentionConfig::preset(name).unwrap();
            let config = ClassifierConfig { attention, pooling, ..tiny(TOKENS) };
            let tokens = |padding: u32| {
                let ids = vec![1, 2, 3, 4, 5, 6, 6, 5, 4, padding, padding, padding];
                Examples::tokens(Ids::new([2, 6], ids), vec![6, 3])
            };
            let logits = second(&config, &tokens(0));
            assert_eq!(logits, second(&config, &tokens(3)), "{name}, {pooling:?}");
            assert!(logits.iter().all(|logit| logit.is_finite()));
            if pooling != Pooling::Flatten {
                let short = Examples::tokens(Ids::new([2, 3], vec![1, 2, 3, 6, 5, 4]), vec![3, 3]);
                for (long, short) in logits.iter().zip(second(&config, &short)) {
                    assert!((long - short).abs() < 1e-9, "{name}, {pooling:?}: {long} and {short}");
                }
            }
            let config = ClassifierConfig { form: SERIES, ..config };
            let series = |padding: f32| {
                let values = Tensor::from_fn([2, 5, 3], |i| if i >= 24 { padding } else { (i as f32).cos() });
                Examples::series(values, vec![5, 3])
            };
            assert_eq!(second(&config, &series(0.0)), second(&config, &series(f32::NAN)), "{name}, {pooling:?}");
        }
    }
}

#[test]
fn a_patch_is_ordered_like_the_weight_of_a_convolution() {
    let images = Tensor::from_fn([2, 2, 4, 6], |i| i as f32);
    let cut: Tensor<f64> = patches(&images, 2);
    assert_eq!(*cut.shape(), [2, 6, 8]);
    // The second patch of the second row of patches: rows 2 and 3, columns 2 and 3 of either channel.
    assert_eq!(cut.data()[4 * 8..5 * 8], [14.0, 15.0, 20.0, 21.0, 38.0, 39.0, 44.0, 45.0]);
    assert_eq!(cut.data()[6 * 8], 48.0);
    let whole: Tensor<f32> = patches(&images, 1);
    assert_eq!(whole.data()[..4], [0.0, 24.0, 1.0, 25.0]);
}

#[test]
fn stochastic_depth_leaves_whole_examples_alone_in_training_only() {
    let config = ClassifierConfig { layers: 1, ..tiny(TOKENS) };
    let logits = |drop_path, training: bool, step| {
        // With two layers the last one has the full probability.
        let (model, set) = build(&ClassifierConfig { drop_path, layers: 2, ..config.clone() });
        let parameters = Parameters::<f64>::initialise(&set, 5);
        let tape = if training {
            Tape::training(&parameters, Randomness { seed: 2, step })
        } else {
            Tape::inference(&parameters)
        };
        model.logits(&tape, &examples(TOKENS)).value().data().to_vec()
    };
    assert_eq!(logits(0.5, false, 0), logits(0.0, false, 0));
    let steps: Vec<Vec<f64>> = (0..64).map(|step| logits(0.5, true, step)).collect();
    let mut first: Vec<&[f64]> = steps.iter().map(|logits| &logits[..3]).collect();
    first.sort_by(|a, b| a.partial_cmp(b).unwrap());
    first.dedup();
    // Each of the two parts of the last block is there for an example or is not.
    assert_eq!(first.len(), 4);
}

#[test]
fn parameters_have_the_names_of_the_documentation() {
    let names = |config: &ClassifierConfig| -> Vec<String> {
        build(config).1.specs().iter().map(|spec| format!("{} {:?}", spec.name, spec.shape)).collect()
    };
    let image = names(&ClassifierConfig { pooling: Pooling::ClassToken, ..tiny(IMAGES) });
    for name in [
        "model.embeddings.patch_embeddings.projection.weight [8, 8]",
        "model.embeddings.cls_token [1, 1, 8]",
        "model.embeddings.position_embeddings.weight [7, 8]",
        "model.layers.1.self_attn.q_proj.weight [8, 8]",
        "model.norm.weight [8]",
        "classifier.weight [3, 8]",
        "classifier.bias [3]",
    ] {
        assert!(image.contains(&name.to_owned()), "{name} is not in {image:?}");
    }
    let series = names(&ClassifierConfig { pooling: Pooling::Flatten, head_hidden: Some(4), ..tiny(SERIES) });
    assert!(series.contains(&"model.embeddings.input_projection.weight [8, 3]".to_owned()));
    assert!(series.contains(&"classifier.dense.weight [4, 40]".to_owned()));
    assert!(series.contains(&"classifier.out_proj.weight [3, 4]".to_owned()));
    assert!(names(&tiny(TOKENS)).contains(&"model.embeddings.word_embeddings.weight [7, 8]".to_owned()));
}

#[test]
fn one_batch_can_be_learned_by_heart() {
    for form in [IMAGES, SERIES, TOKENS] {
        for pooling in [Pooling::ClassToken, Pooling::Mean, Pooling::Flatten] {
            let (model, set) = build(&ClassifierConfig { pooling, ..tiny(form) });
            let mut parameters = Parameters::<f32>::initialise(&set, 1);
            let mut gradients = parameters.gradients();
            let targets = Ids::new([2], vec![2, 0]);
            let mut losses = Vec::new();
            for _ in 0..150 {
                let tape = Tape::recording(&parameters);
                let loss = model.loss(&tape, &examples(form), &targets, None, 0.0);
                losses.push(loss.value().item());
                gradients.clear();
                tape.backward(&loss, None, &mut gradients);
                drop(loss);
                drop(tape);
                let slope = gradients.slab_mut();
                let norm = slope.iter().map(|g| g * g).sum::<f32>().sqrt();
                let rate = 0.2 / norm.max(1.0);
                parameters.values_mut().iter_mut().zip(slope).for_each(|(p, g)| *p -= rate * *g);
            }
            assert!(losses[149] < 0.05 * losses[0], "{form:?}, {pooling:?}: {} to {}", losses[0], losses[149]);
        }
    }
}

#[test]
fn maps_show_what_each_block_looks_at() {
    let (model, set) = build(&ClassifierConfig { pooling: Pooling::ClassToken, ..tiny(TOKENS) });
    let parameters = Parameters::<f32>::initialise(&set, 1);
    let maps = model.attention_maps(&Tape::inference(&parameters), &examples(TOKENS));
    assert_eq!(maps.len(), 2);
    for map in &maps {
        // The token of the class and six places, of which the second example has four.
        assert_eq!(map.weights().shape()[..], [2, 2, 7, 7]);
        for (row, weights) in map.weights().data().chunks(7).enumerate() {
            assert!((weights.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{row}: {weights:?}");
            let padding = if row < 2 * 7 { 0 } else { 2 };
            assert!(
                weights.iter().enumerate().all(|(key, &a)| (a == 0.0) == (key >= 7 - padding)),
                "{row}: {weights:?}"
            );
        }
    }
}

#[test]
#[should_panic(expected = "which these examples are not")]
fn examples_of_another_form_are_refused() {
    let (model, set) = build(&tiny(TOKENS));
    let parameters = Parameters::<f32>::initialise(&set, 1);
    model.logits(&Tape::inference(&parameters), &examples(SERIES));
}

#[test]
#[should_panic(expected = "an example of 7 places does not fit rows of 1 to 6")]
fn lengths_beyond_the_rows_are_refused() {
    let _ = Examples::tokens(Ids::new([1, 6], vec![0; 6]), vec![7]);
}

/// What running statistics become in a training pass, whatever lies in the padding, and whether blocks are computed twice or not.
#[test]
fn statistics_of_a_batch_know_no_padding() {
    for position in [NormPosition::Pre, NormPosition::Post] {
        let config = ClassifierConfig { norm: NormKind::BatchNorm, norm_position: position, ..tiny(SERIES) };
        let (model, set) = build(&config);
        let parameters = Parameters::<f64>::initialise(&set, 5);
        let observed = |model: &Classifier, padding: f32| {
            let values = Tensor::from_fn([2, 5, 3], |i| if i >= 15 + 9 { padding } else { (i as f32 * 0.7).sin() });
            let tape = Tape::training(&parameters, Randomness { seed: 1, step: 0 });
            let loss = model.loss(&tape, &Examples::series(values, vec![5, 3]), &Ids::new([2], vec![2, 0]), None, 0.0);
            let found: Vec<_> =
                tape.take_observed().into_iter().map(|(id, value)| (id, value.data().to_vec())).collect();
            let mut gradients = parameters.gradients();
            tape.backward(&loss, None, &mut gradients);
            assert!(tape.take_observed().is_empty(), "a second pass through a block is no second step");
            (found, loss.value().item())
        };
        let zeros = observed(&model, 0.0);
        // Two norms a block, and one after the last.
        assert_eq!(zeros.0.len(), 2 * (2 * config.layers + usize::from(position == NormPosition::Pre)));
        assert_eq!(observed(&model, f32::NAN), zeros);
        assert_eq!(observed(&model.clone().recomputing(true), 7.0), zeros);
        let unlike = zeros.0.iter().any(|(id, value)| value[..] != *parameters.tensor(*id).data());
        assert!(unlike, "statistics move");
    }
}
