//! An encoder–decoder through the program: trained, stopped, resumed, measured, asked.

use std::io::Write;
use std::process::Stdio;

use crate::support::{Place, Ran, last_json};

/// A task of a few tokens that is learned in a second.
const TINY: &str = r#"# Map and reverse up to three tokens
[data]
task = "reverse-map"
n = 8
shortest = 1
longest = 3

[model]
kind = "encoder-decoder"
encoder_layers = 1
decoder_layers = 1
width = 16
context = 5
attention = { position = "sinusoidal" }

[train]
steps = 300
batch = 32
learning_rate = 0.01
seed = 2
eval_every = 50
eval_batches = 4
checkpoint_every = 50
"#;

fn place() -> Place {
    let place = Place::new();
    place.write("tiny.toml", TINY);
    place
}

/// The answers to lines.
pub fn translate(place: &Place, run: &str, lines: &[u8]) -> Ran {
    let mut command = place.command(&["translate", run]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A program that refuses before it reads closes the pipe.
    let _ = child.stdin.take().unwrap().write_all(lines);
    let out = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: out.status.code(), stdout: text(out.stdout), stderr: text(out.stderr) }
}

#[test]
fn a_run_learns_is_measured_and_answers() {
    let place = place();
    for preset in ["dot", "kgv"] {
        let report = last_json(&place.ok(&["train", "tiny.toml", "--attention", preset, "--json", "--out", preset]));
        assert_eq!(report["metric"]["name"], "perplexity");
        let perplexity = report["metric"]["value"].as_f64().unwrap();
        assert!(perplexity < 1.05, "{preset}: {report}");

        let measured = last_json(&place.ok(&["eval", preset, "--json"]));
        assert_eq!(measured["metric"], serde_json::json!({ "name": "perplexity", "value": perplexity }));
        assert_eq!(measured["perplexity"], perplexity);
        let padded = measured["padded_perplexity"].as_f64().unwrap();
        assert!(1.0 < padded && padded < perplexity, "{measured}");
        assert!(measured["accuracy"].as_f64().unwrap() > 0.98, "{measured}");
        let shown = place.ok(&["eval", preset]).stdout;
        assert!(shown.contains(&format!("perplexity: {perplexity:.4} a token, padding not counted")), "{shown}");
        assert!(shown.contains("padded perplexity") && shown.contains("arXiv 2305.10991"), "{shown}");

        // A token alone shows the map, and a sequence is its images in reverse.
        let answers = translate(&place, preset, b"3\n4\n5\n6\n7\n\n3 5 4\n");
        assert_eq!(answers.code, Some(0), "{}", answers.stderr);
        let lines: Vec<&str> = answers.stdout.lines().collect();
        let mut images = lines[..5].to_vec();
        assert_eq!(lines[5..], ["", &format!("{} {} {}", images[1], images[2], images[0])]);
        images.sort_unstable();
        assert_eq!(images, ["3", "4", "5", "6", "7"], "{preset}");
    }
}

#[test]
fn a_run_that_was_stopped_goes_on_to_the_same_parameters() {
    let place = place();
    place.ok(&["train", "tiny.toml", "--quiet", "--out", "whole", "--set", "train.steps=60"]);
    place.ok(&["train", "tiny.toml", "--quiet", "--out", "cut", "--set", "train.steps=60"]);
    // As if it had been killed after the checkpoint of step 50.
    std::fs::remove_dir_all(place.path("cut/ckpt/step-00000060")).unwrap();
    place.ok(&["train", "--resume", "cut", "--quiet"]);
    assert_eq!(place.parameters("cut", 60), place.parameters("whole", 60));
    assert_eq!(place.read("cut/metrics.jsonl"), place.read("whole/metrics.jsonl"));
}

#[test]
fn its_parameters_are_listed_by_block_of_each_side() {
    let place = place();
    let cost = last_json(&place.ok(&["inspect", "tiny.toml", "--json"]));
    let names: Vec<_> = cost["layers"].as_array().unwrap().iter().map(|layer| layer["name"].clone()).collect();
    assert_eq!(
        names,
        [
            "model.encoder.embed_tokens",
            "model.decoder.embed_tokens",
            "model.encoder.layers.0",
            "model.encoder.layer_norm",
            "model.decoder.layers.0",
            "model.decoder.layer_norm",
            "lm_head"
        ]
    );
    let sum: u64 = cost["layers"].as_array().unwrap().iter().map(|layer| layer["parameters"].as_u64().unwrap()).sum();
    assert_eq!(cost["parameters"], sum);
    let table = place.ok(&["inspect", "tiny.toml"]).stdout;
    let ends: Vec<usize> = table.lines().filter(|line| line.contains("model.")).map(str::len).collect();
    assert!(ends.windows(2).all(|pair| pair[0] == pair[1]), "{table}");
}

#[test]
fn what_such_a_run_cannot_do_is_a_sentence() {
    let place = place();
    place.ok(&["train", "tiny.toml", "--quiet", "--out", "pairs", "--set", "train.steps=1"]);
    place.run(&["generate", "pairs"]).refuses(1, &["pairs was not trained on text", "`anther translate`"]);
    place.run(&["inspect", "pairs", "--maps", "maps.png"]).refuses(2, &["pairs trains an encoder-decoder", "causal"]);
    translate(&place, "pairs", b"3\nx\n").refuses(2, &["line 2 cannot be read", "\"x\"", "0 to 7"]);
    translate(&place, "pairs", b"3 3 3 3 3\n").refuses(2, &["line 1 has 5 tokens", "at most 5"]);
    translate(&place, "pairs", b"3\xff\n").refuses(2, &["the standard input cannot be used", "UTF-8"]);
    translate(&place, "nowhere", b"3\n").refuses(1, &["nowhere holds no run"]);
    assert_eq!(translate(&place, "pairs", b"").stdout, "");

    place.ok(&["train", "nt-dot", "--quiet", "--out", "causal", "--set", "train.steps=1", "--set", "train.warmup=0"]);
    translate(&place, "causal", b"1\n").refuses(1, &["causal language model", "`anther generate`"]);
    place
        .run(&["train", "tiny.toml", "--attention", "window"])
        .refuses(2, &["model.attention.window", "another sequence"]);
    place.run(&["train", "tiny.toml", "--set", "model.kind=decoder"]).refuses(2, &["`model.kind`", "encoder-decoder"]);
}
