//! A linear layer whose weight is a tensor chain, for many ranks and numbers of rows: what is chosen at run time beside each way by itself.

use anther_chain::{Chain, ChainSpec, Order, Way};

use crate::case::{Case, Work};
use crate::inputs::normal;

/// Legs of the inputs and of the outputs.
const LEGS: [[usize; 2]; 2] = [[16, 32], [32, 16]];
const RANKS: [usize; 4] = [2, 8, 32, 128];
const ROWS: [usize; 4] = [1, 16, 256, 4096];

pub(super) fn cases() -> Vec<Case> {
    let ways = [
        ("auto", None),
        ("reconstruct", Some(Way::Reconstruct)),
        ("first_to_last", Some(Way::Contract(Order::FirstToLast))),
        ("last_to_first", Some(Way::Contract(Order::LastToFirst))),
    ];
    let mut cases = Vec::new();
    for rank in RANKS {
        for rows in ROWS {
            cases.extend(ways.map(|(name, way)| case(name, way, rank, rows)));
        }
    }
    cases
}

fn case(name: &str, way: Option<Way>, rank: usize, rows: usize) -> Case {
    let [inputs, outputs] = LEGS;
    let (width, out) = (inputs.iter().product::<usize>(), outputs.iter().product::<usize>());
    Case::new(format!("chain_fwd_{out}x{width}_r{rank}_N{rows}_{name}"), Work::Time, move || {
        let spec = ChainSpec::with_rank(inputs.to_vec(), outputs.to_vec(), rank)
            .expect("the legs and the rank are at least 1");
        let chain = Chain::<f64>::normal(spec, 0.05, 1).cast::<f32>();
        let x = normal(&[rows, width], 2);
        move || drop(chain.apply(&x, way))
    })
}
