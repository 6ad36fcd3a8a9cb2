//! The recipes that are compiled in.

use crate::support::{Place, last_json};

const NAMES: [&str; 11] = [
    "nt-expressive",
    "nt-dot",
    "nt-multitask",
    "shakespeare-char",
    "reverse-map",
    "translate-multi30k",
    "lm-text",
    "lm-wikitext",
    "lm-wikitext-paper",
    "mlm-wikitext",
    "mlm-wikitext-paper",
];

/// What makes a model of full size one for a test.
const SMALL: [&str; 8] =
    ["--set", "model.layers=1", "--set", "model.width=32", "--set", "model.heads=2", "--set", "model.context=16"];

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
    let texts: [(&str, &[&str]); 6] = [
        ("us-presidential", &["state_union.train.txt.gz", "state_union.valid.txt.gz"]),
        ("wikitext-2", &["wiki.train.tokens", "wiki.valid.tokens"]),
        ("wikitext-2-raw", &["wiki.train.raw", "wiki.valid.raw"]),
        ("wikitext-103", &["wiki.train.tokens", "wiki.valid.tokens"]),
        ("wikitext-103-raw", &["wiki.train.raw", "wiki.valid.raw"]),
        ("multi30k", &["train.de.gz", "train.en.gz", "val.de.gz", "val.en.gz"]),
    ];
    for (folder, parts) in texts {
        std::fs::create_dir_all(place.path(&format!("datasets/{folder}"))).unwrap();
        for part in parts {
            let line = " To be , or not to be , that is <unk> .\n";
            place.write(&format!("datasets/{folder}/{part}"), line.repeat(110));
        }
    }
    for name in NAMES {
        let short =
            ["--quiet", "--json", "--set", "train.steps=2", "--set", "train.warmup=1", "--set", "train.eval_batches=1"];
        let small = if name.ends_with("-paper") { &SMALL[..] } else { &[] };
        let short = [&short[..], small].concat();
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
