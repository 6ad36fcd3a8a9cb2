//! Tests of the tensor crate: every op through every check of the test kit, algebraic properties, the tape, and what is refused.

mod cases;
mod edges;
mod factored;
mod fused;
mod panics;
mod properties;
mod recompute;
mod tape;

use anther_testkit::check_all;

#[test]
fn every_op_passes_every_check() {
    let summary = check_all(&cases::ops());
    assert!(summary.cases.len() >= 49, "{summary}");
    for (op, &count) in &summary.cases {
        assert!(count >= 5, "only {count} cases of {op}");
    }
}

#[test]
fn every_layer_passes_every_check() {
    check_all(&cases::layers());
}
