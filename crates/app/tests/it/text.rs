//! Text in tokens from the command line: training, perplexity by every protocol, generation, masked text, and files that are not what they should be.

use crate::support::{Place, gzip, last_json};

const LINE: &str = " the quick brown fox – it jumps over the lazy dog .\n";

/// A folder with a text in parts, of which the first is packed.
fn place() -> Place {
    let place = Place::new();
    std::fs::create_dir_all(place.path("datasets/fables")).unwrap();
    place.write("datasets/fables/fox.train.txt.gz", gzip(LINE.repeat(40).as_bytes()));
    place.write("datasets/fables/fox.valid.txt", LINE.repeat(9));
    place.write("datasets/fables/fox.test.txt", LINE.repeat(7));
    let recipe = "data = { task = \"text\", name = \"fables\", tokenizer = { kind = \"bpe\", size = 290 } }\n\
        model = { layers = 1, width = 16, context = 16 }\n\
        train = { steps = 30, batch = 4, eval_every = 10, eval_batches = 2, learning_rate = 0.01 }\n";
    place.write("fox.toml", recipe);
    place
}

#[test]
fn text_of_every_kind_of_token_is_trained_measured_and_gone_on_with() {
    let place = place();
    for kind in ["bpe", "words", "bytes", "characters"] {
        let edit = format!("data.tokenizer.kind={kind}");
        let report = last_json(&place.ok(&["train", "fox.toml", "--json", "--out", kind, "--set", &edit]));
        assert_eq!(report["metric"]["name"], "perplexity", "{report}");
        let text = |flags: &[&str]| {
            let answer = last_json(&place.ok(&[&["eval", kind, "--json"], flags].concat()));
            answer["text"].as_object().unwrap().clone()
        };
        let [plain, sliding] = [&["--split", "test"][..], &["--split", "test", "--stride", "4"]].map(text);
        assert_eq!((&plain["words"], &plain["split"]), (&91.into(), &"test".into()));
        assert_eq!(plain["scored_tokens"], sliding["scored_tokens"]);
        let [token, word] = ["token_perplexity", "word_perplexity"].map(|key| plain[key].as_f64().unwrap());
        let tokens = plain["tokens"].as_f64().unwrap();
        assert!((token.ln() * tokens / 91.0 - word.ln()).abs() < 1e-9, "{kind}: {token} {word}");
        let overlap = text(&["--protocol", "paper2-overlap"]);
        assert!(overlap["protocol"].as_str().unwrap().contains("2502.17206") && overlap["split"] == "validation");
        let shown = place.ok(&["eval", kind]).stdout;
        assert!(shown.contains("a token (") && shown.contains("a word (117 words"), "{shown}");
        let written = place.ok(&["generate", kind, "--prompt", "the quick", "--max-tokens", "40"]).stdout;
        assert!(written.starts_with("the quick"), "{written}");
    }
}

#[test]
fn a_recipe_of_a_text_takes_a_file_or_a_folder_in_the_place_of_its_own() {
    let place = place();
    place.write("book.txt", LINE.repeat(60));
    let small = ["--set", "model.width=16", "--set", "model.context=16", "--set", "train.steps=2"];
    let short = ["--quiet", "--json", "--set", "train.warmup=1", "--set", "train.eval_batches=1"];
    let small = [&small[..], &short].concat();
    for recipe in ["lm-text", "lm-wikitext", "mlm-wikitext", "shakespeare-char"] {
        for edit in ["data.path=./book.txt", "data.name=./datasets/fables"] {
            let report = last_json(&place.ok(&[&["train", recipe, "--set", edit], &small[..]].concat()));
            assert_eq!(report["steps"], 2, "{recipe} {edit}: {report}");
        }
    }
    let both = ["train", "lm-text", "--set", "data.path=book.txt", "--set", "data.name=fables"];
    place.run(&both).refuses(2, &["data.name is given as well"]);
}

#[test]
fn hidden_tokens_have_a_perplexity_of_their_own() {
    let place = place();
    let edits = ["--set", "data.task=masked-text", "--set", "model.kind=masked-lm"];
    let report = last_json(&place.ok(&[&["train", "fox.toml", "--json", "--out", "run"], &edits[..]].concat()));
    assert_eq!(report["metric"]["name"], "masked-LM perplexity", "{report}");
    let [validation, test] = ["validation", "test"].map(|split| place.ok(&["eval", "run", "--split", split]).stdout);
    assert!(validation.contains("masked-LM perplexity: ") && validation != test, "{validation}");
    let measured = || {
        let mut told = last_json(&place.ok(&["eval", "run", "--json"]));
        // What a result took is not the same twice.
        for cost in ["tokens_per_second", "peak_rss_bytes"] {
            told[cost] = serde_json::Value::Null;
        }
        told
    };
    assert_eq!(measured(), measured());
    place.run(&["eval", "run", "--stride", "4"]).refuses(2, &["--stride or --protocol", "for runs on text"]);
    place.run(&["generate", "run"]).refuses(1, &["not trained on text"]);
}

#[test]
fn files_that_are_not_what_they_should_be_are_named() {
    let place = place();
    let train = |edits: &[&str]| {
        let edits: Vec<&str> = edits.iter().flat_map(|edit| ["--set", edit]).collect();
        place.run(&[&["train", "fox.toml", "--out", "run"], &edits[..]].concat())
    };
    train(&["data.name=nowhere"]).refuses(1, &["nowhere was not found in", "cargo xtask fetch nowhere"]);
    train(&["data.validation=absent.txt"]).refuses(1, &["absent.txt does not exist"]);
    let packed = std::fs::read(place.path("datasets/fables/fox.train.txt.gz")).unwrap();
    place.write("datasets/fables/cut.gz", &packed[..packed.len() / 2]);
    place.write("datasets/fables/latin.txt", b"fine\nGr\xf6\xdfe");
    place.write("datasets/fables/blank.txt", "\n \n");
    train(&["data.validation=cut.gz"]).refuses(1, &["cut.gz is packed with gzip and damaged"]);
    train(&["data.validation=latin.txt"]).refuses(1, &["latin.txt, line 2: it is not UTF-8"]);
    train(&["data.validation=blank.txt"]).refuses(1, &["blank.txt is empty"]);
    train(&["data.tokenizer_file=fox.toml"]).refuses(1, &["fox.toml is no tokenizer"]);
    std::fs::remove_file(place.path("datasets/fables/fox.train.txt.gz")).unwrap();
    std::fs::remove_file(place.path("datasets/fables/cut.gz")).unwrap();
    train(&[]).refuses(1, &["no training text", "--set data.train=fox.valid.txt --set data.validation=fox.test.txt"]);
    assert!(!place.path("run").exists(), "a refusal left a run behind");
}

#[test]
fn a_tokenizer_of_another_size_is_refused() {
    let place = place();
    place.ok(&["train", "fox.toml", "--out", "words", "--set", "data.tokenizer.kind=words", "--set", "train.steps=10"]);
    place.run(&["eval", "words", "--stride", "17"]).refuses(1, &["a stride of 17 tokens is not between 1 and"]);
    let folder = place.path("words/ckpt/step-00000010/tokenizer.json");
    let json = std::fs::read_to_string(&folder).unwrap();
    std::fs::write(&folder, json.replace("\"fox\",", "")).unwrap();
    let ran = place.run(&["generate", "words"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("tokenizer.json"), "{ran:?}");
}
