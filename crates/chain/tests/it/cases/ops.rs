//! The ops on cores go through every check of the registry: one to five cores, primes, bonds of 1, no rows at all.

use anther_chain::{ChainSpec, Order, chain_apply, chain_dense, chain_rows};
use anther_tensor::Ids;
use anther_testkit::{Case, Input, case, check_all, normal, uniform};

/// Labels and chains: input legs, output legs, bonds.
fn specs() -> Vec<(&'static str, ChainSpec)> {
    let spec = |inputs: &[usize], outputs: &[usize], ranks: &[usize]| ChainSpec {
        inputs: inputs.to_vec(),
        outputs: outputs.to_vec(),
        ranks: ranks.to_vec(),
    };
    vec![
        ("one core", spec(&[5], &[3], &[])),
        ("two cores", spec(&[2, 3], &[3, 2], &[4])),
        ("two cores, bond 1", spec(&[3, 2], &[2, 5], &[1])),
        ("primes", spec(&[1, 7], &[5, 1], &[3])),
        ("three cores", spec(&[2, 3, 2], &[3, 1, 2], &[2, 3])),
        ("four cores", spec(&[2, 1, 2, 3], &[1, 2, 2, 2], &[2, 3, 2])),
        ("five cores", spec(&[2, 1, 2, 1, 2], &[1, 2, 1, 2, 2], &[2, 2, 3, 2])),
        ("ones", spec(&[1, 1], &[1, 1], &[1])),
    ]
}

/// One that several threads share.
fn big() -> ChainSpec {
    ChainSpec { inputs: vec![12, 20], outputs: vec![24, 16], ranks: vec![17] }
}

fn cores(spec: &ChainSpec) -> Vec<Input> {
    spec.core_shapes().map(normal).collect()
}

#[test]
fn dense_weights() {
    let case = |(label, spec): (&str, ChainSpec)| -> Case {
        let inputs = cores(&spec);
        case!("chain_dense", label, inputs, (spec: ChainSpec), |x| chain_dense(spec, &x.iter().collect::<Vec<_>>()))
    };
    let large = case(("above the thread threshold", big())).big();
    check_all(&specs().into_iter().map(case).chain([large]).collect::<Vec<_>>());
}

#[test]
fn products_without_the_weight() {
    let case = |label: String, spec: ChainSpec, order: Order, rows: &[usize]| -> Case {
        let mut shape = rows.to_vec();
        shape.push(spec.shape()[1]);
        let mut inputs = vec![normal(&shape[..])];
        inputs.extend(cores(&spec));
        case!("chain_apply", label, inputs, (spec: ChainSpec, order: Order), |x| {
            chain_apply(spec, *order, &x[0], &x[1..].iter().collect::<Vec<_>>())
        })
    };
    let mut cases = Vec::new();
    for order in [Order::FirstToLast, Order::LastToFirst] {
        for (label, spec) in specs() {
            cases.push(case(format!("{label}, {order:?}"), spec, order, &[3]));
        }
        let two = &specs()[1].1;
        cases.push(case(format!("no rows, {order:?}"), two.clone(), order, &[0]));
        cases.push(case(format!("batches, {order:?}"), two.clone(), order, &[2, 2]));
        cases.push(case(format!("one row, {order:?}"), two.clone(), order, &[]));
        cases.push(case(format!("above the thread threshold, {order:?}"), big(), order, &[40]).big());
    }
    check_all(&cases);
}

#[test]
fn rows_by_number() {
    let case = |label: String, spec: ChainSpec, ids: Ids| -> Case {
        let inputs: Vec<Input> = spec.core_shapes().map(|shape| uniform(shape, -1.0, 1.0)).collect();
        case!("chain_rows", label, inputs, (spec: ChainSpec, ids: Ids = ids.clone()), |x| {
            chain_rows(spec, ids, &x.iter().collect::<Vec<_>>())
        })
    };
    let mut cases = Vec::new();
    for (label, spec) in specs() {
        let rows = spec.shape()[0] as u32;
        // Every row, some twice: the cores are turned. Two rows: they are read as they are.
        let all = (0..rows + 3).map(|i| i * 5 % rows).collect::<Vec<_>>();
        cases.push(case(format!("{label}, all rows"), spec.clone(), Ids::new([all.len()], all)));
        cases.push(case(format!("{label}, few rows"), spec, Ids::new([2, 1], vec![rows - 1, 0])));
    }
    let two = specs()[1].1.clone();
    cases.push(case("no ids".to_owned(), two, Ids::new([0], vec![])));
    let ids: Vec<u32> = (0..3000).map(|i| i * i % 384).collect();
    cases.push(case("several blocks".to_owned(), big(), Ids::new([3000], ids)).big());
    check_all(&cases);
}
