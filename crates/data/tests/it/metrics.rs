//! BLEU and chrF against the numbers of the Python package sacreBLEU.

use anther_data::metrics::{Bleu, Chrf, tokenize_13a};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    generator: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    hypotheses: Vec<String>,
    references: Vec<Vec<String>>,
    bleu: f64,
    precisions: Vec<f64>,
    brevity_penalty: f64,
    hypothesis_tokens: usize,
    reference_tokens: usize,
    chrf: f64,
}

#[test]
fn scores_are_those_of_sacrebleu() {
    let golden: Golden = serde_json::from_str(include_str!("../sacrebleu.json")).unwrap();
    assert!(golden.generator.starts_with("sacrebleu 2.") && golden.cases.len() >= 60);
    let close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * b.abs().max(1.0);
    for (i, case) in golden.cases.iter().enumerate() {
        let bleu = Bleu::of_corpus(&case.hypotheses, &case.references);
        let lengths = [bleu.hypothesis_tokens, bleu.reference_tokens];
        assert_eq!(lengths, [case.hypothesis_tokens, case.reference_tokens], "case {i}: {:?}", case.hypotheses);
        assert!(close(bleu.brevity_penalty, case.brevity_penalty), "case {i}: {bleu:?}");
        for (own, expected) in bleu.precisions.iter().zip(&case.precisions) {
            assert!(close(*own, *expected), "case {i}: {bleu:?} instead of {:?}", case.precisions);
        }
        assert!(close(bleu.score, case.bleu), "case {i}: {bleu:?} instead of {}", case.bleu);
        let chrf = Chrf::of_corpus(&case.hypotheses, &case.references);
        assert!(close(chrf.score, case.chrf), "case {i}: {chrf:?} instead of {}", case.chrf);
    }
}

#[test]
fn no_sentences_have_no_score() {
    let none: [&str; 0] = [];
    let references: [[&str; 1]; 0] = [];
    assert_eq!((Bleu::of_corpus(&none, &references).score, Chrf::of_corpus(&none, &references).score), (0.0, 0.0));
}

#[test]
fn a_translation_of_itself_is_perfect() {
    let text = "Nobody expects the Spanish Inquisition , say 3.5 of 10 .";
    let bleu = Bleu::of_corpus(&[text], &[[text]]);
    assert!((bleu.score - 100.0).abs() < 1e-9 && bleu.signature() == "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp");
    assert!((Chrf::of_corpus(&[text], &[[text]]).score - 100.0).abs() < 1e-9);
}

#[test]
fn tokens_of_13a() {
    assert_eq!(
        tokenize_13a("don't well-known, 1,000.5 3-4 (a/b)."),
        ["don't", "well-known", ",", "1,000.5", "3", "-", "4", "(", "a", "/", "b", ")", "."]
    );
    assert_eq!(tokenize_13a("&lt;b&gt; &quot;x&quot; &amp; y<skipped>"), ["<", "b", ">", "\"", "x", "\"", "&", "y"]);
    assert!(tokenize_13a(" \t\n").is_empty());
}

#[test]
#[should_panic(expected = "needs a reference for each hypothesis")]
fn sentences_without_references_are_a_mistake() {
    let _ = Bleu::of_corpus(&["a", "b"], &[["a"]]);
}
