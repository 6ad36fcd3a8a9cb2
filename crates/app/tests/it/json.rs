//! The standard output holds the result and nothing else.

use crate::support::{Place, last_json};

#[test]
fn train_with_json_prints_one_object() {
    let place = Place::with_text();
    let ran = place.ok(&["train", "tiny.toml", "--json", "--out", "run"]);
    assert_eq!(ran.stdout.lines().count(), 1, "{}", ran.stdout);
    let report = last_json(&ran);
    assert_eq!(report["recipe"], "tiny");
    assert_eq!(report["steps"], 40);
    assert_eq!(report["stopped"], "finished");
    assert_eq!(report["metric"]["name"], "loss");
    assert!(report["metric"]["value"].as_f64().is_some_and(|loss| loss > 0.0 && loss < 4.0), "{report}");
    assert!(report["tokens_per_second"].as_f64().is_some_and(|speed| speed > 0.0), "{report}");
    let memory = report["peak_rss_bytes"].as_u64().unwrap();
    assert!(!cfg!(target_os = "linux") || memory > 1_000_000, "{report}");
    assert_eq!(report["run_dir"], "run");
    assert!(ran.stderr.contains("validation loss"), "progress goes to the error stream: {}", ran.stderr);
}

#[test]
fn quiet_says_nothing_but_the_result() {
    let place = Place::with_text();
    let ran = place.ok(&["train", "tiny.toml", "--quiet", "--set", "train.steps=2"]);
    assert_eq!(ran.stderr, "");
    assert!(ran.stdout.contains("run: runs/tiny-1"), "{}", ran.stdout);
    let ran = place.ok(&["train", "tiny.toml", "--quiet", "--set", "train.steps=2"]);
    assert!(ran.stdout.contains("run: runs/tiny-2"), "{}", ran.stdout);
}

#[test]
fn eval_says_what_training_measured() {
    let place = Place::with_text();
    let trained = last_json(&place.ok(&["train", "tiny.toml", "--json", "--out", "run"]));
    let last = last_json(&place.ok(&["eval", "run", "--json"]));
    assert_eq!(last["step"], 40);
    assert_eq!(last["metric"], serde_json::json!({ "name": "loss", "value": trained["metric"]["value"] }));
    let best = last_json(&place.ok(&["eval", "run", "--best", "--json"]));
    assert_eq!((&best["step"], &best["metric"]["value"]), (&trained["best"]["step"], &trained["best"]["value"]));
}

#[test]
fn generate_repeats_itself_for_the_same_seed_only() {
    let place = Place::with_text();
    place.ok(&["train", "tiny.toml", "--quiet", "--out", "run"]);
    let text =
        |seed: &str| place.ok(&["generate", "run", "--prompt", "the ", "--max-tokens", "50", "--seed", seed]).stdout;
    assert_eq!(text("1"), text("1"));
    assert_ne!(text("1"), text("2"));
    assert!(text("1").starts_with("the ") && text("1").trim_end_matches('\n').chars().count() == 54);
    let answer = last_json(&place.ok(&["generate", "run", "--prompt", "the ", "--max-tokens", "50", "--json"]));
    assert_eq!(format!("the {}\n", answer["text"].as_str().unwrap()), text("1"));
    let held = |precision: &str| {
        place.ok(&["generate", "run", "--prompt", "the ", "--max-tokens", "50", "--precision", precision]).stdout
    };
    assert_eq!(held("f32"), text("1"));
    assert_eq!(held("bf16"), held("bf16"));
    assert!(held("bf16").starts_with("the "));
    let greedy =
        |seed: &str| place.ok(&["generate", "run", "--prompt", "q", "--temperature", "0", "--seed", seed]).stdout;
    assert_eq!(greedy("1"), greedy("2"));
}
