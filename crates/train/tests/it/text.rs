//! Text in tokens of every kind: training, checkpoints, generation; perplexity by every protocol; masked text.

use std::path::Path;

use anther_data::DataDir;
use anther_data::tokenizer::{Tokenizer, TokenizerConfig, TokenizerKind};
use anther_tensor::{ParamSet, Parameters};
use anther_train::form::Form;
use anther_train::generate::Sampling;
use anther_train::model::Model;
use anther_train::perplexity::{Perplexity, Protocol, Window};
use anther_train::recipe::{ModelConfig, Recipe};
use anther_train::task::{self, Metric, Symbols, TextPart, TextSplit};
use anther_train::trained::{TrainedModel, Which};
use anther_transformer::CausalLmConfig;

use crate::runs::{finish, resume, start, stop_after};

const TEXT: &str = "the cat sat on the mat – a Größe of 1945.\nthe dog sat on the log, it's fine.\n";

/// A folder with a text in parts, and a recipe on it.
fn recipe(dir: &Path, kind: &str, edits: &[&str]) -> Recipe {
    for (part, times) in [("train", 30), ("valid", 4), ("test", 3)] {
        std::fs::write(dir.join(format!("pets.{part}.txt")), TEXT.repeat(times)).unwrap();
    }
    let name = format!("data.name={:?}", dir.to_str().unwrap());
    let size = format!("data.tokenizer={{ kind = {kind:?}, size = 300, least = 1 }}");
    let base = [
        "data.task=text",
        &name,
        &size,
        "model.layers=1",
        "model.width=16",
        "model.context=8",
        "train.steps=4",
        "train.batch=4",
        "train.eval_every=2",
        "train.eval_batches=3",
        "train.checkpoint_every=2",
        "train.learning_rate=0.01",
    ];
    Recipe::read("", "text.toml", &[&base[..], edits].concat()).unwrap()
}

fn none() -> DataDir {
    DataDir::resolve(None, None)
}

fn run(recipe: Recipe, dir: &Path) -> TrainedModel {
    finish(&mut start(recipe, dir).unwrap());
    TrainedModel::load(dir, Which::Latest, true).unwrap()
}

#[test]
fn every_kind_of_token_is_trained_stored_and_generated() {
    for kind in ["characters", "bytes", "words", "bpe"] {
        let place = tempfile::tempdir().unwrap();
        if kind == "bpe" && cfg!(not(feature = "tokenizers")) {
            continue;
        }
        let trained = run(recipe(place.path(), kind, &[]), &place.path().join("run"));
        let Symbols::Text(tokenizer) = &trained.symbols else { panic!("{kind}: {:?}", trained.symbols) };
        let expected = TokenizerConfig { kind: trained.recipe.data.tokenizer.kind, size: 300, least: 1 };
        let again = Tokenizer::train(&expected, TEXT.repeat(30).split_inclusive('\n')).unwrap();
        assert_eq!(*tokenizer, again, "{kind}");
        let (metric, evaluation) = trained.evaluate(&none()).unwrap();
        assert!(metric == Metric::Perplexity && evaluation.perplexity() < 2.0 * tokenizer.len() as f64, "{kind}");
        let mut streamed = String::new();
        let sampling = Sampling::default();
        let text = trained.generate("the cat", 30, &sampling, 1, &mut |piece| streamed.push_str(piece)).unwrap();
        assert_eq!(streamed, text, "{kind}");
        assert!(!text.is_empty() && text != trained.generate("the cat", 30, &sampling, 2, &mut |_| ()).unwrap());
    }
}

#[test]
fn a_run_is_resumed_with_its_tokens_and_refuses_another_text() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("run");
    let whole = run(recipe(place.path(), "words", &[]), &place.path().join("whole"));
    stop_after(&mut start(recipe(place.path(), "words", &[]), &dir).unwrap(), 2);
    finish(&mut resume(&dir).unwrap());
    let resumed = TrainedModel::load(&dir, Which::Latest, true).unwrap();
    assert_eq!(resumed.parameters.values(), whole.parameters.values());
    std::fs::write(place.path().join("pets.train.txt"), TEXT.repeat(29) + "other words\n").unwrap();
    let error = whole.evaluate(&none()).unwrap_err().to_string();
    assert!(error.contains("other characters, tokens"), "{error}");
}

/// A model whose parameters are all 0 gives every token the same probability.
fn uniform(vocabulary: usize) -> (Model, Parameters<f32>) {
    let config: ModelConfig = CausalLmConfig { context: 8, ..CausalLmConfig::default() }.into();
    let mut set = ParamSet::new();
    let no_table = |_| unreachable!("the table is learned");
    let model = Model::define(&mut set.root(), &Form::Tokens(vocabulary).applied_to(&config), no_table).unwrap();
    let mut parameters = Parameters::initialise(&set, 1);
    parameters.values_mut().fill(0.0);
    (model, parameters)
}

const PROTOCOLS: [Protocol; 5] = [
    Protocol::Disjoint,
    Protocol::Sliding { stride: 1 },
    Protocol::Sliding { stride: 3 },
    Protocol::Sliding { stride: 8 },
    Protocol::Paper2Overlap,
];

#[test]
fn the_perplexity_of_knowing_nothing_is_the_vocabulary() {
    let (model, parameters) = uniform(37);
    for tokens in [19, 50, 77] {
        let ids: Vec<u32> = (0..tokens).map(|i| i * 5 % 37).collect();
        for protocol in PROTOCOLS {
            let part = TextPart { tokens: ids.clone().into(), words: ids.len() };
            let measured = Perplexity::measure(&model, &parameters, &part, protocol);
            for perplexity in [measured.per_token(), measured.per_word()] {
                assert!((perplexity - 37.0).abs() < 1e-3, "{protocol:?}, {tokens}: {measured:?}");
            }
            // Half as many words as tokens.
            let half = Perplexity { words: ids.len() / 2, ..measured };
            let expected = 37_f64.powf(f64::from(tokens) / (tokens / 2) as f64);
            assert!((half.per_word() / expected - 1.0).abs() < 1e-3);
        }
    }
}

#[test]
fn windows_score_each_token_once_or_as_often_as_the_protocol_says() {
    let scored = |protocol: Protocol, tokens| {
        let mut counts = vec![0; tokens];
        for Window { start, length, unscored } in protocol.windows(tokens, 8) {
            assert!(length <= 8 && start + length < tokens);
            (start + unscored..start + length).for_each(|place| counts[place + 1] += 1);
        }
        counts
    };
    for tokens in [2, 8, 9, 10, 25, 64, 65] {
        for protocol in &PROTOCOLS[..4] {
            assert_eq!(scored(*protocol, tokens), [&[0][..], &vec![1; tokens - 1]].concat(), "{protocol:?} {tokens}");
        }
    }
    assert_eq!(Protocol::Disjoint.windows(20, 8), Protocol::Sliding { stride: 8 }.windows(20, 8));
    for protocol in PROTOCOLS {
        assert_eq!(protocol.windows(1, 8), [], "{protocol:?}");
        assert_eq!(protocol.windows(0, 8), []);
    }
    // Two blocks of nine tokens, 18 of 20: windows at 0, 4 and 8; the one at 12 would need 21.
    let starts: Vec<usize> = Protocol::Paper2Overlap.windows(20, 8).iter().map(|window| window.start).collect();
    assert_eq!(starts, [0, 4, 8]);
    assert_eq!(scored(Protocol::Paper2Overlap, 20)[..17], [&[0][..], &[1; 4], &[2; 8], &[1; 4]].concat());
}

#[test]
fn sliding_windows_score_what_the_logits_say() {
    let place = tempfile::tempdir().unwrap();
    let trained = run(recipe(place.path(), "words", &["train.steps=40"]), &place.path().join("run"));
    let part = TextPart::read(&trained.recipe.data, &none(), &trained.symbols, TextSplit::Test).unwrap();
    let model = trained.model.causal_lm().unwrap();
    for stride in [1, 3, 8] {
        let mut nats = 0.0;
        let windows = Protocol::Sliding { stride }.windows(part.tokens.len(), 8);
        for Window { start, length, unscored } in windows {
            let tape = anther_tensor::Tape::inference(&trained.parameters);
            let ids = anther_tensor::Ids::new([1, length], part.tokens[start..start + length].to_vec());
            let logits = model.logits(&tape, &ids);
            let rows = logits.value().data().chunks(trained.model.vocabulary()).enumerate();
            for (place, row) in rows.skip(unscored) {
                let sum: f64 = row.iter().map(|&x| f64::from(x).exp()).sum();
                nats += sum.ln() - f64::from(row[part.tokens[start + place + 1] as usize]);
            }
        }
        let measured = trained.perplexity(&none(), TextSplit::Test, Protocol::Sliding { stride }).unwrap();
        assert!((measured.nats / nats - 1.0).abs() < 1e-5, "{stride}: {} {nats}", measured.nats);
        assert_eq!((measured.scored, measured.words), (part.tokens.len() - 1, part.words));
    }
    let error = trained.perplexity(&none(), TextSplit::Test, Protocol::Sliding { stride: 9 }).unwrap_err();
    assert!(error.to_string().contains("a stride of 9 tokens is not between 1 and the context of 8"), "{error}");
}

#[test]
fn masked_text_is_learned_and_measured_by_hidden_tokens() {
    let place = tempfile::tempdir().unwrap();
    let edits = ["data.task=masked-text", "model.kind=masked-lm", "train.steps=150", "train.batch=16"];
    let recipe = recipe(place.path(), "words", &edits);
    let measured = |recipe: &Recipe| {
        let task = task::of_recipe(recipe, &none()).unwrap();
        task.evaluation().iter().map(Result::unwrap).collect::<Vec<_>>()
    };
    let before = measured(&recipe);
    let trained = run(recipe, &place.path().join("run"));
    let (metric, evaluation) = trained.evaluate(&none()).unwrap();
    assert_eq!(metric.name(), "masked-LM perplexity");
    // How often each word occurs is worth about 15.
    assert!(evaluation.perplexity() < 12.0, "{evaluation:?}");
    assert_eq!(before, measured(&trained.recipe), "the masks of an evaluation changed");
    let test = trained.masked_evaluation(&none(), TextSplit::Test).unwrap();
    assert!(test.perplexity().is_finite() && test != evaluation);
    let error = trained.perplexity(&none(), TextSplit::Test, Protocol::Disjoint).unwrap_err().to_string();
    assert!(error.contains("causal language model"), "{error}");
}

#[test]
fn one_file_has_no_test_part_and_a_tokenizer_file_is_read() {
    let place = tempfile::tempdir().unwrap();
    let config = TokenizerConfig { kind: TokenizerKind::Words, size: 12, least: 1 };
    let own = Tokenizer::train(&config, TEXT.split_inclusive('\n')).unwrap();
    let file = place.path().join("own.json");
    std::fs::write(&file, own.to_json()).unwrap();
    std::fs::write(place.path().join("all.txt"), TEXT.repeat(20)).unwrap();
    let edits = [
        format!("data.tokenizer_file={:?}", file.to_str().unwrap()),
        format!("data.path={:?}", place.path().join("all.txt").to_str().unwrap()),
    ];
    let base = ["data.task=text", "model.context=8", "train.steps=2", "train.batch=2", "train.eval_batches=1"];
    let edits: Vec<&str> = base.into_iter().chain(edits.iter().map(String::as_str)).collect();
    let trained = run(Recipe::read("", "text.toml", &edits).unwrap(), &place.path().join("run"));
    assert_eq!((&trained.symbols, trained.model.vocabulary()), (&Symbols::Text(own), 12));
    let error = trained.perplexity(&none(), TextSplit::Test, Protocol::Disjoint).unwrap_err().to_string();
    assert!(error.contains("one file") && error.contains("data.name"), "{error}");
    assert!(trained.perplexity(&none(), TextSplit::Validation, Protocol::Disjoint).unwrap().per_word() > 1.0);
}

#[test]
fn recipes_that_ask_for_what_cannot_be_are_refused() {
    let refusal = |edits: &[&str]| {
        let base = ["data.task=text", "data.name=folder"];
        Recipe::read("", "text.toml", &[&base[..], edits].concat()).unwrap_err().to_string()
    };
    for (edits, words) in [
        (&["data.path=file"][..], "data.path: data.name is given as well"),
        (&["data.name=\"\""], "data.name: the name of the folder is empty"),
        (&["data.tokenizer.kind=words", "data.tokenizer.size=5"], "data.tokenizer.size: 5 tokens are not between 6"),
        (
            &["data.tokenizer.kind=bpe", "data.tokenizer.size=260"],
            "data.tokenizer.size: 260 tokens are not between 261",
        ),
        (&["data.tokenizer.kind=letters"], "letters"),
        (&["data.task=masked-text"], "masked-lm"),
        (&["model.kind=masked-lm"], "causal-lm"),
        (&["data.task=nt"], "data.name: the task nt reads no file"),
    ] {
        let refusal = refusal(edits);
        assert!(refusal.contains(words), "{edits:?}: {refusal}");
    }
    let error = Recipe::read("", "x", &["data.task=text", "data.path=a", "data.train=b"]).unwrap_err().to_string();
    assert!(error.contains("data.train") && error.contains("data.name"), "{error}");
}
