//! The recipes that are compiled in.

use crate::support::{Place, idx, last_json};

const NAMES: [&str; 24] = [
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
    let more: &[&str] = match name {
        "image-cifar10-paper" => &["train.batch=2", "data.size=32"],
        "listops-paper" => &["train.batch=2", "data.shortest=10", "data.longest=50"],
        "series-uea-paper" => &["train.batch=2"],
        _ if name.ends_with("-paper") => &["model.context=16"],
        _ => return Vec::new(),
    };
    let layers: &[&str] = match name.starts_with("translate") {
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

/// Texts of the recipes of language and translation, as small as they can be.
fn texts(place: &Place) {
    std::fs::create_dir_all(place.path("datasets/tinyshakespeare")).unwrap();
    place.write("datasets/tinyshakespeare/input.txt", "To be, or not to be, that is the question.\n".repeat(40));
    let texts: [(&str, &[&str]); 10] = [
        ("us-presidential", &["state_union.train.txt.gz", "state_union.valid.txt.gz"]),
        ("wikitext-2", &["wiki.train.tokens", "wiki.valid.tokens"]),
        ("wikitext-2-raw", &["wiki.train.raw", "wiki.valid.raw"]),
        ("wikitext-103", &["wiki.train.tokens", "wiki.valid.tokens"]),
        ("wikitext-103-raw", &["wiki.train.raw", "wiki.valid.raw"]),
        ("multi30k", &["train.de.gz", "train.en.gz", "val.de.gz", "val.en.gz"]),
        ("wmt-en-de-10k", &["train.de.gz", "train.en.gz", "valid.de.gz", "valid.en.gz"]),
        ("wmt14", &["train.de", "train.en", "newstest2013.de", "newstest2013.en"]),
        ("debian-l10n/cs", &["train.cs.gz", "train.en.gz", "valid.cs.gz", "valid.en.gz"]),
        (
            "iwslt2017/de-en",
            &[
                "train.tags.de-en.de",
                "train.tags.de-en.en",
                "IWSLT17.TED.dev2010.de-en.de.xml",
                "IWSLT17.TED.dev2010.de-en.en.xml",
            ],
        ),
    ];
    for (folder, parts) in texts {
        std::fs::create_dir_all(place.path(&format!("datasets/{folder}"))).unwrap();
        for part in parts {
            let line = " To be , or not to be , that is <unk> .\n";
            place.write(&format!("datasets/{folder}/{part}"), line.repeat(110));
        }
    }
}

/// Data sets of the recipes that tell classes, as small as they can be.
fn class_data(place: &Place) {
    let folder = |name: &str| std::fs::create_dir_all(place.path(name)).unwrap();
    let pixels: Vec<u8> = (0..6 * 784).map(|i| (i * 37 % 251) as u8).collect();
    folder("datasets/mnist");
    for part in ["train", "t10k"] {
        place.write(&format!("datasets/mnist/{part}-images-idx3-ubyte"), idx(&[6, 28, 28], &pixels));
        place.write(&format!("datasets/mnist/{part}-labels-idx1-ubyte"), idx(&[6], &[0, 1, 2, 0, 1, 2]));
    }
    let record = |labels: &[u8]| [labels.to_vec(), (0..3072).map(|i| (i * 7 % 253) as u8).collect()].concat();
    folder("datasets/cifar10");
    folder("datasets/cifar100");
    for file in ["data_batch_1", "test_batch"] {
        place.write(&format!("datasets/cifar10/{file}.bin"), [record(&[1]), record(&[7])].concat());
    }
    for file in ["train", "test"] {
        place.write(&format!("datasets/cifar100/{file}.bin"), [record(&[1, 20]), record(&[2, 99])].concat());
    }
    folder("datasets/uea/JapaneseVowels");
    for part in ["TRAIN", "TEST"] {
        place.write(
            &format!("datasets/uea/JapaneseVowels/JapaneseVowels_{part}.ts"),
            "@data\n1,2,3:4,5,6:a\n3,1:2,0:b\n",
        );
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
