//! `anther prune` and `anther export`: what a pruned run is, what a scan finds, what is refused.

use std::collections::BTreeMap;

use safetensors::SafeTensors;
use serde_json::Value;

use crate::support::{Place, last_json};

const FEED_FORWARD: [&str; 3] = ["--layers", "*.fc1", "*.fc2"];

/// A run of a model of a small text.
fn trained() -> Place {
    let place = Place::with_text();
    place.ok(&["train", "tiny.toml", "--quiet", "--out", "run"]);
    place
}

fn prune(place: &Place, arguments: &[&str]) -> Value {
    last_json(&place.ok(&[&["prune", "run", "--json", "--quiet"], arguments].concat()))
}

/// The tensors of an exported run.
fn exported(place: &Place, run: &str, flags: &[&str]) -> BTreeMap<String, (Vec<usize>, Vec<f32>)> {
    let file = format!("{run}{}.safetensors", flags.len());
    place.ok(&[&["export", run, &file], flags].concat());
    let bytes = std::fs::read(place.path(&file)).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let numbers = |data: &[u8]| data.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
    tensors.iter().map(|(name, view)| (name.to_owned(), (view.shape().to_vec(), numbers(view.data())))).collect()
}

#[test]
fn a_pruned_run_is_a_run_like_any_other() {
    let place = trained();
    let report = prune(&place, &[&FEED_FORWARD[..], &["--rank", "3", "--out", "small"]].concat());
    let layers = report["layers"].as_array().unwrap();
    let names: Vec<_> = layers.iter().map(|layer| layer["layer"].as_str().unwrap()).collect();
    assert_eq!(names, ["model.layers.0.mlp.fc1", "model.layers.0.mlp.fc2"]);
    let removed: u64 = layers.iter().map(|l| l["dense"].as_u64().unwrap() - l["chain"].as_u64().unwrap()).sum();
    let [before, after] = ["parameters_before", "parameters"].map(|key| report[key].as_u64().unwrap());
    assert_eq!(before - after, removed);

    let measured = last_json(&place.ok(&["eval", "small", "--json"]));
    assert_eq!((&measured["step"], &measured["loss"]), (&0.into(), &report["after"]));
    place.ok(&["generate", "small", "--prompt", "the ", "--max-tokens", "5"]);
    place.ok(&["inspect", "small"]);
    let resumed = last_json(&place.ok(&["train", "--resume", "small", "--set", "train.steps=20", "--json", "--quiet"]));
    assert_eq!(resumed["steps"], 20);
    assert!(resumed["metric"]["value"].as_f64() < report["after"].as_f64(), "{resumed}\n{report}");
}

#[test]
fn the_error_that_is_printed_is_the_distance_of_the_exported_weights() {
    let place = trained();
    let report = prune(&place, &[&FEED_FORWARD[..], &["--keep", "0.4", "--out", "small"]].concat());
    let (own, before) = (exported(&place, "small", &[]), exported(&place, "run", &[]));
    let after = exported(&place, "small", &["--dense"]);
    assert!(own.contains_key("model.layers.0.mlp.fc1.cores.1") && !own.contains_key("model.layers.0.mlp.fc1.weight"));
    let shapes = |tensors: &BTreeMap<String, (Vec<usize>, Vec<f32>)>| {
        tensors.iter().map(|(name, (shape, _))| (name.clone(), shape.clone())).collect::<Vec<_>>()
    };
    assert_eq!(shapes(&before), shapes(&after));
    let distance = |name: &str| {
        let (a, b) = (&before[name].1, &after[name].1);
        a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt()
    };
    for layer in report["layers"].as_array().unwrap() {
        let (name, error) = (layer["layer"].as_str().unwrap(), layer["error"].as_f64().unwrap());
        let measured = distance(&format!("{name}.weight"));
        assert!(error > 0.1 && (measured - error).abs() < 1e-5 * error, "{name}: {measured} for {error}");
        assert!(error <= layer["bound"].as_f64().unwrap() * (1.0 + 1e-9));
    }
    for name in before.keys().filter(|name| !name.contains(".fc") || name.ends_with("bias")) {
        assert_eq!(distance(name), 0.0, "{name} is not pruned");
    }
    place.run(&["export", "run", "run0.safetensors"]).refuses(1, &["run0.safetensors", "exists already"]);
}

#[test]
fn fine_tuning_and_data_bring_the_loss_down() {
    let place = trained();
    let size = ["--keep", "0.3"];
    let plain = prune(&place, &[&FEED_FORWARD[..], &size, &["--out", "plain", "--fine-tune", "30"]].concat());
    let of = |report: &Value, key: &str| report[key].as_f64().unwrap_or_else(|| panic!("no {key}: {report}"));
    assert!(of(&plain, "after") > of(&plain, "before"));
    assert!(of(&plain, "after_fine_tuning") < of(&plain, "after"));
    let fitted = prune(&place, &[&FEED_FORWARD[..], &size, &["--out", "fitted", "--data-aware"]].concat());
    for layer in fitted["layers"].as_array().unwrap() {
        assert!(of(layer, "error") > of(layer, "bound"), "what fits the data is farther from the weight: {layer}");
        let [ignoring, knowing] = [0, 1].map(|i| layer["error_on_data"][i].as_f64().unwrap());
        assert!(knowing < ignoring, "{layer}");
    }
}

#[test]
fn a_scan_says_what_each_group_costs_and_draws_it() {
    let place = trained();
    let report = prune(&place, &["--scan"]);
    let points = report["points"].as_array().unwrap();
    let groups: std::collections::BTreeSet<_> = points.iter().map(|point| point["group"].as_str().unwrap()).collect();
    assert_eq!(
        groups.into_iter().collect::<Vec<_>>(),
        ["attention output", "embedding", "feed-forward", "output layer", "q, k, v"]
    );
    for point in points {
        assert!(point["removed"].as_u64() < point["dense"].as_u64() && point["loss"].as_f64().unwrap().is_finite());
    }
    let picture = place.read("run/prune-scan.svg");
    assert!(picture.contains("parameters removed") && picture.contains("feed-forward"), "{picture}");
}

#[test]
fn an_encoder_decoder_is_pruned_too() {
    let place = Place::new();
    let model =
        ["--model", "anthe", "--set", "train.steps=2", "--set", "train.batch=4", "--set", "train.eval_batches=1"];
    place.ok(&[&["train", "reverse-map", "--quiet", "--out", "run"], &model[..]].concat());
    let report = prune(&place, &["--layers", "*.encoder_attn.o_proj", "lm_head", "--rank", "2", "--out", "small"]);
    assert_eq!(report["layers"].as_array().unwrap().len(), 3);
    place.ok(&["eval", "small"]);
    let chains = ["prune", "run", "--layers", "*.q_proj", "--rank", "2"];
    place.run(&chains).refuses(1, &["q_proj is a tensor chain already"]);

    place.ok(&[
        "train",
        "reverse-map",
        "--quiet",
        "--out",
        "frozen",
        "--model",
        "transformer-frozen-output",
        "--set",
        "train.steps=1",
    ]);
    let table = ["prune", "frozen", "--layers", "model.shared", "--rank", "2"];
    place.run(&table).refuses(1, &["model.shared cannot be pruned", "frozen copy"]);
}

#[test]
fn what_makes_no_sense_is_refused_with_a_sentence_and_leaves_nothing() {
    let place = trained();
    let refused = |arguments: &[&str], code: i32, words: &[&str]| {
        place.run(&[&["prune", "run"], arguments].concat()).refuses(code, words);
    };
    refused(&["--layers", "*.fc1", "--rank", "0"], 1, &["model.layers.0.mlp.fc1 cannot be pruned", "rank of 0"]);
    for tolerance in ["1", "1.5", "NaN", "inf"] {
        refused(&["--layers", "*.fc1", "--tol", tolerance], 1, &["tolerance of", "below 1"]);
    }
    for share in ["0", "2", "nan"] {
        refused(&["--layers", "*.fc1", "--keep", share], 1, &["share of the parameters"]);
    }
    refused(&["--layers", "*.fc3", "--rank", "2"], 1, &["no layer matches *.fc3", "model.layers.0.mlp.fc1"]);
    refused(&["--layers", "*.fc1", "--rank", "1000"], 1, &["no layer would become smaller", "fc1"]);
    refused(&["--layers", "*.fc1"], 2, &["--keep", "--tol", "--rank", "--scan"]);
    refused(&["--keep", "0.5"], 2, &["--layers"]);
    refused(&["--layers", "*.fc1", "--keep", "0.5", "--tol", "0.1"], 2, &["cannot be used with"]);
    refused(
        &["--layers", "*.fc1", "--rank", "2", "--set", "model.width=8"],
        2,
        &["--set model.width=8", "only keys of train"],
    );
    refused(&["--layers", "*.fc1", "--rank", "2", "--out", "run"], 1, &["run already holds a run"]);
    place.run(&["prune", "nowhere", "--scan"]).refuses(1, &["nowhere holds no run"]);
    assert!(!place.path("runs").exists(), "a refusal leaves no directory");
}
