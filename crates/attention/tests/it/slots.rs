//! Every slot, alone and combined, goes through every check of the registry: gradients of inputs and parameters, levels, threads.

use anther_attention::{
    After, AttentionConfig, AttentionContext, BatchNormConfig, CentredConfig, Condition, ConvolutionConfig, GateConfig,
    GateForm, GateOrder, LinearConfig, Mask, MlpActivation, MlpConfig, MultiHeadAttention, NeuralConfig, PoolingConfig,
    Position, Project, QkNormConfig, Role, ScoreActivation, ScoreConfig, SparseConfig, Weighing,
};
use anther_tensor::RandomKey;
use anther_testkit::{Case, check_all, function, normal};

const WIDTH: usize = 8;
const HEADS: usize = 4;

fn masks() -> [(&'static str, Mask); 5] {
    [
        ("full", Mask::full()),
        ("causal", Mask::causal()),
        ("padded", Mask::causal().padded(vec![5, 2])),
        ("window", Mask::causal().within(2)),
        ("padded, both ways", Mask::full().padded(vec![5, 2])),
    ]
}

/// Whether the mechanism has a form under a mask of that name.
fn has_form(config: &AttentionConfig, mask: &str) -> bool {
    match mask {
        "full" | "padded, both ways" => true,
        "window" => AttentionConfig { window: Some(2), ..config.clone() }.validate(WIDTH, HEADS).is_ok(),
        _ => config.validate_causal().is_ok(),
    }
}

fn layer(label: &str, config: AttentionConfig, mask: Mask, batch: usize, length: usize) -> Case {
    Case::module("attention slots", label, vec![normal([batch, length, WIDTH])], |scope| {
        let layer = MultiHeadAttention::new(scope, &config, WIDTH, HEADS).unwrap();
        function!((layer: MultiHeadAttention, config: AttentionConfig, mask: Mask), |x| {
            let (batch, length) = (x[0].shape()[0], x[0].shape()[1]);
            let context = AttentionContext::new(config, mask, batch, length, 0, HEADS, WIDTH / HEADS);
            layer.forward(&x[0], &context)
        })
    })
}

/// The biases whose gradient is 0: under softmax what shifts all scores of a query alike, unless rotation, a norm or the statistics of
/// Attention-BN see it, and under centring what is added to all values alike.
fn cancelled(config: &AttentionConfig) -> Vec<&'static str> {
    let mut names = Vec::new();
    let softmax = config.weighing == Weighing::Softmax && !config.sinks;
    if softmax && matches!(config.score, ScoreConfig::Neural(_)) {
        names.push("score.out.bias");
    }
    let dot = config.score == ScoreConfig::default();
    let pools_at_most = config.condition.iter().all(|condition| matches!(condition, Condition::Pooling(_)));
    if softmax && dot && config.position != Position::Rotary && pools_at_most {
        names.extend(match &config.project {
            Project::Mlp(mlp) if mlp.maps.contains(&Role::Key) => {
                Some(if mlp.norm { "k_proj.3.bias" } else { "k_proj.2.bias" })
            }
            Project::Linear(_) | Project::Mlp(_) => Some("k_proj.bias"),
            Project::Gate(GateConfig { order: GateOrder::VgQ | GateOrder::QgV, .. }) => Some("k_proj.bias"),
            Project::Gate(GateConfig { order: GateOrder::VgK | GateOrder::QgK, form: GateForm::Raw }) => {
                Some("k_proj.bias")
            }
            Project::Gate(_) => None,
        });
    }
    // Other weights sum to a little less than 1.
    if config.weighing == Weighing::Softmax && config.after == After::Centred(CentredConfig::default()) {
        names.push("v_proj.bias");
    }
    names
}

fn zeroed(case: Case, config: &AttentionConfig) -> Case {
    cancelled(config).into_iter().fold(case, Case::zero_gradient)
}

fn check_on_all_masks(configs: impl IntoIterator<Item = (String, AttentionConfig)>) {
    let mut cases = Vec::new();
    for (name, config) in configs {
        for (mask_name, mask) in masks().into_iter().filter(|(name, _)| has_form(&config, name)) {
            let case = layer(&format!("{name}, {mask_name}"), config.clone(), mask, 2, 5);
            cases.push(zeroed(case, &config));
        }
    }
    check_all(&cases);
}

#[test]
fn every_preset() {
    let presets = AttentionConfig::preset_names().map(|name| (name.to_owned(), AttentionConfig::preset(name).unwrap()));
    check_on_all_masks(presets);
}

#[test]
fn presets_that_combine() {
    let names = [
        "kgv+expressive",
        "kgv+bn-learned+centred",
        "mlp-qkv-roberta+qk-norm+output-gate",
        "multi-query+qk-norm+bn",
        "linear+kgv+qk-norm+centred",
        "linear+bn-learned+conv",
        "sh+linear+bn",
        "sh+kgv+qk-norm+centred",
        "bn-sh+conv+output-gate",
        "sh+cosine+sinks",
        "sh+neural+sigmoid",
    ];
    check_on_all_masks(names.map(|name| {
        let config = AttentionConfig::preset(name).unwrap();
        (name.to_owned(), AttentionConfig { position: Position::Rotary, ..config })
    }));
}

#[test]
fn sparse_blocks() {
    let mut configs = Vec::new();
    for name in ["dot", "expressive+kgv", "neural", "sigmoid+sinks", "multi-query+cosine+sinks"] {
        for sparse in [SparseConfig { block: 2, local: 0, global: 1 }, SparseConfig { block: 1, local: 1, global: 0 }] {
            let Ok(config) = AttentionConfig::preset(name) else { unreachable!("{name} is made of presets") };
            let config = AttentionConfig { sparse: Some(sparse), position: Position::Relative, ..config };
            if config.validate(WIDTH, HEADS).is_ok() {
                configs.push((format!("{name}, {sparse:?}"), config));
            }
        }
    }
    assert_eq!(configs.len(), 8, "a sigmoid has no sinks");
    check_on_all_masks(configs);
}

#[test]
fn every_order_and_form_of_the_gate() {
    let mut configs = Vec::new();
    for order in GateOrder::ALL {
        for form in [GateForm::Raw, GateForm::Projected] {
            let project = Project::Gate(GateConfig { order, form });
            configs.push((format!("{order:?} {form:?}"), AttentionConfig { project, ..AttentionConfig::default() }));
        }
    }
    check_on_all_masks(configs);
}

#[test]
fn other_settings() {
    let with = |project: Project| AttentionConfig { project, ..AttentionConfig::default() };
    let mlp = |change: fn(&mut MlpConfig)| {
        let mut config = MlpConfig::roberta();
        change(&mut config);
        config
    };
    let bn = |bn: BatchNormConfig| AttentionConfig {
        condition: vec![Condition::BatchNorm(bn)],
        ..AttentionConfig::default()
    };
    let scaled = BatchNormConfig { scale: true, learned: true, beta: 0.5, eps: 0.1 };
    let centred = After::Centred(CentredConfig { gain: 0.5, learned: true });
    let pooled = |scales: &[usize], config: AttentionConfig| {
        let condition =
            [vec![Condition::Pooling(PoolingConfig { scales: scales.to_vec() })], config.condition].concat();
        AttentionConfig { condition, ..config }
    };
    let each_head = pooled(&[1, 3, 2, 2], AttentionConfig { after: centred.clone(), ..bn(scaled.clone()) });
    let expressive = AttentionConfig { weighing: Weighing::Expressive, eps: 1e-2, ..AttentionConfig::default() };
    let dropped = AttentionConfig { dropout: 0.4, bias: false, ..AttentionConfig::default() };
    let grouped = with(Project::Linear(LinearConfig { kv_heads: Some(2) }));
    let big = AttentionConfig::preset("kgv+bn+centred").unwrap();
    let gelu = with(Project::Mlp(mlp(|c| (c.activation, c.hidden) = (MlpActivation::Gelu, Some(5)))));
    let linear = AttentionConfig { weighing: Weighing::Linear, ..bn(scaled.clone()) };
    check_all(&[
        layer("a scale for each head", each_head.clone(), Mask::causal(), 2, 7),
        layer("a scale for each head, full", each_head.clone(), Mask::full(), 2, 7),
        layer("a scale for each head, padded", each_head, Mask::full().padded(vec![4, 7]), 2, 7),
        layer("pooled squares", pooled(&[2, 3], expressive), Mask::causal().padded(vec![6, 3]), 2, 6),
        layer("pooled dropout", pooled(&[1, 2], dropped), Mask::causal(), 2, 6).training(),
        layer("no token to pool", pooled(&[1, 2], AttentionConfig::default()), Mask::full().padded(vec![0, 5]), 2, 5)
            .zero_gradient("k_proj.bias"),
        layer("scaled Linear-BN", linear.clone(), Mask::full(), 2, 5),
        layer("scaled Linear-BN, padded", linear, Mask::full().padded(vec![3, 5]), 2, 5),
        layer("grouped heads", grouped.clone(), Mask::causal(), 2, 4).zero_gradient("k_proj.bias"),
        layer("GELU, own width", gelu, Mask::causal(), 1, 4).zero_gradient("k_proj.2.bias"),
        layer("no biases", AttentionConfig { bias: false, ..with(Project::Mlp(mlp(|_| ()))) }, Mask::full(), 1, 3),
        layer("scaled BN", bn(scaled.clone()), Mask::full(), 2, 5),
        layer("scaled BN, padded", bn(scaled), Mask::full().padded(vec![3, 5]), 2, 5),
        layer("learned centring", AttentionConfig { after: centred, ..grouped }, Mask::causal(), 2, 5)
            .zero_gradient("k_proj.bias"),
        zeroed(layer("above the thread threshold", big.clone(), Mask::causal(), 4, 65).big(), &big),
    ]);
}

/// Two linear layers without anything between them: no gradient is zero that the network would have, but two biases cancel.
#[test]
fn the_control_without_activation() {
    let mlp = MlpConfig { activation: MlpActivation::None, ..MlpConfig::roberta() };
    let config = AttentionConfig { project: Project::Mlp(mlp), ..AttentionConfig::default() };
    let case = layer("linear twice", config, Mask::causal(), 2, 4);
    check_all(&[case.zero_gradient("k_proj.0.bias").zero_gradient("k_proj.1.bias")]);
}

/// One of the choices, from a fixed seed.
fn pick<T: Clone>(key: RandomKey, at: &mut u64, choices: &[T]) -> T {
    *at += 1;
    choices[(key.uniform(*at) * choices.len() as f64) as usize].clone()
}

/// A combination of slots that no list has thought of, if it is legal.
fn random_config(number: u64) -> Option<AttentionConfig> {
    let (key, mut at) = (RandomKey::new(11, number, 0), 0);
    let maps = [vec![Role::Query], vec![Role::Key, Role::Output], vec![Role::Value, Role::Query, Role::Key]];
    let mlp = MlpConfig {
        maps: pick(key, &mut at, &maps),
        norm: pick(key, &mut at, &[true, false]),
        hidden: pick(key, &mut at, &[None, Some(6)]),
        activation: pick(key, &mut at, &[MlpActivation::Relu, MlpActivation::Gelu]),
    };
    let gate = GateConfig {
        order: pick(key, &mut at, &GateOrder::ALL),
        form: pick(key, &mut at, &[GateForm::Raw, GateForm::Projected]),
    };
    let linear = LinearConfig { kv_heads: pick(key, &mut at, &[None, Some(1), Some(2)]) };
    let bn = BatchNormConfig {
        beta: 0.7,
        learned: pick(key, &mut at, &[true, false]),
        scale: pick(key, &mut at, &[true, false]),
        eps: 0.5,
    };
    let conv = Condition::Convolution(ConvolutionConfig { taps: pick(key, &mut at, &[2, 3, 6]) });
    let pool =
        Condition::Pooling(PoolingConfig { scales: pick(key, &mut at, &[vec![2], vec![1, 3], vec![1, 2, 2, 4]]) });
    let (norm, bn) = (Condition::QkNorm(QkNormConfig::default()), Condition::BatchNorm(bn));
    // tanh has no kinks for finite differences to meet.
    let neural = ScoreConfig::Neural(NeuralConfig {
        width: pick(key, &mut at, &[2, 5]),
        second_layer: pick(key, &mut at, &[false, true]),
        activation: ScoreActivation::Tanh,
        bias_init: None,
    });
    let centred = CentredConfig { gain: 0.6, learned: pick(key, &mut at, &[true, false]) };
    let config = AttentionConfig {
        project: pick(key, &mut at, &[Project::Linear(linear), Project::Mlp(mlp), Project::Gate(gate)]),
        condition: pick(
            key,
            &mut at,
            &[
                vec![],
                vec![pool.clone()],
                vec![pool, bn.clone()],
                vec![norm.clone()],
                vec![bn.clone()],
                vec![bn, conv.clone(), norm],
                vec![conv],
            ],
        ),
        after: pick(key, &mut at, &[After::None {}, After::OutputGate {}, After::Centred(centred)]),
        weighing: pick(
            key,
            &mut at,
            &[Weighing::Softmax, Weighing::Softmax, Weighing::Expressive, Weighing::Sigmoid, Weighing::Linear],
        ),
        score: pick(
            key,
            &mut at,
            &[ScoreConfig::default(), neural, ScoreConfig::Distance {}, ScoreConfig::SquaredDot {}],
        ),
        sinks: pick(key, &mut at, &[false, true]),
        position: pick(key, &mut at, &[Position::None, Position::Alibi, Position::Rotary, Position::Relative]),
        window: pick(key, &mut at, &[None, None, Some(3)]),
        // Expressive weights of small scores have steep gradients, which f32 cannot follow far.
        eps: 1e-2,
        ..AttentionConfig::default()
    };
    config.validate(WIDTH, HEADS).is_ok().then_some(config)
}

#[test]
fn random_combinations() {
    let configs = (0..).filter_map(random_config).take(60).enumerate();
    let cases = configs.map(|(i, config)| {
        let choices: Vec<_> = masks().into_iter().filter(|(name, _)| has_form(&config, name)).collect();
        let (name, mask) = choices[i % choices.len()].clone();
        zeroed(layer(&format!("{name} {config:?}"), config.clone(), mask, 2, 5), &config)
    });
    check_all(&cases.collect::<Vec<_>>());
}
