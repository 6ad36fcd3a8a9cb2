//! The differentiable ops on cores, one a file: the dense weight, a product without it, and rows of it.

pub(crate) mod apply;
pub(crate) mod dense;
pub(crate) mod rearrange;
pub(crate) mod rows;

pub use apply::{Order, chain_apply};
pub use dense::chain_dense;
pub use rows::chain_rows;

use anther_tensor::{Element, Var};

use crate::spec::ChainSpec;

/// Checks that there is one core for each leg, of its shape.
#[track_caller]
fn check_cores<T: Element>(op: &str, spec: &ChainSpec, cores: &[&Var<'_, T>]) {
    let fits = cores.len() == spec.cores() && spec.core_shapes().zip(cores).all(|(shape, core)| shape == core.shape());
    if !fits {
        let got: Vec<_> = cores.iter().map(|core| core.shape()).collect();
        panic!("{op}: cores of shapes {got:?} do not fit {:?}", spec.core_shapes().collect::<Vec<_>>());
    }
}
