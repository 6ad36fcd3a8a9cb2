//! Rules by name: what becomes small, and what is refused.

use std::sync::Arc;

use anther_chain::{ChainRule, ChainRules, ChainSpec, FactorRule, Kind, Plan, Survey};
use anther_tensor::layers::{Embedding, Linear};
use anther_tensor::{Factoring, Init, ParamSet, Parameters, Tape, Tensor};

/// A table and two blocks of two layers.
fn build(factoring: Arc<dyn Factoring>) -> (ParamSet, Vec<Linear>) {
    let mut set = ParamSet::new();
    let mut layers = Vec::new();
    let mut root = set.root();
    let mut root = root.factored_by(factoring);
    Embedding::new(&mut root.child("embed"), 40, 24, Init::Normal { std: 1.0 });
    root.child("numbers").param("weight", [7, 5], Init::Zeros);
    for block in 0..2 {
        let mut stack = root.child("layers");
        let mut block = stack.child(block);
        layers.push(Linear::new(&mut block.child("q_proj"), 24, 24, true));
        layers.push(Linear::new(&mut block.child("o_proj"), 24, 24, false));
    }
    (set, layers)
}

/// The layers of it, which has a matrix called weight beside them.
fn layers() -> Vec<(String, [usize; 2])> {
    let survey = Arc::new(Survey::default());
    build(survey.clone());
    survey.layers()
}

fn names(set: &ParamSet) -> Vec<&str> {
    set.specs().iter().map(|spec| spec.name.as_str()).collect()
}

#[test]
fn the_first_rule_that_matches_is_followed() {
    let rules = ChainRules(vec![
        ChainRule { rank: Some(3), ..ChainRule::of("layers.0.q_proj") },
        ChainRule { rank: Some(5), kind: Kind::LowRank, ..ChainRule::of("*.q_proj") },
        ChainRule { ratio: Some(0.3), cores: 3, ..ChainRule::of("embed") },
    ]);
    let plans = rules.check(&layers()).unwrap();
    assert_eq!(
        plans.iter().map(|(name, ..)| name.as_str()).collect::<Vec<_>>(),
        ["embed", "layers.0.q_proj", "layers.1.q_proj"]
    );
    assert_eq!(plans[2].2, Plan::LowRank { shape: [24, 24], rank: 5 });
    assert_eq!(plans[2].2.spec().params(), 5 * 48);
    assert!(plans[0].2.spec().ratio() <= 0.3);

    let (set, layers) = build(Arc::new(rules));
    assert_eq!(
        names(&set),
        [
            "embed.cores.0",
            "embed.cores.1",
            "embed.cores.2",
            "numbers.weight",
            "layers.0.q_proj.cores.0",
            "layers.0.q_proj.cores.1",
            "layers.0.q_proj.bias",
            "layers.0.o_proj.weight",
            "layers.1.q_proj.down",
            "layers.1.q_proj.up",
            "layers.1.q_proj.bias",
            "layers.1.o_proj.weight",
        ]
    );
    // One row and many take different ways to the same numbers.
    let parameters = Parameters::<f64>::initialise(&set, 1);
    let tape = Tape::inference(&parameters);
    let x = Tensor::from_fn([500, 24], |i| (i as f64 * 0.7).sin());
    for layer in &layers {
        let many = layer.forward(&tape.constant(x.clone()));
        let one = layer.forward(&tape.constant(Tensor::from_slice([1, 24], &x.data()[..24])));
        assert!(many.value().data()[..24].iter().zip(one.value().data()).all(|(a, b)| (a - b).abs() < 1e-13));
    }
}

#[test]
fn the_rule_of_the_paper_gives_its_layers() {
    let rule = |ratio| ChainRule { ratio: Some(ratio), factors: FactorRule::Paper, min_rank: 2, ..ChainRule::of("*") };
    let params = |ratio, shape| rule(ratio).plan(shape).unwrap().spec().params();
    assert_eq!(params(0.07, [512, 512]), 17_920);
    assert_eq!(params(0.005, [1365, 512]), 3616);
    assert_eq!(params(0.005, [512, 1365]), 3616);
    // An embedding table is [rows, width].
    assert_eq!(params(0.2, [32_000, 128]), 816_640);
}

#[test]
fn new_weights_have_the_variance_of_dense_ones() {
    for (rule, init) in [
        (ChainRule { rank: Some(16), ..ChainRule::of("q") }, Init::Normal { std: 0.05 }),
        (
            ChainRule { rank: Some(16), kind: Kind::LowRank, ..ChainRule::of("q") },
            Init::Uniform { bound: 0.05 * 3f64.sqrt() },
        ),
    ] {
        let mut squares = 0.0;
        for seed in 0..20 {
            let mut set = ParamSet::new();
            let mut root = set.root();
            let mut root = root.factored_by(Arc::new(ChainRules(vec![rule.clone()])));
            let layer = Linear::with_init(&mut root.child("q"), 64, 64, false, init);
            let parameters = Parameters::<f64>::initialise(&set, seed);
            let tape = Tape::inference(&parameters);
            squares += tape.weight(layer.weight).value().data().iter().map(|x| x * x).sum::<f64>();
        }
        let std = (squares / (20.0 * 4096.0)).sqrt();
        assert!((std / 0.05 - 1.0).abs() < 0.05, "{std}");
    }
}

#[test]
fn a_weight_that_starts_at_zero_does_so_and_can_leave() {
    let mut set = ParamSet::new();
    let mut root = set.root();
    let rules = ChainRules(vec![ChainRule { rank: Some(2), ..ChainRule::of("*") }]);
    let layer = Linear::with_init(&mut root.factored_by(Arc::new(rules)).child("q"), 6, 6, false, Init::Zeros);
    let parameters = Parameters::<f64>::initialise(&set, 0);
    let tape = Tape::recording(&parameters);
    let y = layer.forward(&tape.constant(Tensor::ones([2, 6])));
    assert!(y.value().data().iter().all(|&y| y == 0.0));
    let mut gradients = parameters.gradients();
    tape.backward(&y.sum(), None, &mut gradients);
    assert!(gradients.slab_mut().iter().any(|&g| g != 0.0));
}

#[test]
fn mistakes_are_told_in_a_sentence() {
    let layers = layers();
    let error = |rule: ChainRule| ChainRules(vec![rule]).check(&layers).unwrap_err().to_string();
    let of = ChainRule::of;
    let unmatched = error(ChainRule { rank: Some(1), ..of("*.qproj") });
    assert!(
        unmatched.starts_with("no layer matches *.qproj; near it are layers.0.q_proj, layers.1.q_proj"),
        "{unmatched}"
    );
    let spec = |inputs: &[usize], ranks: &[usize]| ChainSpec {
        inputs: inputs.to_vec(),
        outputs: vec![4, 6],
        ranks: ranks.to_vec(),
    };
    for (rule, word) in [
        (of("*"), "exactly one of ratio, rank and spec"),
        (ChainRule { rank: Some(1), ratio: Some(0.1), ..of("*") }, "exactly one of ratio, rank and spec"),
        (ChainRule { rank: Some(0), ..of("*") }, "rank of 0"),
        (ChainRule { ratio: Some(1.5), ..of("*") }, "1.5 is no share"),
        (ChainRule { rank: Some(2), cores: 0, ..of("*") }, "cannot be split into 0 factors"),
        (ChainRule { rank: Some(2), cores: 4, factors: FactorRule::Paper, ..of("*") }, "two and three cores"),
        (ChainRule { spec: Some(spec(&[4, 6], &[2, 2])), ..of("*") }, "do not belong together"),
        (ChainRule { spec: Some(spec(&[4, 5], &[2])), ..of("*") }, "does not fit a chain of [out = 24, in = 20]"),
        (ChainRule { spec: Some(spec(&[4, 6], &[2])), kind: Kind::LowRank, ..of("*q_proj") }, "low rank has no legs"),
    ] {
        let message = error(rule);
        assert!(message.contains(word) && message.starts_with("the chain rule for *"), "{message}");
    }
}

#[test]
fn parameters_that_are_no_weights_of_layers_are_no_matter_of_rules() {
    let paper =
        |glob| ChainRules(vec![ChainRule { ratio: Some(0.3), factors: FactorRule::Paper, ..ChainRule::of(glob) }]);
    // The numbers have primes of rows and columns, which that rule cannot split.
    let plans = paper("*").check(&layers()).unwrap();
    assert_eq!(plans.len(), 5);
    assert!(plans.iter().all(|(name, ..)| name != "numbers"));
    let (set, _) = build(Arc::new(paper("*")));
    assert!(names(&set).contains(&"numbers.weight"));
    assert!(paper("numbers").check(&layers()).unwrap_err().to_string().starts_with("no layer matches numbers"));
}

#[test]
fn rules_are_read_as_written() {
    let text = r#"[
        {"layers": ["*.q_proj", "*.k_proj"], "ratio": 0.07, "factors": "paper", "min_rank": 2},
        {"layers": ["embed"], "rank": 16, "cores": 3},
        {"layers": ["lm_head"], "spec": {"inputs": [4, 6], "outputs": [6, 4], "ranks": [5]}, "kind": "chain"},
        {"layers": ["*.up"], "rank": 4, "kind": "low-rank"}
    ]"#;
    let rules: ChainRules = serde_json::from_str(text).unwrap();
    assert_eq!((rules.0[0].cores, rules.0[0].factors, rules.0[3].kind), (2, FactorRule::Paper, Kind::LowRank));
    let again: ChainRules = serde_json::from_str(&serde_json::to_string(&rules).unwrap()).unwrap();
    assert_eq!(rules, again);
    assert!(serde_json::from_str::<ChainRules>(r#"[{"layers": ["a"], "rnk": 3}]"#).is_err());
}
