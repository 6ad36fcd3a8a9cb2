//! The real text, if it is here.

use std::path::PathBuf;

use crate::support::{Place, finish, last_json};

#[test]
fn thirty_steps_on_tiny_shakespeare_learn_something() {
    let data = std::env::var_os("ANTHER_DATA").map(PathBuf::from);
    let Some(data) = data.filter(|data| data.join("tinyshakespeare/input.txt").exists()) else {
        println!("skipped: ANTHER_DATA does not lead to tinyshakespeare/input.txt");
        return;
    };
    let place = Place::new();
    let mut args = vec!["train", "shakespeare-char", "--json", "--out", "run"];
    for edit in ["train.steps=30", "train.warmup=3", "train.eval_batches=5"] {
        args.extend(["--set", edit]);
    }
    let ran = finish(place.command(&args).env("ANTHER_DATA", data));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let first: serde_json::Value =
        serde_json::from_str(place.read("run/metrics.jsonl").lines().next().unwrap()).unwrap();
    let before = first["loss"].as_f64().unwrap();
    // 65 characters: knowing nothing costs ln 65 = 4.17, and first weights that are not small guess with some confidence.
    assert!((4.0..5.0).contains(&before), "{before}");
    let after = last_json(&ran)["metric"]["value"].as_f64().unwrap();
    assert!(after < 3.3, "{after}");
}
