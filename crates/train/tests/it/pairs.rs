//! Runs of encoder–decoders: they learn, they are resumed to the bit, they answer, and recipes know their keys.

use std::fs;

use anther_train::generate::{GenerateError, Sampling, TranslateError};
use anther_train::recipe::{ModelConfig, Presets, Recipe, RecipeError};
use anther_train::task::{self, Metric};
use anther_train::trained::{TrainedModel, Which};
use anther_train::trainer::{Reason, Signal};
use anther_transformer::BeamSearch;

use crate::runs::{data, digest, finish, resume, start, stop_after};

/// Token by token.
const GREEDY: BeamSearch = BeamSearch { width: 1, length_penalty: 1.0, never: None };

/// Dropout, accumulation and a moving average, so that all of them are resumed.
const TINY: &str = r#"
data = { task = "reverse-map", n = 9, shortest = 1, longest = 4 }

[model]
kind = "encoder-decoder"
encoder_layers = 1
decoder_layers = 1
heads = 2
width = 16
context = 7
dropout = 0.1
attention = { position = "sinusoidal" }

[train]
steps = 12
batch = 8
accumulate = 2
learning_rate = 0.01
warmup = 2
ema = 0.9
seed = 5
eval_every = 4
eval_batches = 2
checkpoint_every = 5
log_every = 2
"#;

fn read(edits: &[&str]) -> Result<Recipe, RecipeError> {
    Recipe::read(TINY, "pairs.toml", edits)
}

/// The attention of that name in the place of a recipe's.
fn with_attention(name: &str) -> Presets<'_> {
    Presets { attention: Some(name), ..Presets::default() }
}

#[test]
fn a_run_that_was_interrupted_equals_one_that_was_not() {
    let temporary = tempfile::tempdir().unwrap();
    for (i, edits) in [&[][..], &["train.recompute=true"], &["model.embeddings=shared", "model.output=frozen"]]
        .into_iter()
        .enumerate()
    {
        let recipe = read(edits).unwrap();
        let at = |name: &str| temporary.path().join(format!("{name}-{i}"));
        let mut whole = start(recipe.clone(), &at("whole")).unwrap();
        let outcome = finish(&mut whole);
        assert_eq!((outcome.metric_name, outcome.stopped), ("perplexity", Reason::Finished));
        let mut cut = start(recipe, &at("cut")).unwrap();
        for steps in [1, 5, 2] {
            assert_eq!(stop_after(&mut cut, steps).stopped, Reason::Signal(Signal::Interrupt));
            drop(cut);
            cut = resume(&at("cut")).unwrap();
        }
        let resumed = finish(&mut cut);
        assert_eq!((resumed.best, resumed.last), (outcome.best, outcome.last));
        assert_eq!(digest(cut.learner().parameters()), digest(whole.learner().parameters()));
        assert_eq!(cut.learner().average().map(digest), whole.learner().average().map(digest));
        for file in ["metrics.jsonl", "metrics.csv", "ckpt/step-00000012/optim.safetensors"] {
            let read = |name: &str| fs::read(at(name).join(file)).unwrap();
            assert_eq!(read("cut"), read("whole"), "{file}");
        }
        // What is loaded measures what the run has measured last, its frozen output included.
        let model = TrainedModel::load(&at("cut"), Which::Latest, true).unwrap();
        let (metric, evaluation) = model.evaluate(&data()).unwrap();
        assert_eq!(metric, Metric::Perplexity);
        assert_eq!(Some(evaluation.of(metric)), outcome.last.map(|last| last.value));
    }
}

#[test]
fn the_task_is_learned_and_sources_are_answered() {
    let temporary = tempfile::tempdir().unwrap();
    let edits = ["train.steps=400", "train.batch=32", "train.accumulate=1", "model.dropout=0", "train.eval_every=100"];
    for (attention, dir) in [("dot", "dot"), ("kgv", "kgv")] {
        let recipe = Recipe::read_with(TINY, "pairs.toml", with_attention(attention), &edits).unwrap();
        let answers = task_of(&recipe);
        let dir = temporary.path().join(dir);
        let outcome = finish(&mut start(recipe, &dir).unwrap());
        assert!(outcome.last.unwrap().value < 1.1, "{attention}: {outcome:?}");
        let model = TrainedModel::load(&dir, Which::Latest, true).unwrap();
        let sources = ["3 4 5 6", "8", "", "7 7 3"];
        let expected = sources.map(&answers);
        assert_eq!(model.translate(&sources, &GREEDY).unwrap(), expected, "{attention}");
        for (sources, part) in [
            (&["3", "4 9"][..], "line 2 cannot be read: word number 2 is \"9\""),
            (&["3 3 3 3 3 3 3"], "line 1 has 7 tokens and needs one more for its end, but the model reads at most 7"),
        ] {
            let error = model.translate(sources, &GREEDY).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        let error = model.generate("3", 4, &Sampling::default(), 1, &mut |_| ()).unwrap_err();
        assert!(matches!(error, GenerateError::Kind), "{error}");
        assert!(model.attention_maps(&[3]).is_empty());
    }
}

/// The right answer to a source of the task of a recipe, as text.
fn task_of(recipe: &Recipe) -> impl Fn(&str) -> String + use<> {
    let task = anther_data::reverse_map::ReverseMap::new(recipe.data.reverse_map()).unwrap();
    move |source| {
        let tokens: Vec<u32> = source.split_whitespace().map(|word| word.parse().unwrap()).collect();
        let mut answer = task.answer(&tokens);
        answer.pop();
        answer.iter().map(u32::to_string).collect::<Vec<_>>().join(" ")
    }
}

#[test]
fn a_causal_model_answers_no_sources() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("run");
    finish(&mut start(crate::runs::recipe(&[]), &dir).unwrap());
    let model = TrainedModel::load(&dir, Which::Latest, true).unwrap();
    assert!(matches!(model.translate(&["1"], &GREEDY), Err(TranslateError::Kind)));
}

#[test]
fn padding_is_counted_only_where_that_is_said() {
    let recipe = read(&["train.eval_batches=20"]).unwrap();
    let task = task::of_recipe(&recipe, &data()).unwrap();
    let learner = anther_train::learner::Learner::new(&recipe, task).unwrap();
    let evaluation = learner.evaluate().unwrap();
    // Sources of 1 to 4 tokens and their ends, 3.5 on average, in rows of 7.
    assert!((evaluation.counted - 0.5).abs() < 0.05, "{evaluation:?}");
    assert_eq!(evaluation.perplexity(), evaluation.loss.exp());
    assert_eq!(evaluation.padded_perplexity(), (evaluation.counted * evaluation.loss).exp());
}

#[test]
fn a_resolved_recipe_reads_back_the_same() {
    for edits in [
        &[][..],
        &["model.embeddings=shared", "model.output=tied", "model.init_std=0.02", "model.embedding_std=0.1"],
        &["model.feed_forward=9", "model.attention.project.kind=gate", "model.scale_embedding=false"],
    ] {
        let recipe = read(edits).unwrap();
        assert!(matches!(recipe.model, ModelConfig::EncoderDecoder(_)));
        let text = recipe.to_toml().unwrap();
        assert!(text.contains("kind = \"encoder-decoder\""), "{text}");
        assert_eq!(Recipe::read(&text, "again.toml", &[] as &[&str]).unwrap(), recipe, "{text}");
    }
}

/// Edits of the recipe, and words of the sentence that answers.
const REFUSED: [(&[&str], &[&str]); 19] = [
    (&["model.kind=encoder"], &["`model.kind`", "unknown choice `encoder`", "causal-lm", "--set model.kind=encoder"]),
    (&["model.kind=3"], &["`model.kind`", "--set model.kind=3"]),
    (&["model.kind=causal-lm"], &["`model.decoder_layers`", "unknown key"]),
    (&["model.layers=2"], &["unknown key `model.layers`", "--set model.layers=2", "look up the keys"]),
    (&["model.encoder_layer=2"], &["`model.encoder_layer`", "did you mean `model.encoder_layers`?"]),
    (&["model.attention.weighting=softmax"], &["did you mean `model.attention.weighing`?"]),
    (&["model.attention.project={kind=\"gate\", ordre=\"vgk\"}"], &["`model.attention.project.ordre`", "did you mean"]),
    (&["model.width=wide"], &["`model.width`", "whole number", "--set model.width=wide"]),
    (&["model.output=free"], &["`model.output`", "dense", "frozen"]),
    (&["model.attention.position=rotary"], &["model.attention.position", "distances between two sequences"]),
    (&["model.attention.window=3"], &["model.attention.window"]),
    (&["model.attention.project={kind=\"gate\", order=\"qgv\"}"], &["model.attention.project.order", "own future"]),
    (&["model.context=4"], &["model.context", "a context of 4", "use 5 or more"]),
    (&["data.n=3"], &["data.n", "not between 4 and"]),
    (&["data.longest=0"], &["data.longest", "1 to 0"]),
    (&["data.path=a.txt"], &["data.path", "reads no file"]),
    (&["data.rule=sum"], &["data.rule", "no rules"]),
    (&["data.task=nt"], &["model.kind", "\"causal-lm\""]),
    (&["train.batch=100000000"], &["train.batch", "limit"]),
];

#[test]
fn every_mistake_is_a_sentence_with_its_key() {
    for (edits, parts) in REFUSED {
        let message = match read(edits) {
            Ok(_) => panic!("{edits:?} was accepted"),
            Err(error) => error.to_string(),
        };
        assert!(parts.iter().all(|part| message.contains(part)), "{edits:?}: {message}");
        assert!(!message.contains('\n'), "{message:?} is more than a sentence");
    }
    let error = Recipe::read("", "none", &["data.task=reverse-map", "data.n=9"]).unwrap_err().to_string();
    assert!(error.contains("model.kind") && error.contains("\"encoder-decoder\""), "{error}");
}

#[test]
fn presets_of_one_sequence_are_refused_by_a_sentence() {
    let (mut taken, mut refused) = (0, 0);
    for preset in anther_transformer::AttentionConfig::preset_names() {
        match Recipe::read_with(TINY, "pairs.toml", with_attention(preset), &[] as &[&str]) {
            Ok(recipe) => {
                let text = recipe.to_toml().unwrap();
                assert_eq!(Recipe::read(&text, "again.toml", &[] as &[&str]).unwrap(), recipe, "{preset}");
                taken += 1;
            }
            Err(error) => {
                assert!(error.to_string().contains("model.attention."), "{preset}: {error}");
                refused += 1;
            }
        }
    }
    assert!(taken >= 25 && refused >= 2, "{taken} and {refused}");
}
