//! Models of Hugging Face through the program: imported, used, trained on, exported.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::{Value, json};

use crate::pairs::translate;
use crate::support::{Place, last_json};

/// Writes the checkpoint of a golden file as the folder `hf`, with a tokenizer of words that has these tokens for padding and the end.
fn checkpoint(place: &Place, name: &str, [padding, end]: [u64; 2]) -> Value {
    let path = format!("../transformer/tests/golden/hugging_face_{name}.json");
    let file = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let golden: Value = serde_json::from_slice(&file).unwrap();
    let numbers = |array: &Value| -> Vec<u8> {
        let bytes = |x: &Value| (x.as_f64().unwrap() as f32).to_le_bytes();
        array["data"].as_array().unwrap().iter().flat_map(bytes).collect()
    };
    let shape = |array: &Value| -> Vec<usize> {
        array["shape"].as_array().unwrap().iter().map(|x| x.as_u64().unwrap() as usize).collect()
    };
    let tensors: Vec<_> = golden["tensors"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, array)| (name.clone(), shape(array), numbers(array)))
        .collect();
    let views =
        tensors.iter().map(|(name, shape, bytes)| (name, TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap()));
    fs::create_dir(place.path("hf")).unwrap();
    place.write("hf/model.safetensors", safetensors::serialize(views, None).unwrap());
    place.write("hf/config.json", golden["config"].to_string());
    let words = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m"];
    let word = |number: usize| match number as u64 {
        number if number == padding => "<pad>",
        number if number == end => "</s>",
        11 => "<unk>",
        7 => "<mask>",
        _ => words[number],
    };
    let vocabulary: serde_json::Map<_, _> = (0..13).map(|number| (word(number).to_owned(), json!(number))).collect();
    let tokenizer = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null, "decoder": null,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "<unk>"}
    });
    place.write("tokenizer.json", tokenizer.to_string());
    place.write("hf/tokenizer.json", tokenizer.to_string());
    golden
}

/// Names, shapes and bytes of the tensors of a file.
fn tensors(place: &Place, file: &str) -> BTreeMap<String, (Vec<usize>, Vec<u8>)> {
    let bytes = fs::read(place.path(file)).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    file.iter().map(|(name, view)| (name.to_owned(), (view.shape().to_vec(), view.data().to_vec()))).collect()
}

fn config(place: &Place, dir: &str) -> Value {
    serde_json::from_str(&place.read(&format!("{dir}/config.json"))).unwrap()
}

#[test]
fn gpt2_is_imported_used_trained_on_and_exported() {
    let place = Place::new();
    let golden = checkpoint(&place, "gpt2", [0, 3]);
    let imported = place.ok(&["import", "hf", "hf", "--out", "run", "--json"]);
    assert_eq!(last_json(&imported)["parameters"], 2656);
    assert_eq!(imported.stderr, "");
    let text = place.ok(&["generate", "run", "--prompt", "a b", "--max-tokens", "5", "--temperature", "0"]).stdout;
    assert!(text.starts_with("a b"), "{text}");
    let rows = place.ok(&["inspect", "run"]).stdout;
    assert!(rows.contains("model.embed_positions                     108"), "{rows}");
    place.run(&["eval", "run"]).refuses(1, &["the model has no data", "--set data.name=FOLDER"]);
    place.run(&["train", "--resume", "run"]).refuses(2, &["data.path: the task text needs a file"]);

    let exported = place.ok(&["export", "hf", "run", "back"]);
    assert!(exported.stdout.starts_with("GPT-2 with 28 tensors and 2,656 numbers"), "{}", exported.stdout);
    assert_eq!(tensors(&place, "back/model.safetensors"), tensors(&place, "hf/model.safetensors"));
    let before = &golden["config"];
    for (key, value) in config(&place, "back").as_object().unwrap() {
        // The special tokens are those of the tokenizer, which has no token that begins.
        if key != "bos_token_id" && key != "pad_token_id" {
            assert_eq!(*value, before[key], "{key}");
        }
    }
    let tokenizer =
        |dir: &str| -> Value { serde_json::from_str(&place.read(&format!("{dir}/tokenizer.json"))).unwrap() };
    assert_eq!(tokenizer("back")["model"]["vocab"], tokenizer("hf")["model"]["vocab"]);
    place.run(&["export", "hf", "run", "back"]).refuses(1, &["back exists already"]);
    place.ok(&["export", "run", "weights.safetensors"]);
    assert!(tensors(&place, "weights.safetensors").contains_key("model.layers.0.self_attn.q_proj.weight"));

    place.write("text.txt", "a b c d e f\n".repeat(60));
    let tuning = ["data.path=text.txt", "train.steps=5", "train.batch=2", "train.eval_batches=1"];
    let edits: Vec<&str> = tuning.iter().flat_map(|edit| ["--set", edit]).collect();
    place.ok(&[&["import", "hf", "hf", "--out", "tuned"], &edits[..]].concat());
    let loss = || last_json(&place.ok(&["eval", "tuned", "--json"]))["loss"].as_f64().unwrap();
    let before = loss();
    place.ok(&["train", "--resume", "tuned", "--quiet"]);
    let after = loss();
    assert!(after < before, "{after} is not below {before}");
    place.run(&["import", "hf", "hf", "--out", "tuned"]).refuses(1, &["tuned already holds a run"]);
}

/// What a run answers to three lines, the second of them empty.
fn answers(place: &Place, run: &str) -> String {
    let ran = translate(place, run, b"a b c\n\nd");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran.stdout
}

#[test]
fn marian_translates() {
    let place = Place::new();
    checkpoint(&place, "marian", [12, 0]);
    place.ok(&["import", "hf", "hf", "--out", "run"]);
    let first = answers(&place, "run");
    assert_eq!(first.lines().count(), 3, "{first}");
    assert!(!first.contains("<pad>"), "{first}");
    place.ok(&["export", "hf", "run", "back"]);
    assert_eq!(tensors(&place, "back/model.safetensors"), tensors(&place, "hf/model.safetensors"));
    let written = config(&place, "back");
    for (key, value) in [("decoder_start_token_id", 12), ("pad_token_id", 12), ("eos_token_id", 0)] {
        assert_eq!(written[key], value, "{key}");
    }
    // What was exported is the same model.
    place.ok(&["import", "hf", "back", "--out", "again"]);
    assert_eq!(answers(&place, "again"), first);

    fs::create_dir(place.path("pairs")).unwrap();
    for (part, language) in [("train", "x"), ("train", "y"), ("valid", "x"), ("valid", "y")] {
        place.write(&format!("pairs/{part}.{language}"), "a b c\nd e\n");
    }
    let data = ["--set", "data.name=./pairs", "--set", "data.source=x", "--set", "data.target=y"];
    place.ok(&[&["import", "hf", "hf", "--out", "measured"], &data[..]].concat());
    assert!(last_json(&place.ok(&["eval", "measured", "--json"]))["perplexity"].as_f64().unwrap() > 1.0);
    let half = ["import", "hf", "hf", "--out", "half", "--set", "data.name=./pairs"];
    place.run(&half).refuses(2, &["data.source"]);

    fs::remove_file(place.path("hf/tokenizer.json")).unwrap();
    place
        .run(&["import", "hf", "hf", "--out", "bare"])
        .refuses(1, &["hf has no tokenizer.json", "source.spm", "--tokenizer FILE"]);
    assert!(!place.path("bare").exists());
    place.ok(&["import", "hf", "hf", "--out", "given", "--tokenizer", "tokenizer.json"]);
    assert_eq!(answers(&place, "given"), first);
}

#[test]
fn roberta_and_images_become_runs() {
    let place = Place::new();
    checkpoint(&place, "roberta", [1, 2]);
    place.write("text.txt", "a d e f g\n".repeat(60));
    let edits = ["--set", "data.path=text.txt", "--set", "train.eval_batches=1", "--set", "train.batch=2"];
    place.ok(&[&["import", "hf", "hf", "--out", "run"], &edits[..]].concat());
    assert_eq!(last_json(&place.ok(&["eval", "run", "--json"]))["metric"]["name"], "masked-LM perplexity");
    place.ok(&["export", "hf", "run", "back"]);
    place.ok(&[&["import", "hf", "back", "--out", "again"], &edits[..]].concat());
    let parameters = ["run", "again"].map(|run| place.parameters(run, 0));
    assert_eq!(parameters[0], parameters[1]);
    fs::remove_dir_all(place.path("hf")).unwrap();

    // Another tokenizer of the same size.
    checkpoint(&place, "roberta", [0, 2]);
    place.run(&["import", "hf", "hf", "--out", "other"]).refuses(1, &["pad_token_id", "is 0", "config.json 1"]);

    for name in ["vit", "deit"] {
        fs::remove_dir_all(place.path("hf")).unwrap();
        checkpoint(&place, name, [0, 1]);
        let [run, back] = [format!("{name}-run"), format!("{name}-back")];
        place.ok(&["import", "hf", "hf", "--out", &run]);
        assert!(place.ok(&["inspect", &run]).stdout.contains("classifier"));
        place.run(&["generate", &run]).refuses(1, &["was not trained on text"]);
        let bare = place.ok(&["export", "hf", &run, &back]);
        assert!(bare.stderr.contains("there is no preprocessor_config.json"), "{}", bare.stderr);
        let file = format!("{back}/model.safetensors");
        assert_eq!(tensors(&place, &file), tensors(&place, "hf/model.safetensors"));
        let channels = if name == "vit" { 3 } else { 1 };
        let standard = json!({ "image_mean": vec![0.25; channels], "image_std": vec![0.5; channels] });
        place.write("hf/preprocessor_config.json", standard.to_string());
        let [run, back] = [format!("{name}-standard"), format!("{name}-standard-back")];
        assert_eq!(place.ok(&["import", "hf", "hf", "--out", &run]).stderr, "");
        assert_eq!(place.ok(&["export", "hf", &run, &back]).stderr, "");
        let exported: Value = serde_json::from_str(&place.read(&format!("{back}/preprocessor_config.json"))).unwrap();
        assert_eq!(
            (&exported["image_mean"], &exported["image_std"]),
            (&standard["image_mean"], &standard["image_std"])
        );
    }
}

/// Gives all tables of 13 tokens in the folder `hf` three more rows, which would be predicted before all others if they were read.
fn make_longer(place: &Place) {
    let mut longer = tensors(place, "hf/model.safetensors");
    let mut changed = 0;
    for (shape, bytes) in longer.values_mut() {
        // Marian has a bias of the shape [1, tokens].
        let axis = usize::from(shape[0] == 1);
        if shape.get(axis) == Some(&13) {
            shape[axis] = 16;
            let more = shape.iter().product::<usize>() - bytes.len() / 4;
            bytes.extend([100f32.to_le_bytes()].repeat(more).concat());
            changed += 1;
        }
    }
    assert!(changed > 1);
    let views =
        longer.iter().map(|(name, (shape, bytes))| (name, TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap()));
    place.write("hf/model.safetensors", safetensors::serialize(views, None).unwrap());
    let mut config = config(place, "hf");
    for key in ["vocab_size", "decoder_vocab_size"] {
        if config.get(key).is_some() {
            config[key] = json!(16);
        }
    }
    place.write("hf/config.json", config.to_string());
}

#[test]
fn vocabularies_that_were_made_longer_are_cut_to_their_tokens() {
    for (name, special) in [("marian", [12, 0]), ("roberta", [1, 2])] {
        let place = Place::new();
        checkpoint(&place, name, special);
        place.ok(&["import", "hf", "hf", "--out", "plain"]);
        make_longer(&place);
        let imported = place.ok(&["import", "hf", "hf", "--out", "cut"]);
        assert!(
            imported.stderr.contains("the last 3 rows of the vocabulary belong to no token"),
            "{}",
            imported.stderr
        );
        assert_eq!(place.parameters("plain", 0), place.parameters("cut", 0));
        for run in ["plain", "cut"] {
            place.ok(&["export", "hf", run, &format!("{run}-back")]);
        }
        assert_eq!(tensors(&place, "plain-back/model.safetensors"), tensors(&place, "cut-back/model.safetensors"));
        assert_eq!(config(&place, "cut-back"), config(&place, "plain-back"));
        if name == "marian" {
            assert_eq!(answers(&place, "plain"), answers(&place, "cut"));
        }
    }
}

#[test]
fn a_run_of_ones_own_goes_there_and_back() {
    let place = Place::with_text();
    let recipe = place.read("tiny.toml");
    let tied = "[model]\ntied = true\nactivation = \"gelu-tanh\"\n";
    let data = "[data]\ntokenizer = { kind = \"bpe\", size = 280, least = 1 }\n";
    place.write("mine.toml", recipe.replace("[model]\n", tied).replace("[data]\n", data));
    place.ok(&["train", "mine.toml", "--set", "train.steps=3", "--out", "run", "--quiet"]);
    place.ok(&["export", "hf", "run", "back"]);
    let imported = place.ok(&["import", "hf", "back"]);
    assert!(imported.stdout.trim_end().ends_with("runs/back-1"), "{}", imported.stdout);
    let text =
        |run: &str| place.ok(&["generate", run, "--prompt", "the quick", "--seed", "4", "--max-tokens", "20"]).stdout;
    assert_eq!(text("run"), text("runs/back-1"));

    // Chains, once they are matrices, and what has no form there.
    place.ok(&["prune", "run", "--layers", "*.fc1", "--rank", "2", "--out", "small", "--quiet"]);
    place.run(&["export", "hf", "small", "dense"]).refuses(1, &["model.chains", "--dense"]);
    place.ok(&["export", "hf", "small", "dense", "--dense"]);
    assert_eq!(config(&place, "dense")["model_type"], "gpt2");
    place.ok(&["train", "mine.toml", "--attention", "bn", "--set", "train.steps=1", "--out", "bn", "--quiet"]);
    place.run(&["export", "hf", "bn", "no"]).refuses(1, &["model.attention.condition", "has no form in GPT-2"]);
    place.ok(&["train", "tiny.toml", "--set", "train.steps=1", "--out", "letters", "--quiet"]);
    let warned = place.ok(&["export", "hf", "letters", "letters-back"]);
    assert!(warned.stderr.contains("there is no tokenizer.json"), "{}", warned.stderr);
    assert!(!place.path("no").exists() && !place.path("letters-back/tokenizer.json").exists());
}

#[test]
fn wrong_use_is_refused() {
    let place = Place::new();
    checkpoint(&place, "gpt2", [0, 3]);
    place.run(&["import", "hf", "nowhere", "--out", "run"]).refuses(1, &["nowhere has no config.json"]);
    let width = ["import", "hf", "hf", "--out", "run", "--set", "model.width=8"];
    place.run(&width).refuses(2, &["--set model.width=8", "only keys of data and train"]);
    place.run(&["import", "hf", "hf", "--out", "run", "--set", "train.stepz=8"]).refuses(2, &["train.steps"]);
    assert_eq!(place.run(&["import"]).code, Some(2));
    place.run(&["import", "onnx", "hf"]).refuses(2, &["onnx"]);
    place.run(&["export", "hf", "nowhere", "back"]).refuses(1, &["nowhere holds no run"]);
    place.run(&["export", "hf", "nowhere"]).refuses(2, &["<DIR>"]);
    assert_eq!(place.run(&["export", "nowhere"]).code, Some(2));
    assert_eq!(place.run(&["export"]).code, Some(2));
    assert!(!place.path("run").exists());
}
