//! Forward and gradients equal those of an independent numpy program, to 1e-10 in `f64` and 1e-4 in `f32`.

use anther_chain::layers::{HSoftPos, HSoftPosConfig};
use anther_chain::{ChainSpec, Order, Truncation, chain_apply, chain_dense, chain_rows, decompose};
use anther_tensor::{Element, Ids, ParamSet, Parameters, Tape, Tensor, Var};
use anther_testkit::{Golden, GoldenCase, assert_close};

fn golden(file: &str) -> Golden {
    Golden::read(format!("{}/tests/golden/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn compare<T: Element>(case: &GoldenCase, name: &str, got: &[T]) {
    let tolerance = if T::NAME == "f64" { 1e-10 } else { 1e-4 };
    let expected = &case.array(name).data;
    let got: Vec<f64> = got.iter().map(|x| x.to_f64()).collect();
    let largest = expected.iter().fold(1.0f64, |m, x| m.max(x.abs()));
    assert_close(&format!("{}: {name}", case.name), &got, expected, tolerance, tolerance * largest);
}

fn integers(case: &GoldenCase, name: &str) -> Vec<usize> {
    case.array(name).data.iter().map(|&x| x as usize).collect()
}

fn ids(case: &GoldenCase) -> Ids {
    Ids::new(&case.array("ids").shape[..], integers(case, "ids").into_iter().map(|id| id as u32).collect())
}

fn spec(case: &GoldenCase) -> ChainSpec {
    let [inputs, outputs, ranks] = ["inputs", "outputs", "ranks"].map(|name| integers(case, name));
    ChainSpec { inputs, outputs, ranks }
}

/// What is done with the cores.
#[derive(Clone, Copy)]
enum Use {
    Contract(Order),
    Reconstruct,
    Rows,
}

fn ops<T: Element>(case: &GoldenCase, way: Use) {
    let spec = spec(case);
    let parameters = Parameters::<T>::empty();
    let tape = Tape::recording(&parameters);
    let cores: Vec<Var<'_, T>> = (0..spec.cores()).map(|k| tape.input(case.tensor(&format!("core{k}")))).collect();
    let (cores_in_use, x) = (cores.iter().collect::<Vec<_>>(), tape.input(case.tensor("x")));
    let (y, [output, cotangent, gradient]) = match way {
        Use::Contract(order) => (chain_apply(&spec, order, &x, &cores_in_use), ["y", "dy", "dcore"]),
        Use::Reconstruct => {
            let weight = chain_dense(&spec, &cores_in_use);
            compare(case, "weight", weight.value().data());
            (x.linear(&weight, None, None), ["y", "dy", "dcore"])
        }
        Use::Rows => (chain_rows(&spec, &ids(case), &cores_in_use), ["rows", "drows", "dtable"]),
    };
    compare(case, output, y.value().data());
    let gradients = tape.backward(&y, Some(case.tensor(cotangent)), &mut parameters.gradients());
    for (k, core) in cores.iter().enumerate() {
        compare(case, &format!("{gradient}{k}"), gradients.get(core).unwrap().data());
    }
    if !matches!(way, Use::Rows) {
        compare(case, "dx", gradients.get(&x).unwrap().data());
    }
}

#[test]
fn the_ops_equal_the_reference() {
    let golden = golden("tensor_chain.json");
    assert_eq!(golden.cases.len(), 4);
    for case in &golden.cases {
        let contract = [Order::FirstToLast, Order::LastToFirst].map(Use::Contract);
        for way in contract.into_iter().chain([Use::Reconstruct, Use::Rows]) {
            ops::<f64>(case, way);
            ops::<f32>(case, way);
        }
    }
}

#[test]
fn decompositions_equal_the_reference() {
    for case in &golden("tensor_chain.json").cases {
        let spec = spec(case);
        let dense = case.tensor::<f64>("dense");
        for (name, truncation) in [("cap", Truncation::Cap(2)), ("tolerance", Truncation::Tolerance(0.2))] {
            let (chain, report) = decompose(&dense, &spec.inputs, &spec.outputs, &truncation).unwrap();
            compare(case, name, chain.to_dense().data());
            compare(case, &format!("{name}_tails"), &report.tails);
        }
    }
}

fn h_soft_pos<T: Element>(case: &GoldenCase) {
    let (width, levels) = (case.scalar("width") as usize, case.scalar("levels") as usize);
    let config = HSoftPosConfig { vocabulary: case.array("embed.weight").shape[0], width, levels };
    let mut set = ParamSet::new();
    let layer = HSoftPos::new(&mut set.root(), &config).unwrap();
    let mut parameters = Parameters::<T>::initialise(&set, 0);
    let names: Vec<_> = parameters.ids().map(|id| (id, parameters.spec(id).name.clone())).collect();
    for (id, name) in &names {
        let value: Tensor<T> = case.tensor(name);
        assert_eq!(value.shape(), parameters.spec(*id).shape, "{name}");
        parameters.set(*id, value.data());
    }
    let tape = Tape::recording(&parameters);
    let y = layer.forward(&tape, &ids(case), 0);
    assert_eq!(y.shape()[..], case.array("y").shape);
    compare(case, "y", y.value().data());
    let mut slab = parameters.gradients();
    tape.backward(&y, Some(case.tensor("dy")), &mut slab);
    for (id, name) in &names {
        compare(case, &format!("d{name}"), slab.get(*id).unwrap());
    }
}

#[test]
fn the_embedding_equals_the_reference() {
    let golden = golden("h_soft_pos.json");
    assert_eq!(golden.cases.len(), 5);
    for case in &golden.cases {
        h_soft_pos::<f64>(case);
        h_soft_pos::<f32>(case);
    }
}
