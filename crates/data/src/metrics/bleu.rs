//! BLEU (Papineni et al. 2002) of a corpus, with the tokens, the smoothing and the numbers of sacreBLEU (Post 2018).

use super::{ngrams, tokenize_13a};

/// The longest runs of tokens that are compared.
const ORDER: usize = 4;

/// `BLEU = bp · exp(mean_n ln p_n)`, n = 1 … 4, in percent: `p_n` is the share of runs of n tokens of the hypotheses that are in a reference, each as often as
/// there; `bp = exp(1 − references / hypotheses)` where the hypotheses are shorter in all.
///
/// Where no run of a length is found, it counts as ½, ¼, … of one, for each such length half of the one before (smoothing `exp`). Case counts, tokens are
/// those of [`tokenize_13a`].
#[derive(Clone, Debug, PartialEq)]
pub struct Bleu {
    /// The score, 0 to 100.
    pub score: f64,
    /// `p_n` in percent, after smoothing.
    pub precisions: [f64; ORDER],
    /// The factor on hypotheses that are too short.
    pub brevity_penalty: f64,
    /// Tokens of the hypotheses.
    pub hypothesis_tokens: usize,
    /// Tokens of the references, of each sentence the one nearest in length, of two the shorter.
    pub reference_tokens: usize,
    /// References of a sentence.
    references: usize,
}

impl Bleu {
    /// The score of hypotheses with one or more references each.
    ///
    /// # Panics
    /// If there are more or fewer hypotheses than sentences with references, or a sentence has none.
    #[must_use]
    #[track_caller]
    pub fn of_corpus<H: AsRef<str>, R: AsRef<[S]>, S: AsRef<str>>(hypotheses: &[H], references: &[R]) -> Self {
        assert_eq!(hypotheses.len(), references.len(), "BLEU needs a reference for each hypothesis");
        let (mut found, mut all) = ([0; ORDER], [0; ORDER]);
        let [mut hypothesis_tokens, mut reference_tokens] = [0, 0];
        for (hypothesis, references) in hypotheses.iter().zip(references) {
            let tokens = tokenize_13a(hypothesis.as_ref());
            let references: Vec<_> = references.as_ref().iter().map(|text| tokenize_13a(text.as_ref())).collect();
            let nearest = references.iter().map(Vec::len).min_by_key(|&length| (length.abs_diff(tokens.len()), length));
            hypothesis_tokens += tokens.len();
            reference_tokens += nearest.expect("a sentence has at least one reference");
            for n in 1..=ORDER {
                let known: Vec<_> = references.iter().map(|reference| ngrams(reference, n)).collect();
                for (gram, count) in ngrams(&tokens, n) {
                    let most = known.iter().filter_map(|counts| counts.get(gram)).max().copied().unwrap_or(0);
                    found[n - 1] += count.min(most);
                    all[n - 1] += count;
                }
            }
        }
        let references = references.first().map_or(1, |references| references.as_ref().len());
        Bleu { references, ..Bleu::of_counts(found, all, [hypothesis_tokens, reference_tokens]) }
    }

    #[expect(clippy::cast_precision_loss, reason = "numbers of tokens are far below 2^53")]
    fn of_counts(found: [usize; ORDER], all: [usize; ORDER], [hypothesis, reference]: [usize; 2]) -> Self {
        let brevity_penalty = match hypothesis {
            0 => 0.0,
            _ if hypothesis < reference => (1.0 - reference as f64 / hypothesis as f64).exp(),
            _ => 1.0,
        };
        let mut precisions = [0.0; ORDER];
        let mut part = 1.0;
        let nothing = found.iter().all(|&found| found == 0);
        // Nothing is longer than the longest hypothesis; where not a single token is found, nothing is smoothed.
        for (n, _) in all.iter().enumerate().take_while(|&(_, &all)| all > 0 && !nothing) {
            precisions[n] = if found[n] > 0 {
                100.0 * found[n] as f64 / all[n] as f64
            } else {
                part /= 2.0;
                100.0 * part / all[n] as f64
            };
        }
        let mean = precisions.iter().map(|p| p.ln()).sum::<f64>() / ORDER as f64;
        let score = if precisions.contains(&0.0) { 0.0 } else { brevity_penalty * mean.exp() };
        Bleu {
            score,
            precisions,
            brevity_penalty,
            hypothesis_tokens: hypothesis,
            reference_tokens: reference,
            references: 1,
        }
    }

    /// What has to be known to compare the score, in the words of sacreBLEU.
    #[must_use]
    pub fn signature(&self) -> String {
        format!("nrefs:{}|case:mixed|eff:no|tok:13a|smooth:exp", self.references)
    }
}
