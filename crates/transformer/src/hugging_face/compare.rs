//! What two configurations of a model differ in.

use anther_attention::Position;
use serde_json::{Map, Value};

use crate::model_config::ModelConfig;

/// Keys that say how a model begins or is trained, or that nothing reads unless another key, which is compared, says so.
const WITHOUT_EFFECT: [&str; 10] = [
    "init_std",
    "position_std",
    "embedding_std",
    "embedding_levels",
    "drop_path",
    "chains",
    "attention.eps",
    "attention.alibi_slopes",
    "attention.rotary_base",
    "attention.rotary_pairing",
];

/// The first key of a recipe in which `ours` and `theirs` are different models, and the values of both.
pub(super) fn first_difference(ours: &ModelConfig, theirs: &ModelConfig) -> Option<(String, Value, Value)> {
    let object = |config: &ModelConfig| match serde_json::to_value(config.clone().with_widths()) {
        Ok(Value::Object(map)) => map,
        _ => unreachable!("a configuration is an object"),
    };
    let attention = ours.attention();
    let counts = |key: &str| match key {
        "attention.sinusoidal_layout" => attention.position == Position::Sinusoidal,
        // Of what only the listed layers have, the factor is the one thing that has a form over there.
        "attention.layers" => attention.scale.is_some(),
        _ => !WITHOUT_EFFECT.contains(&key),
    };
    differing("", &object(ours), &object(theirs), &counts).map(|(key, a, b)| (format!("model.{key}"), a, b))
}

fn differing(
    path: &str,
    ours: &Map<String, Value>,
    theirs: &Map<String, Value>,
    counts: &dyn Fn(&str) -> bool,
) -> Option<(String, Value, Value)> {
    let keys = ours.keys().chain(theirs.keys().filter(|key| !ours.contains_key(*key)));
    keys.map(|key| (key, if path.is_empty() { key.clone() } else { format!("{path}.{key}") }))
        .filter(|(_, path)| counts(path))
        .find_map(|(key, path)| {
            let none = Value::from("none");
            let (a, b) = (ours.get(key).unwrap_or(&none), theirs.get(key).unwrap_or(&none));
            match (a, b) {
                (Value::Object(a), Value::Object(b)) => differing(&path, a, b, counts),
                _ if a == b => None,
                _ => Some((path, a.clone(), b.clone())),
            }
        })
}
