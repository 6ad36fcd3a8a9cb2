//! The same recipe and seed give the same parameters, bit for bit, whatever the number of threads.

use crate::support::Place;

/// Trains 50 steps for each number of threads and compares the parameters of all runs.
fn same_for_all_threads(place: &Place, recipe: &[&str]) {
    let mut hashes = Vec::new();
    for (run, threads) in ["1", "2", "3", "8", "2"].iter().enumerate() {
        let out = format!("run-{run}");
        let mut args = vec!["train", "--quiet", "--threads", threads, "--out", &out];
        args.extend(["--set", "train.steps=50", "--set", "train.checkpoint_every=50"]);
        args.extend(recipe);
        place.ok(&args);
        let facts: serde_json::Value = serde_json::from_str(&place.read(&format!("{out}/run.json"))).unwrap();
        assert_eq!(facts["threads"], *threads);
        hashes.push(place.parameters(&out, 50));
    }
    assert!(hashes.iter().all(|hash| *hash == hashes[0]), "{hashes:?}");
    // The seed does matter, or the comparison would say nothing.
    let mut args = vec!["train", "--quiet", "--seed", "99", "--out", "other", "--set", "train.steps=50"];
    args.extend(recipe);
    place.ok(&args);
    assert_ne!(place.parameters("other", 50), hashes[0]);
}

#[test]
fn expressive_attention_on_sequences() {
    let small = ["nt-expressive", "--set", "train.eval_batches=1"];
    same_for_all_threads(&Place::new(), &small);
}

#[test]
fn dot_product_attention_on_text() {
    // Wide enough for the kernels to share their work among threads.
    let edits = ["tiny.toml", "--set", "model.width=64", "--set", "model.context=32", "--set", "train.batch=16"];
    same_for_all_threads(&Place::with_text(), &edits);
}
