//! Run directories that are none, or of the wrong kind.

use crate::support::{Place, TINY_NT};

#[test]
fn a_directory_without_a_run_is_refused() {
    let place = Place::new();
    std::fs::create_dir(place.path("empty")).unwrap();
    place.write("file", "x");
    for run in ["missing", "empty", "file"] {
        for command in [&["train", "--resume", run][..], &["eval", run], &["generate", run]] {
            println!("{command:?}");
            place.run(command).refuses(1, &[run, "holds no run", "recipe.toml"]);
        }
    }
    place.run(&["inspect", "empty"]).refuses(1, &["empty", "holds no run"]);
}

#[test]
fn a_directory_that_holds_a_run_is_not_written_over() {
    let place = Place::with_text();
    place.ok(&["train", "tiny.toml", "--set", "train.steps=2", "--out", "run"]);
    let before = place.read("run/metrics.jsonl");
    let ran = place.run(&["train", "tiny.toml", "--out", "run"]);
    ran.refuses(1, &["run already holds a run", "--resume", "--out"]);
    assert_eq!(place.read("run/metrics.jsonl"), before);
}

#[test]
fn what_a_model_cannot_do_is_refused() {
    let place = Place::with_text();
    let mut args = vec!["train", "nt-expressive", "--set", "train.steps=2", "--out", "nt"];
    args.extend(TINY_NT);
    place.ok(&args);
    place.run(&["generate", "nt"]).refuses(1, &["nt was not trained on text"]);

    place.ok(&["train", "tiny.toml", "--set", "train.steps=2", "--out", "text"]);
    place
        .run(&["generate", "text", "--prompt", "the Fox"])
        .refuses(2, &["character number 4", "'F'", "not one of the 28 characters"]);
    place.run(&["generate", "text", "--prompt", ""]).refuses(2, &["the prompt is empty"]);
    place.run(&["inspect", "text", "--set", "model.width=3"]).refuses(2, &["--set model.width=3", "a run"]);
}

#[test]
fn a_text_that_changed_is_noticed() {
    let place = Place::with_text();
    place.ok(&["train", "tiny.toml", "--set", "train.steps=2", "--out", "run"]);
    place.write("text.txt", "THE QUICK BROWN FOX JUMPS OVER THE LAZY DOG. ".repeat(20));
    place.run(&["eval", "run"]).refuses(1, &["other characters", "restore them"]);
    let ran = place.run(&["train", "--resume", "run", "--set", "train.steps=4"]);
    ran.refuses(1, &["run", "the data have changed", "restore them"]);
}

#[test]
fn a_damaged_checkpoint_is_passed_over_with_a_warning() {
    let place = Place::with_text();
    place.ok(&["train", "tiny.toml", "--set", "train.steps=3", "--out", "run"]);
    place.write("run/ckpt/step-00000003/model.safetensors", "damaged");
    let ran = place.ok(&["eval", "run", "--json"]);
    assert_eq!(crate::support::last_json(&ran)["step"], 2);
    assert!(ran.stderr.starts_with("warning: ") && ran.stderr.contains("step-00000003"), "{ran:?}");
}
