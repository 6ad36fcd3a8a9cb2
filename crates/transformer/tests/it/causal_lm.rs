//! Every kind of causal language model goes through every check of the registry, and learns.

use anther_attention::{AttentionConfig, Position, Weighing};
use anther_chain::{ChainRule, ChainRules, FactorRule};
use anther_tensor::{Ids, ParamSet, Parameters, Tape, Tensor};
use anther_testkit::{Case, check_all, function};
use anther_transformer::{Activation, CausalLm, CausalLmConfig, EmbeddingKind, NormKind, NormPosition};

fn tiny() -> CausalLmConfig {
    CausalLmConfig { vocab_size: 5, layers: 2, heads: 2, width: 8, context: 6, ..CausalLmConfig::default() }
}

fn expressive() -> AttentionConfig {
    AttentionConfig { weighing: Weighing::Expressive, eps: 1e-3, ..AttentionConfig::default() }
}

fn ids(batch: usize, length: usize, vocabulary: u32) -> Ids {
    let total = (batch * length) as u32;
    Ids::new([batch, length], (0..total).map(|i| (i * 7 + i / 3) % vocabulary).collect())
}

/// The loss of a model as a case: no inputs, only parameters.
fn model(label: &str, config: CausalLmConfig) -> Case {
    let softmax = config.attention.weighing == Weighing::Softmax && config.attention.position != Position::Rotary;
    let layers = config.layers;
    let biased = config.attention.bias;
    let mut case = Case::module("causal language model", label, vec![], |scope| {
        let model = CausalLm::new(scope, &config).unwrap();
        let (inputs, targets) = (ids(2, 6, 5), ids(2, 6, 4));
        function!((model: CausalLm, inputs: Ids, targets: Ids), |_x, tape| {
            model.loss(tape, inputs, targets, None, 0.1)
        })
    });
    if softmax && biased {
        // A key bias shifts all scores of a query alike, and softmax cancels it.
        for layer in 0..layers {
            case = case.zero_gradient(&format!("model.layers.{layer}.self_attn.k_proj.bias"));
        }
    }
    case
}

#[test]
fn every_kind_of_model() {
    let mut cases = Vec::new();
    for (name, attention) in [("dot", AttentionConfig::default()), ("expressive", expressive())] {
        let base = CausalLmConfig { attention, ..tiny() };
        let with = |change: &dyn Fn(&mut CausalLmConfig)| {
            let mut config = base.clone();
            change(&mut config);
            config
        };
        let mut add = |label: &str, config| cases.push(model(&format!("{name}, {label}"), config));
        add("pre-norm", base.clone());
        add("post-norm", with(&|c| c.norm_position = NormPosition::Post));
        add("rms norm", with(&|c| c.norm = NormKind::RmsNorm));
        add("rms norm without scale", with(&|c| (c.norm, c.norm_affine) = (NormKind::RmsNorm, false)));
        add("layer norm without affine", with(&|c| c.norm_affine = false));
        add("tied", with(&|c| c.tied = true));
        add("relu", with(&|c| c.activation = Activation::Relu));
        add("gelu tanh", with(&|c| c.activation = Activation::GeluTanh));
        add("swiglu without biases", with(&|c| (c.activation, c.bias) = (Activation::Swiglu, false)));
        add("alibi", with(&|c| c.attention.position = Position::Alibi));
        add("rotary", with(&|c| c.attention.position = Position::Rotary));
        add("sinusoidal", with(&|c| c.attention.position = Position::Sinusoidal));
        add("no positions", with(&|c| c.attention.position = Position::None));
        add("window", with(&|c| c.attention.window = Some(2)));
        cases.push(
            model(&format!("{name}, dropout"), with(&|c| (c.dropout, c.attention.dropout) = (0.2, 0.3))).training(),
        );
    }
    check_all(&cases);
}

#[test]
fn a_fixed_embedding_is_no_parameter() {
    let config = CausalLmConfig { embedding: EmbeddingKind::Fixed, ..tiny() };
    let one_hot = Tensor::from_fn([5, 8], |i| if i / 8 == i % 8 { 1.0 } else { 0.0 });
    let mut set = ParamSet::new();
    let model = CausalLm::with_fixed_embedding(&mut set.root(), &config, one_hot).unwrap();
    assert!(set.specs().iter().all(|spec| !spec.name.contains("embed_tokens")));
    let parameters = Parameters::<f32>::initialise(&set, 1);
    let tape = Tape::inference(&parameters);
    assert_eq!(*model.logits(&tape, &ids(1, 3, 5)).shape(), [1, 3, 5]);
}

#[test]
fn a_table_and_a_configuration_must_agree() {
    let fixed = CausalLmConfig { embedding: EmbeddingKind::Fixed, ..tiny() };
    let refusal = |config: &CausalLmConfig, table: Option<Tensor<f64>>| {
        let mut set = ParamSet::new();
        match table {
            Some(table) => CausalLm::with_fixed_embedding(&mut set.root(), config, table),
            None => CausalLm::new(&mut set.root(), config),
        }
        .unwrap_err()
        .to_string()
    };
    assert!(refusal(&fixed, None).contains("needs a table"));
    assert!(refusal(&tiny(), Some(Tensor::zeros([5, 8]))).contains("needs embedding = \"fixed\""));
    assert!(refusal(&fixed, Some(Tensor::zeros([4, 8]))).contains("does not hold 5 tokens of width 8"));
}

#[test]
fn an_untrained_tied_model_starts_near_the_uniform_loss() {
    let config = CausalLmConfig { vocab_size: 50, tied: true, init_std: Some(0.02), ..tiny() };
    let mut set = ParamSet::new();
    let model = CausalLm::new(&mut set.root(), &config).unwrap();
    let parameters = Parameters::<f32>::initialise(&set, 1);
    let tape = Tape::inference(&parameters);
    let loss = model.loss(&tape, &ids(2, 6, 50), &ids(2, 6, 49), None, 0.0).value().item();
    assert!((loss - 50f32.ln()).abs() < 0.1, "{loss} is not near ln 50");
}

#[test]
fn the_future_does_not_change_the_past() {
    for attention in [AttentionConfig::default(), expressive()] {
        let config = CausalLmConfig { attention, ..tiny() };
        let mut set = ParamSet::new();
        let model = CausalLm::new(&mut set.root(), &config).unwrap();
        let parameters = Parameters::<f32>::initialise(&set, 1);
        let tape = Tape::inference(&parameters);
        let logits = |last: u32| model.logits(&tape, &Ids::new([1, 4], vec![1, 2, 3, last])).value().data().to_vec();
        let (a, b) = (logits(0), logits(4));
        assert_eq!(a[..3 * 5], b[..3 * 5]);
        assert_ne!(a[3 * 5..], b[3 * 5..]);
    }
}

#[test]
fn one_batch_can_be_learned_by_heart() {
    for attention in [AttentionConfig::default(), expressive()] {
        let config = CausalLmConfig { attention, ..tiny() };
        let mut set = ParamSet::new();
        let model = CausalLm::new(&mut set.root(), &config).unwrap();
        let mut parameters = Parameters::<f32>::initialise(&set, 1);
        let mut gradients = parameters.gradients();
        let (inputs, targets) = (ids(2, 6, 5), ids(2, 6, 4));
        let (mut first, mut last) = (f32::NAN, f32::NAN);
        for step in 0..200 {
            let tape = Tape::recording(&parameters);
            let loss = model.loss(&tape, &inputs, &targets, None, 0.0);
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

/// The numbers of relative positions are no weight of a layer: no rule is for them, and none fails because of them.
#[test]
fn rules_of_chains_are_for_weights() {
    let build = |glob: &str| {
        let rule = ChainRule { ratio: Some(0.9), factors: FactorRule::Paper, ..ChainRule::of(glob) };
        let attention = AttentionConfig { position: Position::Relative, ..AttentionConfig::default() };
        let config = CausalLmConfig { vocab_size: 6, attention, chains: ChainRules(vec![rule]), ..tiny() };
        let mut set = ParamSet::new();
        CausalLm::new(&mut set.root(), &config).map(|_| set).map_err(|error| error.to_string())
    };
    // Two heads are a prime number of columns, which the rule could not split.
    let set = build("*").unwrap();
    let name = "model.layers.0.self_attn.relative_attention_bias.weight";
    assert!(set.specs().iter().any(|spec| spec.name == name));
    assert!(set.specs().iter().any(|spec| spec.name == "model.layers.0.self_attn.q_proj.cores.0"));
    let refused = build("*.relative_attention_bias").unwrap_err();
    assert!(refused.starts_with("model.chains: no layer matches *.relative_attention_bias"), "{refused}");
}
