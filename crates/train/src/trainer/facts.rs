//! Facts about a run that nothing is computed from: `run.json` and the metadata of checkpoints.

use std::collections::BTreeMap;

use crate::learner::Learner;
use crate::recipe::Recipe;

/// The fact that tells with which vector instructions a run computes.
pub(super) const SIMD_LEVEL: &str = "simd_level";

/// What is true of every process that works on a run.
pub(super) fn of_process() -> BTreeMap<String, String> {
    [
        ("anther_version", env!("CARGO_PKG_VERSION").to_owned()),
        ("rustc_version", env!("ANTHER_RUSTC_VERSION").to_owned()),
        ("architecture", std::env::consts::ARCH.to_owned()),
        ("operating_system", std::env::consts::OS.to_owned()),
        (SIMD_LEVEL, anther_kernels::level().to_string()),
        ("threads", anther_kernels::threads().to_string()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
}

/// What `run.json` says.
pub(super) fn of_run(recipe: &Recipe, learner: &Learner, command: &str) -> BTreeMap<String, String> {
    let mut facts = of_process();
    let own = [
        ("command", command.to_owned()),
        ("metric", learner.task().metric().name().to_owned()),
        ("parameters", learner.parameters().count().to_string()),
        ("seed", recipe.train.seed.to_string()),
        ("vocabulary", learner.task().symbols().form().outputs().to_string()),
    ];
    facts.extend(own.map(|(key, value)| (key.to_owned(), value)));
    facts
}
