//! chrF (Popović 2015) of a corpus, with the numbers of sacreBLEU.

use super::{is_space, ngrams};

/// The longest runs of characters that are compared.
const ORDER: usize = 6;
/// How much more recall counts than precision.
const BETA: f64 = 2.0;

/// `chrF = 100 (1 + β²) P R / (β² P + R)`, β = 2: P is the share of runs of n characters of the hypotheses that are in the references, R that of the references,
/// each the mean over n = 1 … 6. White space does not count, case does. With several references the best one of each sentence counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Chrf {
    /// The score, 0 to 100.
    pub score: f64,
    references: usize,
}

/// For each length: runs of the hypothesis, of the reference, and of both.
type Counts = [[usize; 3]; ORDER];

impl Chrf {
    /// The score of hypotheses with one or more references each.
    ///
    /// # Panics
    /// If there are more or fewer hypotheses than sentences with references, or a sentence has none.
    #[must_use]
    #[track_caller]
    pub fn of_corpus<H: AsRef<str>, R: AsRef<[S]>, S: AsRef<str>>(hypotheses: &[H], references: &[R]) -> Self {
        assert_eq!(hypotheses.len(), references.len(), "chrF needs a reference for each hypothesis");
        let mut sum = [[0; 3]; ORDER];
        for (hypothesis, references) in hypotheses.iter().zip(references) {
            let hypothesis = characters(hypothesis.as_ref());
            let counts = references.as_ref().iter().map(|text| compare(&hypothesis, &characters(text.as_ref())));
            let best = counts.reduce(|best, next| if f_score(&next) > f_score(&best) { next } else { best });
            let best = best.expect("a sentence has at least one reference");
            sum.iter_mut().flatten().zip(best.iter().flatten()).for_each(|(sum, count)| *sum += count);
        }
        let references = references.first().map_or(1, |references| references.as_ref().len());
        Chrf { score: f_score(&sum), references }
    }

    /// What has to be known to compare the score, in the words of sacreBLEU.
    #[must_use]
    pub fn signature(&self) -> String {
        format!("nrefs:{}|case:mixed|eff:yes|nc:{ORDER}|nw:0|space:no", self.references)
    }
}

fn characters(text: &str) -> Vec<char> {
    text.chars().filter(|&c| !is_space(c)).collect()
}

fn compare(hypothesis: &[char], reference: &[char]) -> Counts {
    std::array::from_fn(|i| {
        let (own, known) = (ngrams(hypothesis, i + 1), ngrams(reference, i + 1));
        let both = own.iter().map(|(gram, &count)| count.min(known.get(gram).copied().unwrap_or(0))).sum();
        // A reference that is too short for runs of this length says nothing about those of the hypothesis.
        let counted = if known.is_empty() { 0 } else { own.values().sum() };
        [counted, known.values().sum(), both]
    })
}

#[expect(clippy::cast_precision_loss, reason = "numbers of characters are far below 2^53")]
fn f_score(counts: &Counts) -> f64 {
    let (mut precision, mut recall, mut lengths) = (0.0, 0.0, 0.0);
    for &[own, known, both] in counts.iter().filter(|[own, known, _]| *own > 0 && *known > 0) {
        precision += both as f64 / own as f64;
        recall += both as f64 / known as f64;
        lengths += 1.0;
    }
    if precision + recall == 0.0 {
        return 0.0;
    }
    let (precision, recall, factor) = (precision / lengths, recall / lengths, BETA * BETA);
    100.0 * (1.0 + factor) * precision * recall / (factor * precision + recall)
}
