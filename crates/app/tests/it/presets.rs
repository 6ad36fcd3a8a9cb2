//! Every recipe with every kind of attention.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::thread;

use crate::recipes::{NAMES, narrow};
use crate::sample_data::{class_data, texts};
use crate::support::Place;

/// Few steps of a small model, each of them logged.
const SHORT: [&str; 22] = [
    "--quiet",
    "--json",
    "--threads",
    "1",
    "--set",
    "train.steps=20",
    "--set",
    "train.warmup=0",
    "--set",
    "train.schedule=constant",
    "--set",
    "train.learning_rate=3e-3",
    "--set",
    "model.dropout=0",
    "--set",
    "model.attention.dropout=0",
    "--set",
    "train.eval_every=20",
    "--set",
    "train.eval_batches=1",
    "--set",
    "train.log_every=1",
];

/// What a recipe comes to with a preset of a flag: the losses of its steps, or the sentence that refuses it.
fn losses(place: &Place, name: &str, [flag, preset]: [&str; 2]) -> Result<Vec<f64>, String> {
    let out = format!("runs/{name}{flag}-{preset}");
    let own = ["train", name, flag, preset, "--out", &out];
    let ran = place.run(&[&own[..], &SHORT[..], &narrow(name)].concat());
    match ran.code {
        Some(0) => {}
        Some(2) => return Err(ran.stderr),
        _ => panic!("{name} with {preset}: {ran:?}"),
    }
    let log = place.read(&format!("{out}/metrics.jsonl"));
    let rows = log.lines().map(|row| serde_json::from_str::<serde_json::Value>(row).unwrap());
    Ok(rows.map(|row| row["loss"].as_f64().unwrap_or(f64::NAN)).collect())
}

/// The names that a flag knows, which a wrong one lists.
fn names(place: &Place, recipe: &str, flag: &str) -> Vec<String> {
    let unknown = place.run(&["train", recipe, flag, "?"]).stderr;
    let (_, list) = unknown.split_once("choose from ").unwrap_or_else(|| panic!("{unknown}"));
    let names = list.split([',', ' ', '\n']).filter(|name| !name.is_empty());
    names.take_while(|&name| name != "or").map(str::to_owned).collect()
}

/// Whether a recipe has two sequences.
fn has_pairs(name: &str) -> bool {
    name.starts_with("translate") || name == "reverse-map"
}

#[test]
fn every_recipe_learns_with_every_preset() {
    let place = Place::new();
    texts(&place);
    class_data(&place);
    let (attention, models) = (names(&place, "nt-dot", "--attention"), names(&place, "reverse-map", "--model"));
    assert!(attention.len() > 25 && models.len() > 4, "{attention:?} {models:?}");
    let flags = |name: &'static str| {
        let attention = attention.iter().map(move |preset| (name, ["--attention", &preset[..]]));
        let models = models.iter().filter(move |_| has_pairs(name));
        attention.chain(models.map(move |preset| (name, ["--model", &preset[..]])))
    };
    let pairs = Mutex::new(NAMES.into_iter().flat_map(flags));
    let refused = Mutex::new(BTreeMap::<(&str, &str), String>::new());
    let work = || {
        loop {
            let Some((name, flag)) = pairs.lock().unwrap().next() else {
                return;
            };
            match losses(&place, name, flag) {
                Ok(losses) => {
                    assert_eq!(losses.len(), 20, "{name} with {flag:?}");
                    // Batches differ; and a comparison with NaN is false.
                    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
                    assert!(mean(&losses[14..]) < mean(&losses[..6]), "{name} with {flag:?}: {losses:?}");
                }
                Err(sentence) => {
                    refused.lock().unwrap().insert((name, flag[1]), sentence);
                }
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(work);
        }
    });
    // Keys near a query are those of its own sequence, one table needs one vocabulary, and a bias by distance needs scores of keys with a place.
    let refused = refused.into_inner().unwrap();
    let near = ["block-sparse", "window"];
    let near = NAMES.into_iter().filter(|name| has_pairs(name)).flat_map(|name| near.map(|preset| (name, preset)));
    let tied = ["transformer-tied", "transformer-frozen-output"].map(|preset| ("translate-wmt14-paper", preset));
    let biased = ["lm-text", "lm-wikitext"];
    let biased = biased.into_iter().flat_map(|name| ["bn-sh", "linear", "sh"].map(|preset| (name, preset)));
    let expected: BTreeSet<_> = near.chain(tied).chain(biased).collect();
    assert_eq!(refused.keys().copied().collect::<BTreeSet<_>>(), expected, "{refused:#?}");
    let mends = ["leave it out", "set data.joint = true", "use another position"];
    let mended = |sentence: &String| mends.iter().any(|mend| sentence.contains(mend));
    assert!(refused.values().all(mended), "{refused:#?}");
}
