//! Layers with weights made of cores go through every check of the registry.

use std::sync::Arc;

use anther_chain::layers::{CausalConv1d, HSoftPos, HSoftPosConfig, SoftPos};
use anther_chain::{ChainRule, ChainRules, ChainSpec, Kind};
use anther_tensor::layers::{Embedding, Linear};
use anther_tensor::{Ids, Init, Scope};
use anther_testkit::{Case, check_all, function, normal};

fn rules(rule: ChainRule) -> Arc<ChainRules> {
    Arc::new(ChainRules(vec![rule]))
}

/// Every layer of the scope with a weight of rank 2: as a chain of so many cores, or of low rank.
fn all(cores: usize) -> Arc<ChainRules> {
    let kind = if cores == 0 { Kind::LowRank } else { Kind::Chain };
    rules(ChainRule { rank: Some(2), cores: cores.max(1), kind, ..ChainRule::of("*") })
}

#[test]
fn linear_layers() {
    let mut cases = Vec::new();
    for cores in 0..=5 {
        // Few rows contract, many make the weight.
        for rows in [0, 1, 40] {
            let label = format!("{cores} cores, {rows} rows");
            cases.push(Case::module("linear of cores", label, vec![normal([rows, 12])], |scope| {
                let layer = Linear::new(&mut scope.factored_by(all(cores)).child("layer"), 12, 10, true);
                function!((layer: Linear), |x| layer.forward(&x[0]))
            }));
        }
    }
    // The parameters of a layer without rows have no gradient to compare.
    cases.retain(|case| !case.label().ends_with(" 0 rows"));
    let spec = ChainSpec { inputs: vec![1, 7], outputs: vec![5, 1], ranks: vec![2] };
    cases.push(Case::module("linear of cores", "primes", vec![normal([3, 7])], |scope| {
        let rules = rules(ChainRule { spec: Some(spec), ..ChainRule::of("layer") });
        let layer = Linear::new(&mut scope.factored_by(rules).child("layer"), 7, 5, false);
        function!((layer: Linear), |x| layer.forward(&x[0]))
    }));
    check_all(&cases);
}

#[test]
fn embeddings() {
    let case = |cores: usize| {
        Case::module("embedding of cores", format!("{cores} cores"), vec![], |scope| {
            let layer =
                Embedding::new(&mut scope.factored_by(all(cores)).child("table"), 12, 6, Init::Normal { std: 0.5 });
            let ids = Ids::new([2, 4], vec![3, 0, 11, 3, 5, 7, 1, 9]);
            function!((layer: Embedding, ids: Ids), |_x, tape| layer.forward(tape, ids))
        })
    };
    check_all(&(0..=4).map(case).collect::<Vec<_>>());
}

#[test]
fn convolutions() {
    let case = |label: &str, taps: usize, dilation: usize, cores: Option<usize>| {
        Case::module("causal_conv", label, vec![normal([2, 7, 4])], |scope| {
            let build = |scope: &mut Scope<'_>| CausalConv1d::new(scope, 4, 3, taps, dilation);
            let layer = match cores {
                None => build(&mut scope.child("conv")),
                Some(cores) => build(&mut scope.factored_by(all(cores)).child("conv")),
            };
            function!((layer: CausalConv1d), |x| layer.forward(&x[0]))
        })
    };
    check_all(&[
        case("three taps", 3, 1, None),
        case("dilated", 3, 2, None),
        case("further back than the sequence", 2, 9, None),
        case("one tap", 1, 1, None),
        case("two cores", 3, 2, Some(2)),
        case("three cores", 3, 1, Some(3)),
    ]);
}

#[test]
fn soft_pos() {
    let case = |label: &str, shape: &[usize], classes: usize| {
        Case::module("soft_pos", label, vec![normal(shape)], |scope| {
            let layer = SoftPos::new(&mut scope.child("soft_pos"), classes, 3);
            function!((layer: SoftPos), |x| layer.forward(&x[0]))
        })
    };
    check_all(&[
        case("some channels are logits", &[2, 3, 6], 4),
        case("all channels are logits", &[5, 4], 4),
        case("two classes", &[1, 5], 2),
        case("one token", &[1, 1, 7], 3),
        case("wide", &[2, 2, 2, 5], 5),
    ]);
}

#[test]
fn h_soft_pos() {
    let case = |levels: usize, width: usize, tokens: usize, cores: usize| {
        let label = format!("{levels} levels, width {width}, {tokens} tokens, {cores} cores");
        Case::module("h_soft_pos", label, vec![], |scope| {
            let config = HSoftPosConfig { vocabulary: 6, width, levels };
            let layer = match cores {
                0 => HSoftPos::new(&mut scope.child("embed"), &config),
                cores => HSoftPos::new(&mut scope.factored_by(all(cores)).child("embed"), &config),
            };
            let ids = Ids::new([2, tokens], (0..2 * tokens as u32).map(|i| (i * i + i / 3) % 6).collect());
            function!((layer: HSoftPos = layer.unwrap(), ids: Ids), |_x, tape| layer.forward(tape, ids, 3))
        })
    };
    check_all(&[
        case(1, 8, 4, 0),
        case(2, 12, 6, 0),
        case(2, 13, 6, 0),
        case(3, 20, 9, 0),
        case(4, 26, 12, 0),
        case(2, 16, 6, 2),
    ]);
}
