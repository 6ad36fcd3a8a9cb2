//! What a model costs, by numbers that can be counted by hand.

use crate::support::{Place, last_json};

#[test]
fn parameters_operations_and_memory_of_a_recipe() {
    let place = Place::with_text();
    let report = last_json(&place.ok(&["inspect", "tiny.toml", "--json"]));
    // 28 characters, width 16, context 16, one block: norms, four projections, two layers of 64.
    let block = 2 * 32 + 4 * (16 * 16 + 16) + (16 * 64 + 64) + (64 * 16 + 16);
    let total = 28 * 16 + 16 * 16 + block + 32 + 28 * 16;
    assert_eq!(report["parameters"], total);
    let layers = report["layers"].as_array().unwrap();
    let of = |name: &str| layers.iter().find(|layer| layer["name"] == name).unwrap()["parameters"].clone();
    assert_eq!(of("model.layers.0"), block);
    assert_eq!(of("model.embed_tokens"), 28 * 16);
    let sum: u64 = layers.iter().map(|layer| layer["parameters"].as_u64().unwrap()).sum();
    assert_eq!(sum, total);
    let memory = &report["memory"];
    assert_eq!((&memory["parameters_bytes"], &memory["gradients_bytes"]), (&(4 * total).into(), &(4 * total).into()));
    assert_eq!(memory["optimizer_bytes"], 8 * total);
    assert!(memory["activations_bytes"].as_u64().unwrap() > 4 * 16 * 28 * 4, "{memory}");
    let forward = report["flops_per_token"]["forward"].as_u64().unwrap();
    // At least two operations for each weight of a matrix.
    assert!(forward >= 2 * (4 * 256 + 2 * 1024 + 448), "{forward}");
    assert_eq!(report["flops_per_token"]["training"], 3 * forward);
}

#[test]
fn a_run_costs_what_its_recipe_does() {
    let place = Place::with_text();
    place.ok(&["train", "tiny.toml", "--quiet", "--set", "train.steps=1", "--out", "run"]);
    let recipe = last_json(&place.ok(&["inspect", "tiny.toml", "--json"]));
    assert_eq!(last_json(&place.ok(&["inspect", "run", "--json"])), recipe);
    let wide = last_json(&place.ok(&["inspect", "tiny.toml", "--set", "train.optimizer=sgd", "--json"]));
    assert_eq!(wide["memory"]["optimizer_bytes"], recipe["memory"]["parameters_bytes"]);
}

#[test]
fn the_table_has_the_same_total() {
    let place = Place::with_text();
    let ran = place.ok(&["inspect", "tiny.toml"]);
    let total = ran.stdout.lines().find(|line| line.trim_start().starts_with("total")).unwrap();
    assert_eq!(total.split_whitespace().last(), Some("4,464"), "{}", ran.stdout);
}
