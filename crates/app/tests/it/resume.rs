//! Going on with a run.

use crate::support::{Place, last_json};

#[test]
fn a_run_that_is_over_can_be_lengthened() {
    let place = Place::with_text();
    let constant = ["--set", "train.schedule=constant", "--set", "train.eval_every=5"];
    place
        .ok(&[&["train", "tiny.toml", "--quiet", "--out", "short", "--set", "train.steps=15"], &constant[..]].concat());
    place.ok(&[&["train", "tiny.toml", "--quiet", "--out", "long", "--set", "train.steps=30"], &constant[..]].concat());
    let again = last_json(&place.ok(&["train", "--resume", "short", "--quiet", "--json"]));
    assert_eq!((&again["steps"], &again["stopped"]), (&15.into(), &"finished".into()));
    let longer = last_json(&place.ok(&["train", "--resume", "short", "--quiet", "--json", "--set", "train.steps=30"]));
    assert_eq!(longer["steps"], 30);
    assert_eq!(place.parameters("short", 30), place.parameters("long", 30));
    assert_eq!(place.read("short/metrics.jsonl"), place.read("long/metrics.jsonl"));
    assert_eq!(place.read("short/recipe.toml"), place.read("long/recipe.toml"));
}

#[test]
fn other_keys_of_a_run_stay_as_they_are() {
    let place = Place::with_text();
    place.ok(&["train", "tiny.toml", "--quiet", "--out", "run", "--set", "train.steps=2"]);
    let resume = |edit| place.run(&["train", "--resume", "run", "--set", edit]);
    resume("model.width=32").refuses(2, &["--set model.width=32", "only train.steps"]);
    resume("train.steps=soon").refuses(2, &["--set train.steps=soon", "whole number"]);
    resume("train.steps=0").refuses(2, &["train.steps", "0"]);
}

#[test]
fn a_recipe_that_was_changed_by_hand_is_warned_of() {
    let place = Place::with_text();
    place.ok(&["train", "tiny.toml", "--quiet", "--out", "run", "--set", "train.steps=2"]);
    let lengthen = |steps| place.ok(&["train", "--resume", "run", "--quiet", "--set", steps]).stderr;
    assert_eq!(lengthen("train.steps=3"), "");
    let recipe = place.read("run/recipe.toml");
    place.write("run/recipe.toml", recipe.replace("batch = 4", "batch = 8"));
    let told = lengthen("train.steps=4");
    assert!(told.starts_with("warning: run/recipe.toml is not the recipe") && told.lines().count() == 1, "{told}");
    assert_eq!(place.read("run/recipe.toml"), recipe.replace("steps = 3", "steps = 4"));
}

#[test]
fn a_run_in_use_is_refused() {
    let place = Place::with_text();
    let mut running = place.spawn(&["train", "tiny.toml", "--quiet", "--out", "run", "--set", "train.steps=1000000"]);
    running.until("a step was logged", || place.logged("run") >= 1);
    place.run(&["train", "--resume", "run"]).refuses(1, &["run is in use by process"]);
    place.run(&["train", "tiny.toml", "--out", "run"]).refuses(1, &["run is in use by process"]);
    // Looking is allowed.
    running.until("a step was saved", || place.path("run/ckpt/latest").exists());
    place.ok(&["eval", "run"]);
    running.kill();
    assert!(place.saved_step("run") >= 1);
}
