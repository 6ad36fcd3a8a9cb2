//! Generating with trained models.

use anther_tensor::{Ids, Tape};
use anther_train::generate::{GenerateError, Sampling};
use anther_train::trained::{TrainedModel, Which};

use crate::runs::{finish, recipe, start, text_recipe};

const GREEDY: Sampling = Sampling { temperature: 0.0, top_k: 0, top_p: 1.0 };

fn text_model() -> TrainedModel {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("run");
    finish(&mut start(text_recipe(temporary.path(), &[]), &dir).unwrap());
    TrainedModel::load(&dir, Which::Latest, true).unwrap()
}

/// Greedy generation by full forward passes over the last `context` tokens, without any cache.
fn reference(model: &TrainedModel, prompt: &str, length: usize) -> String {
    let mut tokens = model.symbols.encode(prompt).unwrap();
    let start = tokens.len();
    for _ in 0..length {
        let window = &tokens[tokens.len().saturating_sub(model.model.causal_lm().unwrap().config().context)..];
        let tape = Tape::inference(&model.parameters);
        let logits = model.model.causal_lm().unwrap().logits(&tape, &Ids::new([1, window.len()], window.to_vec()));
        let last = logits.value().data().chunks(model.symbols.form().outputs()).next_back().unwrap().to_vec();
        let best = (0..last.len()).reduce(|a, b| if last[b] > last[a] { b } else { a }).unwrap();
        tokens.push(best as u32);
    }
    model.symbols.decode(&tokens[start..]).unwrap()
}

#[test]
fn the_cache_changes_nothing_within_and_beyond_the_context() {
    let model = text_model();
    // The context is ten characters: the window fits, fills, and moves.
    for prompt in ["t", "the ", "the cat sa", "the cat sat on the mat"] {
        let generated = model.generate(prompt, 25, &GREEDY, 0, &mut |_| ()).unwrap();
        assert_eq!(generated, reference(&model, prompt, 25), "{prompt:?}");
        assert_eq!(generated.chars().count(), 25);
    }
}

#[test]
fn the_seed_decides_and_pieces_make_the_whole() {
    let model = text_model();
    let generate = |seed| {
        let mut pieces = Vec::new();
        let text = model.generate("the ", 40, &Sampling::default(), seed, &mut |piece| pieces.push(piece.to_owned()));
        let text = text.unwrap();
        assert_eq!((pieces.len(), pieces.concat()), (40, text.clone()));
        text
    };
    assert_eq!(generate(1), generate(1));
    assert_ne!(generate(1), generate(2));
    assert_eq!(model.generate("the ", 0, &GREEDY, 0, &mut |_| panic!("nothing to tell")).unwrap(), "");
}

#[test]
fn a_model_of_numbers_writes_numbers() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("run");
    finish(&mut start(recipe(&["model.embedding=fixed"]), &dir).unwrap());
    let model = TrainedModel::load(&dir, Which::Latest, true).unwrap();
    let text = model.generate("0 1 2", 12, &Sampling::default(), 3, &mut |_| ()).unwrap();
    assert_eq!(model.symbols.encode(&text).unwrap().len(), 12, "{text}");
}

#[test]
fn wrong_prompts_and_numbers_are_refused() {
    let model = text_model();
    let generate = |prompt: &str, sampling: &Sampling| model.generate(prompt, 3, sampling, 0, &mut |_| ()).unwrap_err();
    assert!(matches!(generate("", &GREEDY), GenerateError::EmptyPrompt));
    let unknown = generate("the Ω", &GREEDY);
    assert!(matches!(unknown, GenerateError::Prompt(_)) && unknown.to_string().contains("'Ω'"), "{unknown}");
    let hot = Sampling { temperature: -1.0, ..GREEDY };
    assert!(matches!(generate("the", &hot), GenerateError::Sample(_)));
}
