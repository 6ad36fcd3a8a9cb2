//! BLEU and chrF of some sentences, for people and for programs.

use anther_data::metrics::{Bleu, Chrf};
use serde_json::{Value, json};

/// How near sentences come to references.
pub struct Scores {
    bleu: Bleu,
    chrf: Chrf,
    sentences: usize,
}

impl Scores {
    /// Of sentences with one or more references each.
    pub fn new<R: AsRef<[S]>, S: AsRef<str>>(hypotheses: &[String], references: &[R]) -> Self {
        let bleu = Bleu::of_corpus(hypotheses, references);
        Scores { bleu, chrf: Chrf::of_corpus(hypotheses, references), sentences: hypotheses.len() }
    }

    /// One object.
    pub fn json(&self) -> Value {
        let Scores { bleu, chrf, sentences } = self;
        json!({
            "bleu": { "score": bleu.score, "precisions": bleu.precisions, "brevity_penalty": bleu.brevity_penalty,
                "hypothesis_tokens": bleu.hypothesis_tokens, "reference_tokens": bleu.reference_tokens,
                "signature": bleu.signature() },
            "chrf": { "score": chrf.score, "signature": chrf.signature() },
            "sentences": sentences,
        })
    }

    /// Four lines.
    pub fn text(&self) -> String {
        let Scores { bleu, chrf, .. } = self;
        let precisions: Vec<_> = bleu.precisions.iter().map(|p| format!("{p:.1}")).collect();
        format!(
            "BLEU: {:.2} ({}; brevity penalty {:.3}, {} tokens for {})\nsignature: {}\nchrF2: {:.2}\nsignature: {}",
            bleu.score,
            precisions.join("/"),
            bleu.brevity_penalty,
            bleu.hypothesis_tokens,
            bleu.reference_tokens,
            bleu.signature(),
            chrf.score,
            chrf.signature()
        )
    }
}
