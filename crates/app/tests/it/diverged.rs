//! Numbers that are no numbers any more end a run, and no checkpoint keeps them.

use crate::support::Place;

#[test]
fn a_diverged_run_exits_with_3_and_names_step_and_tensor() {
    let place = Place::with_text();
    let mut args = vec!["train", "tiny.toml", "--out", "run"];
    for edit in
        ["train.optimizer=sgd", "train.learning_rate=1e38", "train.clip=0", "train.schedule=constant", "train.warmup=0"]
    {
        args.extend(["--set", edit]);
    }
    let ran = place.run(&args);
    ran.refuses(3, &["step ", "learning rate"]);
    let sentence = ran.stderr.lines().last().unwrap();
    let names_a_tensor = ["model.layers.0", "model.embed", "model.norm", "lm_head"];
    assert!(names_a_tensor.iter().any(|name| sentence.contains(name)), "{sentence}");

    // Whatever was saved before is whole and finite.
    let ran = place.run(&["eval", "run", "--json"]);
    if ran.code == Some(0) {
        assert!(!ran.stderr.contains("warning"), "{ran:?}");
    } else {
        ran.refuses(1, &["no checkpoint"]);
    }
}
