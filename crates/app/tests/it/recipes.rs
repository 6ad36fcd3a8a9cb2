//! The recipes that are compiled in.

use crate::support::{Place, last_json};

const NAMES: [&str; 5] = ["nt-expressive", "nt-dot", "nt-multitask", "shakespeare-char", "reverse-map"];

#[test]
fn all_are_listed_with_a_line_each() {
    let place = Place::new();
    let list = place.ok(&["recipes"]).stdout;
    let listed: Vec<_> = list.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(listed, NAMES);
    assert!(list.lines().all(|line| line.split_whitespace().count() > 5), "{list}");
    let answer = last_json(&place.ok(&["recipes", "--json"]));
    let names: Vec<_> = answer["recipes"].as_array().unwrap().iter().map(|recipe| recipe["name"].clone()).collect();
    assert_eq!(names, NAMES);
}

#[test]
fn each_trains_two_steps_and_can_be_shown_and_trained_as_a_file() {
    let place = Place::with_text();
    std::fs::create_dir_all(place.path("datasets/tinyshakespeare")).unwrap();
    place.write("datasets/tinyshakespeare/input.txt", "To be, or not to be, that is the question.\n".repeat(40));
    for name in NAMES {
        let short =
            ["--quiet", "--json", "--set", "train.steps=2", "--set", "train.warmup=1", "--set", "train.eval_batches=1"];
        let built_in = last_json(&place.ok(&[&["train", name], &short[..]].concat()));
        assert_eq!((&built_in["recipe"], &built_in["steps"]), (&name.into(), &2.into()));
        let file = format!("{name}.toml");
        place.write(&file, place.ok(&["recipes", "--show", name]).stdout);
        let own = last_json(&place.ok(&[&["train", file.as_str()], &short[..]].concat()));
        assert_eq!(built_in["metric"], own["metric"], "{name}");
    }
}

#[test]
fn the_default_recipe_is_solved_on_fresh_sequences() {
    let place = Place::new();
    let report =
        last_json(&place.ok(&["train", "nt-expressive", "--json", "--out", "run", "--set", "train.eval_batches=20"]));
    assert_eq!(report["stopped"], "target", "{report}");
    let accuracy = last_json(&place.ok(&["eval", "run", "--json"]))["accuracy"].as_f64().unwrap();
    assert!(accuracy >= 0.999, "{accuracy}");
}
