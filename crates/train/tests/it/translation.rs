//! Runs on parallel texts: tokens of one or two kinds, batches by tokens, exact resumption, answers, and what is refused.

use std::fs;
use std::path::Path;

use anther_data::parallel::Part;
use anther_train::batch::Batch;
use anther_train::form::Form;
use anther_train::recipe::Recipe;
use anther_train::task::{self, Symbols, TaskError};
use anther_train::trained::{TrainedModel, Which};
use anther_transformer::BeamSearch;

use crate::runs::{data, digest, finish, resume, start, stop_after};

const TINY: &str = r#"
[data]
task = "translation"
source = "de"
target = "en"
max_tokens = 40
tokenizer = { kind = "words", least = 1 }

[model]
kind = "encoder-decoder"
encoder_layers = 1
decoder_layers = 1
heads = 2
width = 24
context = 8
attention = { position = "sinusoidal" }

[train]
steps = 14
accumulate = 2
learning_rate = 0.01
warmup = 2
seed = 5
eval_every = 7
checkpoint_every = 5
log_every = 1
"#;

const WORDS: [[&str; 2]; 6] =
    [["rot", "red"], ["blau", "blue"], ["hund", "dog"], ["katze", "cat"], ["und", "and"], ["sieht", "sees"]];

/// Sentences of 1 to 5 words, and the same word by word in English.
fn sentences(first: usize, count: usize) -> [String; 2] {
    let mut sides = [String::new(), String::new()];
    for i in first..first + count {
        for (side, text) in sides.iter_mut().enumerate() {
            let words = (0..1 + i % 5).map(|place| WORDS[(i * 7 + place * (i / 6 + 1)) % WORDS.len()][side]);
            text.push_str(&(words.collect::<Vec<_>>().join(" ") + "\n"));
        }
    }
    sides
}

fn write(folder: &Path, part: &str, [source, target]: &[String; 2]) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join(format!("{part}.de")), source).unwrap();
    fs::write(folder.join(format!("{part}.en")), target).unwrap();
}

/// A folder with all three parts.
fn corpus(folder: &Path) {
    write(folder, "train", &sentences(0, 60));
    write(folder, "valid", &sentences(60, 12));
    write(folder, "test", &sentences(72, 12));
}

fn recipe(folder: &Path, edits: &[&str]) -> Recipe {
    let name = format!("data.name={:?}", folder.to_str().unwrap());
    let edits: Vec<&str> = [&name[..]].into_iter().chain(edits.iter().copied()).collect();
    Recipe::read(TINY, "tiny.toml", &edits).unwrap()
}

const JOINT: [&str; 3] = ["data.joint=true", "model.embeddings=shared", "model.output=tied"];

#[test]
fn tokens_are_those_of_each_side_or_of_both() {
    let temporary = tempfile::tempdir().unwrap();
    corpus(temporary.path());
    let of = |edits: &[&str]| task::of_recipe(&recipe(temporary.path(), edits), &data()).unwrap().symbols().clone();
    // Six words, and the five special tokens; a sentence has no end of a line.
    assert_eq!(of(&[]).form(), Form::Pairs { source: 11, target: 11 });
    assert_eq!(of(&["data.joint=true"]).form(), Form::Tokens(17));
    let Symbols::Sides(sides) = of(&[]) else { panic!("two sides have two tokenizers") };
    assert_eq!([sides[0].decode(&[5, 6]).split(' ').count(), sides[1].encode("dog").len()], [2, 1]);
    assert!(sides[1].encode("hund")[0] == 1 && sides[0].encode("hund")[0] > 4);
}

#[test]
fn batches_are_functions_of_the_step_with_every_pair_once_an_epoch() {
    let temporary = tempfile::tempdir().unwrap();
    corpus(temporary.path());
    let recipe = recipe(temporary.path(), &[]);
    let (one, other) = (task::of_recipe(&recipe, &data()).unwrap(), task::of_recipe(&recipe, &data()).unwrap());
    let (mut a, mut b) = (Batch::default(), Batch::default());
    let (mut rows, mut step) = (0, 0);
    while rows < 60 {
        one.batch(step, &mut a).unwrap();
        let pairs = a.predicted().unwrap();
        assert!(pairs.batch * pairs.context <= 40, "{} of {}", pairs.batch, pairs.context);
        rows += pairs.batch;
        step += 1;
    }
    assert_eq!(rows, 60, "an epoch ends where a batch ends");
    for step in [step + 3, 0, 2 * step] {
        one.batch(step, &mut a).unwrap();
        other.batch(step, &mut b).unwrap();
        assert_eq!(a, b);
    }
    assert_eq!(one.fingerprint(), other.fingerprint());
    fs::write(temporary.path().join("valid.en"), sentences(61, 12)[1].clone()).unwrap();
    assert_ne!(task::of_recipe(&recipe, &data()).unwrap().fingerprint(), one.fingerprint());
}

#[test]
fn a_run_that_was_interrupted_equals_one_that_was_not() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("corpus");
    corpus(&folder);
    for (i, edits) in [&[][..], &JOINT].into_iter().enumerate() {
        let recipe = recipe(&folder, edits);
        let at = |name: &str| temporary.path().join(format!("{name}-{i}"));
        let mut whole = start(recipe.clone(), &at("whole")).unwrap();
        let outcome = finish(&mut whole);
        let mut cut = start(recipe, &at("cut")).unwrap();
        for steps in [1, 6] {
            stop_after(&mut cut, steps);
            drop(cut);
            cut = resume(&at("cut")).unwrap();
        }
        finish(&mut cut);
        assert_eq!(digest(cut.learner().parameters()), digest(whole.learner().parameters()));
        let read = |name: &str| fs::read(at(name).join("metrics.jsonl")).unwrap();
        assert_eq!(read("cut"), read("whole"));
        let model = TrainedModel::load(&at("cut"), Which::Latest, true).unwrap();
        let (metric, evaluation) = model.evaluate(&data()).unwrap();
        assert_eq!(Some(evaluation.of(metric)), outcome.last.map(|last| last.value));
        // Data that have changed are not gone on with.
        drop((whole, cut));
        fs::write(folder.join("train.en"), sentences(1, 60)[1].clone()).unwrap();
        assert!(resume(&at("cut")).is_err());
        fs::write(folder.join("train.en"), sentences(0, 60)[1].clone()).unwrap();
    }
}

#[test]
fn a_text_is_learned_by_heart_and_translated() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("corpus");
    corpus(&folder);
    for (name, edits) in [("separate", &[][..]), ("joint", &JOINT)] {
        let more = ["train.steps=250", "train.eval_every=50", "train.accumulate=1", "data.max_tokens=160"];
        let edits: Vec<&str> = edits.iter().copied().chain(more).collect();
        let dir = temporary.path().join(name);
        finish(&mut start(recipe(&folder, &edits), &dir).unwrap());
        let model = TrainedModel::load(&dir, Which::Latest, true).unwrap();
        let [source, target] = sentences(0, 10);
        let (sources, targets): (Vec<&str>, Vec<&str>) = (source.lines().collect(), target.lines().collect());
        assert_eq!(model.translate(&sources, &BeamSearch::default()).unwrap(), targets, "{name}");
        let part = model.translate_part(&data(), Part::Train, &BeamSearch::default()).unwrap();
        let right = part.answers.iter().zip(&part.text.pairs).filter(|(answer, [_, target])| answer == &target);
        assert!(right.count() >= 58 && part.answers.len() == 60, "{name}");
    }
}

#[test]
fn pairs_that_are_too_long_are_told() {
    let temporary = tempfile::tempdir().unwrap();
    corpus(temporary.path());
    let of = |edits: &[&str]| task::of_recipe(&recipe(temporary.path(), edits), &data());
    assert_eq!(of(&[]).unwrap().warnings(), [""; 0]);
    // A fifth of all sentences have five words, and one more for the end.
    let warnings = of(&["model.context=5"]).unwrap().warnings();
    assert_eq!(warnings.len(), 2);
    assert!(
        warnings[0].starts_with("12 of 60 training pairs") || warnings[0].starts_with("24 of 60 training pairs"),
        "{warnings:?}"
    );
    let error = of(&["model.context=1"]).err().unwrap();
    assert!(matches!(error, TaskError::TooLong { pairs: 60, context: 1, .. }), "{error}");
}

#[test]
fn a_recipe_that_makes_no_translation_is_refused_with_its_key() {
    let refused = |edits: &[&str]| {
        let edits: Vec<&str> = ["data.name=x"].iter().chain(edits).copied().collect();
        Recipe::read(TINY, "tiny.toml", &edits).unwrap_err().to_string()
    };
    for (edits, part) in [
        (&["data.source=\"\""][..], "data.source: the task translation needs"),
        (&["data.target=de"], "data.target: source and target have the same language"),
        (&["data.max_tokens=0"], "data.max_tokens: a batch of 0 tokens"),
        (&["data.max_tokens=1000000000"], "data.max_tokens: 1000000000 tokens are over the limit"),
        (&["data.path=a.txt"], "data.path: the task translation reads two files"),
        (&["data.rule=sum"], "data.rule: the task translation has no rules"),
        (&["model.embeddings=shared"], "model.embeddings: one table for both sides needs the same tokens"),
        (&["data.tokenizer.kind=bpe", "data.tokenizer.size=10"], "data.tokenizer.size: 10 tokens are not between"),
    ] {
        let refusal = refused(edits);
        assert!(refusal.contains(part), "{edits:?}: {refusal}");
    }
    let causal =
        Recipe::read("data = { task = \"translation\", name = \"x\", source = \"a\", target = \"b\" }", "t", &[""; 0]);
    assert!(causal.unwrap_err().to_string().contains("use \"encoder-decoder\""));
}
