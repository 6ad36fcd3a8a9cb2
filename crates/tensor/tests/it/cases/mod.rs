//! Cases of every op, one file for each family.

mod attention;
mod binary;
mod fused;
mod layers;
mod layout;
mod loss;
mod matmul;
mod norm;
mod reduce;
mod sparse;
mod unary;

use anther_testkit::Case;

pub use layers::cases as layers;

/// The cases of all ops.
pub fn ops() -> Vec<Case> {
    let families = [
        attention::cases(),
        binary::cases(),
        fused::cases(),
        layout::cases(),
        loss::cases(),
        matmul::cases(),
        norm::cases(),
        reduce::cases(),
        sparse::cases(),
        unary::cases(),
    ];
    families.into_iter().flatten().collect()
}

/// A shape as a label: `3x5`, or `scalar`.
fn label(shape: &[usize]) -> String {
    if shape.is_empty() {
        return "scalar".to_owned();
    }
    shape.iter().map(usize::to_string).collect::<Vec<_>>().join("x")
}
