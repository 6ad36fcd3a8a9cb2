//! One run a seed, and what is said of all.

use crate::support::{Place, last_json};

const SHORT: [&str; 7] = ["train", "tiny.toml", "--quiet", "--json", "--set", "train.steps=10", "--out"];

#[test]
fn runs_are_those_of_each_seed_and_summed_up() {
    let place = Place::with_text();
    let alone = last_json(&place.ok(&[&SHORT[..], &["alone", "--seed", "4"]].concat()));
    let all = last_json(&place.ok(&[&SHORT[..], &["all", "--seeds", "2..4"]].concat()));
    assert_eq!((&all["seeds"], &all["metric"]), (&3.into(), &"loss".into()));
    assert_eq!(all["runs"][2]["metric"], alone["metric"]);
    assert_eq!(place.parameters("all/seed-4", 10), place.parameters("alone", 10));
    let values: Vec<f64> = (0..3).map(|run| all["runs"][run]["metric"]["value"].as_f64().unwrap()).collect();
    assert!(values[0] != values[1] && values[1] != values[2], "{values:?}");
    let mean = values.iter().sum::<f64>() / 3.0;
    let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / 2.0;
    let near = |told: &serde_json::Value, value: f64| (told.as_f64().unwrap() - value).abs() < 1e-12;
    assert!(near(&all["last"]["mean"], mean) && near(&all["last"]["std"], variance.sqrt()), "{all}");
    assert_eq!(all["test_accuracy"], serde_json::Value::Null);
    let kept: serde_json::Value = serde_json::from_str(&place.read("all/summary.json")).unwrap();
    assert_eq!(kept, all);

    let quiet = ["train", "tiny.toml", "--quiet", "--set", "train.steps=2", "--seeds", "1,3"];
    let table = place.ok(&quiet).stdout;
    assert!(table.contains("runs: runs/tiny-seeds-1") && table.contains(" over 2 seeds"), "{table}");
    assert!(place.ok(&quiet).stdout.contains("runs: runs/tiny-seeds-2"));
}

#[test]
fn a_wrong_recipe_leaves_no_directory_behind() {
    let place = Place::with_text();
    let refused = |edit: &str, seeds: &str| {
        place.run(&["train", "tiny.toml", "--set", edit, "--seeds", seeds]).refuses(2, &["train."]);
    };
    refused("train.stepz=3", "1,2");
    refused("train.steps=3", "1,18446744073709551615");
    assert!(!place.path("runs").exists(), "a refusal left a directory behind");
}

#[test]
fn what_was_done_is_not_done_again() {
    let place = Place::with_text();
    let first = last_json(&place.ok(&[&SHORT[..], &["all", "--seeds", "1,2"]].concat()));
    let speed = place.read("all/seed-1/speed.jsonl");
    // A run that was cut off before its first checkpoint, and one that was not begun.
    std::fs::remove_dir_all(place.path("all/seed-2/ckpt")).unwrap();
    let log = place.read("all/seed-2/metrics.jsonl");
    place.write("all/seed-2/metrics.jsonl", log.lines().next().unwrap().to_owned() + "\n");
    let more = last_json(&place.ok(&[&SHORT[..], &["all", "--seeds", "1..3"]].concat()));
    assert_eq!(place.read("all/seed-1/speed.jsonl"), speed);
    for run in 0..2 {
        assert_eq!(more["runs"][run]["metric"], first["runs"][run]["metric"]);
    }
    assert_eq!(more["runs"][2]["seed"], 3);

    let other = ["train", "tiny.toml", "--quiet", "--set", "train.steps=11", "--out", "all", "--seeds", "1..3"];
    place.run(&other).refuses(1, &["all/seed-1", "another recipe", "--out"]);
}

#[cfg(unix)]
#[test]
fn a_signal_stops_all_of_them_and_the_same_command_goes_on() {
    let place = Place::with_text();
    let args = ["train", "tiny.toml", "--json", "--set", "train.steps=300", "--out", "all", "--seeds", "1,2"];
    let mut running = place.spawn(&args);
    running.until("the second seed has begun", || place.logged("all/seed-2") > 1);
    running.signal("INT");
    let stopped = running.wait();
    assert_eq!(stopped.code, Some(130), "{stopped:?}");
    assert!(stopped.stderr.contains("--out all"), "{}", stopped.stderr);
    assert!(!place.path("all/summary.json").exists());
    let whole = last_json(&place.ok(&args));
    assert_eq!((&whole["runs"][0]["steps"], &whole["runs"][1]["steps"]), (&300.into(), &300.into()));
    let alone = ["train", "tiny.toml", "--quiet", "--set", "train.steps=300", "--out", "alone", "--seed", "2"];
    place.ok(&alone);
    assert_eq!(place.parameters("all/seed-2", 300), place.parameters("alone", 300));
}
