//! Translation through the program: trained on files of the usual names, scored, and what is refused.

use crate::pairs::translate;
use crate::support::{Place, gzip, last_json};

const TINY: &str = r#"# Colours and animals
[data]
task = "translation"
name = "./animals"
source = "de"
target = "en"
tokenizer = { kind = "words", least = 1 }

[model]
kind = "encoder-decoder"
encoder_layers = 1
decoder_layers = 1
heads = 2
width = 24
context = 9
attention = { position = "sinusoidal" }

[train]
steps = 200
batch = 16
learning_rate = 0.01
seed = 2
eval_every = 50
checkpoint_every = 100
"#;

const COLOURS: [[&str; 2]; 3] = [["rote", "red"], ["blaue", "blue"], ["alte", "old"]];
const ANIMALS: [[&str; 2]; 4] = [["Hund", "dog"], ["Katze", "cat"], ["Maus", "mouse"], ["Ente", "duck"]];

/// All sentences of two animals with one colour, on one side.
fn sentences(side: usize) -> Vec<String> {
    let mut all = Vec::new();
    for one in ANIMALS {
        for other in ANIMALS {
            for colour in COLOURS {
                let and = ["und", "and"][side];
                all.push(format!("{} {} {and} {}", colour[side], one[side], other[side]));
            }
        }
    }
    all
}

/// Every fourth sentence is for validation, and the same are the test; the training part is packed.
fn place() -> Place {
    let place = Place::new();
    std::fs::create_dir(place.path("animals")).unwrap();
    for (side, language) in ["de", "en"].into_iter().enumerate() {
        let lines = |validation: bool| {
            let chosen = sentences(side).into_iter().enumerate().filter(|(i, _)| (i % 4 == 1) == validation);
            chosen.map(|(_, line)| line + "\n").collect::<String>()
        };
        place.write(&format!("animals/train.{language}.gz"), gzip(lines(false).as_bytes()));
        place.write(&format!("animals/val.{language}"), lines(true));
        place.write(&format!("animals/test.{language}"), lines(true));
    }
    place.write("tiny.toml", TINY);
    place
}

#[test]
fn a_run_translates_and_is_scored() {
    let place = place();
    let report = last_json(&place.ok(&["train", "tiny.toml", "--json", "--out", "run"]));
    assert_eq!(report["metric"]["name"], "perplexity");
    let scores = last_json(&place.ok(&["translate", "run", "--score", "test", "--json", "--out", "answers.txt"]));
    assert!(scores["bleu"]["score"].as_f64().unwrap() > 60.0, "{scores}");
    assert_eq!(scores["sentences"], 12);
    let answers = place.read("answers.txt");
    assert_eq!(answers.lines().count(), 12);
    // The same translations and scores come out of the commands that work on lines.
    let sources = place.read("animals/test.de");
    let translated = translate(&place, "run", sources.as_bytes());
    assert_eq!(translated.stdout, answers);
    let shown = place.ok(&["translate", "run", "--score", "test"]).stdout;
    let score = scores["bleu"]["score"].as_f64().unwrap();
    assert!(shown.starts_with(&format!("BLEU: {score:.2} (")), "{shown}");
    assert!(shown.contains("|tok:13a|smooth:exp"), "{shown}");
    let measured = last_json(&place.ok(&["eval", "run", "--json"]));
    assert_eq!(measured["metric"]["value"], report["metric"]["value"]);
    assert!(scores["tokens_per_second"].as_f64().unwrap() > 0.0 && scores["parameters"] == measured["parameters"]);
    // Where the answers cannot be kept, nothing is translated first.
    place.run(&["translate", "run", "--score", "test", "--out", "nowhere/x"]).refuses(1, &["nowhere/x", "directory"]);
    // One that takes the likeliest token each time, and one that likes short answers, are searches too.
    for more in [["--beam", "1"], ["--length-penalty", "0"]] {
        place.ok(&["translate", "run", "--score", "validation", more[0], more[1]]);
    }
}

#[test]
fn lines_without_a_sentence_are_scored_and_not_learned_from() {
    let place = place();
    for language in ["de", "en"] {
        let gap = |file: &str, line: usize| {
            let text = place.read(&format!("animals/{file}.{language}"));
            let lines = text.lines().enumerate();
            let lines: String =
                lines.map(|(i, text)| if i == line { "\n".into() } else { format!("{text}\n") }).collect();
            place.write(&format!("animals/{file}.{language}"), lines);
        };
        gap("val", 2);
        if language == "de" {
            gap("test", 3);
        }
    }
    let ran = place.ok(&["train", "tiny.toml", "--json", "--out", "run", "--set", "train.steps=2"]);
    assert!(ran.stderr.contains("1 of 12 validation pairs have an empty side"), "{}", ran.stderr);
    let scores = last_json(&place.ok(&["translate", "run", "--score", "test", "--json", "--out", "answers.txt"]));
    assert_eq!(scores["sentences"], 12);
    let answers = place.read("answers.txt");
    assert_eq!((answers.lines().count(), answers.lines().nth(3)), (12, Some("")));
}

#[test]
fn data_that_are_missing_or_damaged_are_a_sentence() {
    let place = place();
    let refused = |parts: &[&str]| place.run(&["train", "tiny.toml", "--quiet", "--out", "run"]).refuses(1, parts);
    std::fs::write(place.path("animals/train.de.gz"), b"\x1f\x8b\x08\x00damaged").unwrap();
    refused(&["train.de.gz", "damaged", "fetch it again"]);
    std::fs::remove_file(place.path("animals/train.de.gz")).unwrap();
    refused(&["./animals", "no train text in de and en", "data.train"]);
    std::fs::write(place.path("animals/train.de"), "ein Satz\n").unwrap();
    refused(&["train.de has 1 sentences", "train.en.gz has 36", "two sides of the same text"]);
    std::fs::write(place.path("animals/train.de"), b"\xff\n").unwrap();
    refused(&["train.de, line 1", "UTF-8"]);
    std::fs::remove_dir_all(place.path("animals")).unwrap();
    refused(&["animals"]);
    assert!(!place.path("run").exists(), "nothing is left behind");
}

#[test]
fn searches_that_mean_nothing_are_refused() {
    let place = place();
    place.ok(&["train", "tiny.toml", "--quiet", "--out", "run", "--set", "train.steps=1"]);
    place.run(&["translate", "run", "--beam", "0"]).refuses(2, &["--beam", "0"]);
    place.run(&["translate", "run", "--length-penalty", "-1"]).refuses(2, &["--length-penalty -1", "at least 0"]);
    place.run(&["translate", "run", "--length-penalty", "NaN"]).refuses(2, &["--length-penalty NaN"]);
    place.run(&["translate", "run", "--json"]).refuses(2, &["--score"]);
    std::fs::remove_file(place.path("animals/test.en")).unwrap();
    place.run(&["translate", "run", "--score", "test"]).refuses(1, &["no test text in de and en", "data.test"]);
}
