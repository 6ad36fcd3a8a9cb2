//! `--attention PRESET`: every mechanism trains on any recipe, is kept by the run, and generates.

use crate::support::{Place, last_json};

/// The presets, as the answer to a wrong one lists them.
fn presets(place: &Place) -> Vec<String> {
    let ran = place.run(&["inspect", "tiny.toml", "--attention", "?"]);
    let list = ran.stderr.split("choose from ").nth(1).and_then(|rest| rest.split(", or join").next()).unwrap();
    list.split(", ").map(str::to_owned).collect()
}

#[test]
fn every_preset_learns_and_generates() {
    let place = Place::with_text();
    let presets = presets(&place);
    assert!(presets.len() >= 14, "{presets:?}");
    for preset in presets.iter().map(String::as_str).chain(["kgv+expressive", "mlp-qkv+qk-norm+bn+centred"]) {
        let out = format!("run-{preset}");
        let report = last_json(&place.ok(&["train", "tiny.toml", "--attention", preset, "--json", "--out", &out]));
        let loss = report["metric"]["value"].as_f64().unwrap();
        // Of 28 characters, ln 28 = 3.33 nats is what knowing nothing costs.
        assert!(loss < 3.1, "{preset}: {loss}");
        let text = place.ok(&["generate", &out, "--prompt", "the", "--max-tokens", "24", "--seed", "1"]).stdout;
        assert!(text.chars().count() >= 24, "{preset}: {text}");
    }
}

#[test]
fn a_preset_is_short_for_its_keys() {
    let place = Place::with_text();
    let cost = |words: &[&str]| last_json(&place.ok(&[&["inspect", "tiny.toml", "--json"], words].concat()));
    let keys = ["--set", "model.attention.project={kind=\"mlp\", maps=[\"query\", \"key\", \"value\"], norm=false}"];
    assert_eq!(cost(&["--attention", "mlp-qkv-roberta"]), cost(&keys));
    // Width 16: three networks of 16 × 32 + 32 and 32 × 16 + 16 in the place of maps of 16 × 16 + 16.
    let parameters = |words: &[&str]| cost(words)["parameters"].as_u64().unwrap();
    assert_eq!(parameters(&keys) - parameters(&[]), 3 * (544 + 528 - 272));
    assert_eq!(parameters(&["--attention", "kgv"]), parameters(&[]), "a gate costs what it replaces");
}

#[test]
fn a_run_keeps_its_attention() {
    let place = Place::with_text();
    place.ok(&["train", "tiny.toml", "--attention", "kgv", "--quiet", "--set", "train.steps=2", "--out", "run"]);
    place.run(&["inspect", "run", "--attention", "dot"]).refuses(2, &["--attention dot", "model is what it is"]);
    place.run(&["train", "--resume", "run", "--attention", "dot"]).refuses(2, &["--attention"]);
    let recipe = std::fs::read_to_string(place.path("run/recipe.toml")).unwrap();
    assert!(recipe.contains("[model.attention.project]\nkind = \"gate\"\norder = \"kgv\""), "{recipe}");
}
