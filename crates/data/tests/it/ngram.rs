//! What counting reaches: n-gram models of words, to compare language models with on the same tokens. `cargo test ngram -- --nocapture` prints the figures.

use std::collections::BTreeMap;

use anther_data::corpus::{CorpusFiles, PartNames, read_text};
use anther_data::tokenizer::{Tokenizer, TokenizerConfig, TokenizerKind};

use crate::support::real_data;

type Counts = BTreeMap<Vec<u32>, u64>;

/// Counts of sequences of one length, and for each context (all but the last token) the sum and the number of different counts.
#[derive(Default)]
struct Order {
    counts: Counts,
    contexts: BTreeMap<Vec<u32>, (u64, u64)>,
    discount: f64,
}

impl Order {
    fn of(counts: Counts) -> Self {
        let mut contexts = BTreeMap::<Vec<u32>, (u64, u64)>::new();
        for (sequence, count) in &counts {
            let context = contexts.entry(sequence[..sequence.len() - 1].to_vec()).or_default();
            *context = (context.0 + count, context.1 + 1);
        }
        // The estimate of Ney, Essen and Kneser: n1 / (n1 + 2 n2).
        let with = |count| counts.values().filter(|&&c| c == count).count() as f64;
        let discount = (with(1) / (with(1) + 2.0 * with(2)).max(1.0)).clamp(0.1, 0.9);
        Order { counts, contexts, discount }
    }
}

fn count(tokens: &[u32], length: usize) -> Counts {
    let mut counts = Counts::new();
    tokens.windows(length).for_each(|sequence| *counts.entry(sequence.to_vec()).or_default() += 1);
    counts
}

/// Interpolated Kneser–Ney (Chen and Goodman 1998, §2.8): orders below the highest count in how many contexts a sequence stands, not how often.
struct KneserNey {
    orders: Vec<Order>,
    words: f64,
}

impl KneserNey {
    fn train(tokens: &[u32], length: usize, words: usize) -> Self {
        let mut counts = vec![count(tokens, length)];
        for _ in 1..length {
            let mut lower = Counts::new();
            let above = counts.last().unwrap();
            above.keys().for_each(|sequence| *lower.entry(sequence[1..].to_vec()).or_default() += 1);
            counts.push(lower);
        }
        KneserNey { orders: counts.into_iter().rev().map(Order::of).collect(), words: words as f64 }
    }

    fn probability(&self, history: &[u32], word: u32) -> f64 {
        let mut probability = 1.0 / self.words;
        for (order, Order { counts, contexts, discount }) in self.orders.iter().enumerate() {
            let Some(start) = history.len().checked_sub(order) else { break };
            let context = &history[start..];
            let Some(&(total, kinds)) = contexts.get(context) else { break };
            let count = counts.get(&[context, &[word]].concat()).copied().unwrap_or(0) as f64;
            let (total, kinds) = (total as f64, kinds as f64);
            probability = (count - discount).max(0.0) / total + discount * kinds / total * probability;
        }
        probability
    }
}

/// `(count of the pair + k) / (count of the first + k words)`.
struct AddK {
    pairs: Order,
    k: f64,
    words: f64,
}

impl AddK {
    fn train(tokens: &[u32], k: f64, words: usize) -> Self {
        AddK { pairs: Order::of(count(tokens, 2)), k, words: words as f64 }
    }

    fn probability(&self, history: &[u32], word: u32) -> f64 {
        let last = &history[history.len() - 1..];
        let (total, _) = self.pairs.contexts.get(last).copied().unwrap_or_default();
        let count = self.pairs.counts.get(&[last, &[word]].concat()).copied().unwrap_or(0);
        (count as f64 + self.k) / (total as f64 + self.k * self.words)
    }
}

/// exp of the mean −ln p of all words but the first.
fn perplexity(tokens: &[u32], probability: impl Fn(&[u32], u32) -> f64) -> f64 {
    let nats: f64 = (1..tokens.len()).map(|i| -probability(&tokens[i.saturating_sub(4)..i], tokens[i]).ln()).sum();
    (nats / (tokens.len() - 1) as f64).exp()
}

#[test]
fn probabilities_sum_to_one() {
    let tokens: Vec<u32> = (0..400_u32).map(|i| i * i % 11 + (i / 7) % 3).collect();
    let words = 16;
    let (kneser_ney, add_k) = (KneserNey::train(&tokens, 3, words), AddK::train(&tokens, 0.1, words));
    for history in [&tokens[..2], &[3, 15], &[15, 15], &[7]] {
        for sum in [
            (0..16).map(|word| kneser_ney.probability(history, word)).sum::<f64>(),
            (0..16).map(|word| add_k.probability(history, word)).sum::<f64>(),
        ] {
            assert!((sum - 1.0).abs() < 1e-12, "{history:?}: {sum}");
        }
    }
    // A word that is never seen has what smoothing leaves it.
    assert!(kneser_ney.probability(&[1, 2], 15) > 0.0);
}

#[test]
fn counting_words_of_the_state_of_the_union() {
    let Some(data) = real_data() else { return };
    let names = PartNames { train: Some("state_union.train.txt.gz"), ..PartNames::default() };
    let files = CorpusFiles::find(&data.join("us-presidential"), &names).unwrap();
    let train = read_text(&files.train).unwrap();
    // The tokens of the recipe lm-text.
    let config = TokenizerConfig { kind: TokenizerKind::Words, size: 8000, least: 2 };
    let tokenizer = Tokenizer::train(&config, train.split_inclusive('\n')).unwrap();
    let tokens = tokenizer.encode(&train);
    // Words that can occur: padding, begin, end and mask cannot.
    let words = tokenizer.len() - 4;
    let models = [2, 3].map(|length| KneserNey::train(&tokens, length, words));
    let add_k = AddK::train(&tokens, 0.01, words);
    for part in [&files.validation, files.test().unwrap()] {
        let tokens = tokenizer.encode(&read_text(part).unwrap());
        let [two, three] = models.each_ref().map(|model| perplexity(&tokens, |h, w| model.probability(h, w)));
        let added = perplexity(&tokens, |h, w| add_k.probability(h, w));
        let unknown = tokens.iter().filter(|&&token| token == 1).count();
        println!(
            "{}: {} words, {unknown} unknown; add-0.01 bigrams {added:.1}, Kneser–Ney bigrams {two:.1}, trigrams {three:.1}",
            part.display(),
            tokens.len()
        );
        assert!(three < two && two < added && added < words as f64, "{three} {two} {added}");
    }
}
