//! The recipes that are compiled in.

use crate::sample_data::{class_data, texts};
use crate::support::{Place, last_json};

pub const NAMES: [&str; 24] = [
    "nt-expressive",
    "nt-dot",
    "nt-multitask",
    "shakespeare-char",
    "reverse-map",
    "translate-multi30k",
    "translate-iwslt17",
    "translate-iwslt17-paper",
    "translate-wmt14",
    "translate-wmt14-paper",
    "translate-wmt17",
    "lm-text",
    "lm-wikitext",
    "lm-wikitext-paper",
    "mlm-wikitext",
    "mlm-wikitext-paper",
    "series-uea",
    "series-uea-paper",
    "image-mnist",
    "image-cifar10",
    "image-cifar100",
    "image-cifar10-paper",
    "listops",
    "listops-paper",
];

/// What makes the model of a recipe in the size of a paper one for a test.
fn small(name: &str) -> Vec<&'static str> {
    if name.ends_with("-paper") { narrow(name) } else { Vec::new() }
}

/// What makes the model of any recipe as small as it can be without being another one.
pub fn narrow(name: &str) -> Vec<&'static str> {
    let more: &[&str] = match name {
        "image-cifar10-paper" => &["train.batch=2", "data.size=32"],
        "listops" | "listops-paper" => &["train.batch=16", "data.shortest=4", "data.longest=20", "data.examples=32"],
        "series-uea-paper" => &["train.batch=2"],
        _ if name.ends_with("-paper") => &["model.context=16"],
        _ => &[],
    };
    let layers: &[&str] = match name.starts_with("translate") || name == "reverse-map" {
        true => &["model.encoder_layers=1", "model.decoder_layers=1"],
        false => &["model.layers=1"],
    };
    let narrow = ["model.width=16", "model.heads=2", "model.feed_forward=16"];
    layers.iter().chain(&narrow).chain(more).flat_map(|edit| ["--set", edit]).collect()
}

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
    texts(&place);
    class_data(&place);
    for name in NAMES {
        let short =
            ["--quiet", "--json", "--set", "train.steps=2", "--set", "train.warmup=1", "--set", "train.eval_batches=1"];
        let short = [&short[..], &small(name)].concat();
        let built_in = last_json(&place.ok(&[&["train", name], &short[..]].concat()));
        assert_eq!((&built_in["recipe"], &built_in["steps"]), (&name.into(), &2.into()));
        let file = format!("{name}.toml");
        place.write(&file, place.ok(&["recipes", "--show", name]).stdout);
        let own = last_json(&place.ok(&[&["train", file.as_str()], &short[..]].concat()));
        assert_eq!(built_in["metric"], own["metric"], "{name}");
    }
}

#[test]
fn the_recipes_of_papers_tell_what_they_cost() {
    let place = Place::new();
    texts(&place);
    class_data(&place);
    for name in NAMES.into_iter().filter(|name| name.ends_with("-paper")) {
        let cost = last_json(&place.ok(&["inspect", name, "--json", "--set", "train.batch=1"]));
        assert!(cost["parameters"].as_u64().unwrap() > 50_000, "{name}: {cost}");
    }
}

#[test]
fn the_recipes_of_papers_tell_what_they_cost_before_their_data_are_there() {
    let place = Place::new();
    // A cost needs no long context: positions have no parameters here.
    let ran = place.ok(&["inspect", "lm-wikitext-paper", "--json", "--set", "model.context=16"]);
    assert!(ran.stderr.contains("wikitext-103") && ran.stderr.contains("data.tokenizer.size"), "{}", ran.stderr);
    let cost = last_json(&ran);
    assert_eq!(cost["vocabulary"], 28_996);
    // What arXiv 2502.17206's program has without the norm and the bias of its output, and with a neural score of width 2 in one layer.
    assert_eq!(cost["parameters"], 46_527_812 - 1_024 - 28_996 + 275);
    for name in ["translate-iwslt17-paper", "translate-wmt14-paper", "mlm-wikitext-paper"] {
        let narrow = ["--set", "model.width=16", "--set", "model.heads=2", "--set", "model.context=16"];
        place.ok(&[&["inspect", name, "--json", "--set", "train.batch=1"], &narrow[..]].concat());
    }
    // Images say their size and classes themselves.
    place.run(&["inspect", "image-cifar10-paper"]).refuses(1, &["cifar10", "--data-dir"]);
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
