//! Recipes and edits that make no run: exit code 2 and a sentence that names the key and where it was set.

use crate::support::Place;

/// What follows `--set` for the recipe nt-expressive, and words of the sentence that answers.
const EDITS: &[(&str, &[&str])] = &[
    ("train.steps", &["--set train.steps", "="]),
    ("=3", &["--set =3"]),
    ("train.stepz=3", &["unknown key `train.stepz`", "did you mean `train.steps`?", "--set train.stepz=3"]),
    ("trian.steps=3", &["`trian", "train"]),
    ("train.steps=many", &["`train.steps`", "whole number", "--set train.steps=many"]),
    ("train.steps=-1", &["`train.steps`"]),
    ("train.steps=0", &["train.steps: 0 is not between 1 and"]),
    ("train.batch=0", &["train.batch: 0 is not between 1 and"]),
    ("train.batch=999999999", &["train.batch", "limit"]),
    ("train.learning_rate=nan", &["train.learning_rate"]),
    ("train.beta1=1.0", &["train.beta1: 1 is not at least 0 and below 1"]),
    ("train.warmup=100000", &["train.warmup", "shorten it"]),
    ("train.schedule=sine", &["`train.schedule`", "sine", "cosine"]),
    ("train.optimizer=lion", &["`train.optimizer`", "lion", "adamw"]),
    ("data.n=1", &["data.n: 1 symbols are not between 2 and 4096"]),
    ("data.tau=0", &["data.tau: the delay must be at least 1"]),
    ("data.tau=40", &["model.context: a context of 14", "delay of 40", "use 42 or more"]),
    ("data.rule=product", &["`data.rule`", "product", "sum"]),
    ("data.task=pictures", &["`data.task`", "pictures"]),
    ("model.heads=3", &["model.heads: 3 heads do not divide a width of 32"]),
    ("model.heads=0", &["model.heads"]),
    ("model.layers=0", &["model.layers: 0 is not between 1 and"]),
    ("model.width=2", &["model.width: 2 coordinates cannot hold 5 orthogonal tokens"]),
    ("model.dropout=1", &["model.dropout: 1 is not in [0, 1)"]),
    ("model.attention.scale=0", &["model.attention.scale: 0 is not a positive"]),
    ("model.attention.weighing=hard", &["`model.attention.weighing`", "hard", "expressive"]),
    ("model.attention.project.kind=conv", &["`model.attention.project.kind`", "conv", "linear"]),
    ("model=3", &["`model`"]),
];

#[test]
fn every_wrong_edit_is_refused_by_its_key() {
    let place = Place::new();
    for (edit, words) in EDITS {
        println!("{edit}");
        place.run(&["train", "nt-expressive", "--set", edit]).refuses(2, words);
    }
    assert!(!place.path("runs").exists(), "a refusal left a run behind");
}

#[test]
fn the_nearest_recipe_is_named() {
    let place = Place::new();
    place.run(&["train", "nt-expresive"]).refuses(2, &["no recipe `nt-expresive`", "did you mean `nt-expressive`?"]);
    place
        .run(&["train", "banana"])
        .refuses(2, &["no recipe `banana`", "nt-expressive, nt-dot, nt-multitask, shakespeare-char, reverse-map"]);
    place.run(&["inspect", "shakespeare-chars"]).refuses(2, &["did you mean `shakespeare-char`?"]);
}

#[test]
fn a_wrong_preset_is_answered_with_all_of_them() {
    let place = Place::new();
    let words =
        ["there is no preset `kvg`; choose from dot, multi-query, ", "kgv, ", "block-sparse, or join some with +"];
    place.run(&["train", "nt-dot", "--attention", "kvg"]).refuses(2, &words);
    place
        .run(&["inspect", "nt-dot", "--attention", "kgv+mlp-qkv"])
        .refuses(2, &["`mlp-qkv`", "set project", "keep one"]);
    assert!(!place.path("runs").exists(), "a refusal left a run behind");
}

#[test]
fn every_wrong_file_is_refused_by_its_name() {
    let place = Place::new();
    place.write("syntax.toml", "[train]\nsteps = 3\nbatch = = 4\n");
    place.write("unknown.toml", "[model]\nlayer = 3\n");
    place.write("type.toml", "[train]\nsteps = \"many\"\n");
    place.write("twice.toml", "[train]\nsteps = 3\nsteps = 4\n");
    place.write("long.toml", format!("#{}\n", "x".repeat(300_000)));
    place.write("bytes.toml", b"[train]\n# \xff\n");
    place.write("deep.toml", format!("x = {}{}\n", "[".repeat(40), "]".repeat(40)));
    place.write("no-path.toml", "[data]\ntask = \"text\"\n");
    std::fs::create_dir(place.path("folder.toml")).unwrap();
    let cases: &[(&str, &[&str])] = &[
        ("missing.toml", &["the recipe missing.toml cannot be read", "No such file"]),
        ("a/b/missing", &["the recipe a/b/missing cannot be read"]),
        ("folder.toml", &["folder.toml", "not a regular file"]),
        ("syntax.toml", &["syntax.toml line 3 is not TOML"]),
        ("twice.toml", &["twice.toml line 3", "duplicate"]),
        ("unknown.toml", &["unknown.toml has the unknown key `model.layer`", "did you mean `model.layers`?"]),
        ("type.toml", &["type.toml", "`train.steps`", "whole number"]),
        ("long.toml", &["long.toml", "262145 bytes", "at most 262144"]),
        ("bytes.toml", &["bytes.toml", "not UTF-8 at byte 10"]),
        ("deep.toml", &["deep.toml"]),
        ("no-path.toml", &["no-path.toml", "data.path", "needs a file"]),
    ];
    for (file, words) in cases {
        println!("{file}");
        place.run(&["train", file]).refuses(2, words);
    }
    assert!(!place.path("runs").exists(), "a refusal left a run behind");
}

#[cfg(target_os = "linux")]
#[test]
fn what_cannot_fit_the_machine_is_refused_before_memory_is_taken() {
    let place = Place::new();
    let cases: &[&[&str]] = &[
        &["model.width=65536", "model.layers=1024"],
        &["model.context=1048576", "train.batch=50"],
        &["model.layers=1000", "train.batch=4000000"],
        &["train.eval_batches=1000000000000"],
    ];
    let refused = |recipe: &str, edits: &[&str]| {
        println!("{recipe} {edits:?}");
        for command in ["train", "inspect"] {
            let edits = edits.iter().flat_map(|edit| ["--set", edit]);
            let args: Vec<&str> = [command, recipe].into_iter().chain(edits).collect();
            place.run(&args).refuses(1, &["the model needs at least", "GB", "this machine has"]);
        }
    };
    for edits in cases {
        refused("nt-dot", edits);
    }
    let networks = "model.attention.project={kind=\"mlp\", hidden=1048576}";
    refused("shakespeare-char", &["model.width=65536", networks]);
    refused("image-mnist", &["data.size=4096"]);
}
