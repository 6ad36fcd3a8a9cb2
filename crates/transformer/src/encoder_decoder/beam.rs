//! The search for likely targets that keeps several of them open.

use anther_kernels::cross_entropy;
use anther_tensor::{Element, Ids, Tape};

use super::EncoderDecoder;
use super::sentences::Sentences;

/// How a target is searched for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BeamSearch {
    /// Targets of a source that are kept open at once; 1 takes the likeliest token each time.
    pub width: usize,
    /// The exponent α of the length, `end` included, that the log-probability of a target is divided by. 0 prefers short targets, 1 compares the mean
    /// log-probability of a token.
    pub length_penalty: f64,
    /// A token that no target has, however likely it is.
    pub never: Option<u32>,
}

impl Default for BeamSearch {
    /// Five targets, compared by the mean log-probability of a token.
    fn default() -> Self {
        BeamSearch { width: 5, length_penalty: 1.0, never: None }
    }
}

/// A target that is not over: a row of the decoder.
#[derive(Clone)]
struct Open {
    tokens: Vec<u32>,
    score: f64,
}

/// What the search knows of a source.
struct Search {
    source: usize,
    open: Vec<Open>,
    /// Targets that are over with their normalised scores, the best first, at most as many as the beam is wide.
    over: Vec<(f64, Vec<u32>)>,
}

/// A token that an open target could go on with.
#[derive(Clone, Copy)]
struct Candidate {
    score: f64,
    row: usize,
    token: u32,
}

impl BeamSearch {
    fn normalised(&self, score: f64, tokens: usize) -> f64 {
        score / (tokens as f64).powf(self.length_penalty)
    }

    /// Goes on by one token with the candidates of a source, the best first, and gives the rows that go on. A target that has as many tokens as the limit
    /// is over.
    fn advance(
        &self,
        search: &mut Search,
        candidates: &[Candidate],
        end: u32,
        first_row: usize,
        limit: usize,
    ) -> Vec<usize> {
        let (mut open, mut rows) = (Vec::new(), Vec::new());
        for (rank, candidate) in candidates.iter().enumerate() {
            let before = &search.open[candidate.row - first_row].tokens;
            let length = before.len() + 1;
            if candidate.token == end {
                // What is no better than `width` others would not stay open either.
                if rank < self.width {
                    search.over.push((self.normalised(candidate.score, length), before.clone()));
                }
                continue;
            }
            let tokens: Vec<u32> = before.iter().copied().chain([candidate.token]).collect();
            if length >= limit {
                search.over.push((self.normalised(candidate.score, length), tokens));
            } else {
                open.push(Open { tokens, score: candidate.score });
                rows.push(candidate.row);
            }
            if rows.len() == self.width {
                break;
            }
        }
        // A stable sort: of equal targets the one that was over first stays first.
        search.over.sort_by(|a, b| b.0.total_cmp(&a.0));
        search.over.truncate(self.width);
        search.open = open;
        let hopeless = search.over.len() == self.width
            && search
                .open
                .iter()
                .all(|open| self.normalised(open.score, open.tokens.len()) <= search.over[self.width - 1].0);
        if hopeless {
            search.open.clear();
            rows.clear();
        }
        rows
    }
}

/// `log Σ e^logits` of each row of `classes` logits.
fn log_sums<T: Element>(logits: &[T], classes: usize) -> Vec<T> {
    let rows = logits.len() / classes;
    let (mut losses, mut sums) = (vec![T::ZERO; rows], vec![T::ZERO; rows]);
    // The losses of any targets, for the sums that they are made of.
    cross_entropy(&mut losses, &mut sums, logits, &vec![0; rows], classes, T::ZERO);
    sums
}

/// The `most` likeliest candidates of a row of logits with this [sum](log_sums), the first of equals first, with the log-probability added to `score`.
fn likeliest<T: Element>(
    (logits, log_sum): (&[T], T),
    (row, score): (usize, f64),
    (most, never): (usize, Option<u32>),
    out: &mut Vec<Candidate>,
) {
    let log_sum = log_sum.to_f64();
    let mut best: Vec<(f64, u32)> = Vec::with_capacity(most + 1);
    for (token, x) in (0u32..).zip(logits).filter(|&(token, _)| Some(token) != never) {
        let x = x.to_f64();
        if best.len() == most && best.last().is_some_and(|last| x <= last.0) {
            continue;
        }
        let place = best.partition_point(|other| other.0 >= x);
        best.insert(place, (x, token));
        best.truncate(most);
    }
    out.extend(best.into_iter().map(|(x, token)| Candidate { score: score + x - log_sum, row, token }));
}

impl EncoderDecoder {
    /// The best target of each source that a beam search finds, without `start`, which the decoder reads first, and without `end`. At each token the
    /// `width` likeliest continuations of all open targets of a source stay open; the search of a source is over when `width` targets are over and no open
    /// one is better than the worst of them, all by log-probability over length^`length_penalty`. Targets that do not end have `limit` tokens, at most as many
    /// as the context.
    ///
    /// The target of a source does not depend on the sources beside it, but for rounding. A width of 1 is [`EncoderDecoder::greedy`]. Costs
    /// `width` times as much, and the copies of caches.
    ///
    /// # Panics
    /// As [`EncoderDecoder::greedy`], or if the width is 0.
    #[track_caller]
    pub fn beam<T: Element>(
        &self,
        tape: &Tape<T>,
        source: &Sentences,
        [start, end]: [u32; 2],
        limit: usize,
        how: &BeamSearch,
    ) -> Vec<Vec<u32>> {
        assert!(how.width > 0, "beam: a beam of width 0 keeps nothing");
        if how.width == 1 && how.never.is_none() {
            return self.greedy(tape, source, [start, end], limit);
        }
        let ([batch, _], limit) = (source.axes(), limit.min(self.config.context));
        let mut best = vec![Vec::new(); batch];
        if limit == 0 || batch == 0 {
            return best;
        }
        let by_token = self.config.attention.validate_decoding().is_ok();
        let mut cache = self.read(tape, source);
        let open = || vec![Open { tokens: Vec::new(), score: 0.0 }];
        let mut searches: Vec<Search> =
            (0..batch).map(|source| Search { source, open: open(), over: Vec::new() }).collect();
        while !searches.is_empty() {
            if !by_token {
                cache.clear();
            }
            let seen = cache.len();
            let read = searches.iter().flat_map(|search| &search.open);
            let unseen: Vec<u32> =
                read.flat_map(|open| [start].into_iter().chain(open.tokens.iter().copied()).skip(seen)).collect();
            let rows: usize = searches.iter().map(|search| search.open.len()).sum();
            let logits = self.decode(tape, &Ids::new([rows, unseen.len() / rows], unseen), &mut cache);
            let tokens = logits.shape().last_dim();
            let log_sums = log_sums(logits.data(), tokens);
            let mut going_on = Vec::new();
            let mut row = 0;
            for search in &mut searches {
                let (first_row, mut candidates) = (row, Vec::new());
                for open in &search.open {
                    let logits = &logits.data()[row * tokens..][..tokens];
                    likeliest((logits, log_sums[row]), (row, open.score), (2 * how.width, how.never), &mut candidates);
                    row += 1;
                }
                candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
                going_on.extend(how.advance(search, &candidates, end, first_row, limit));
            }
            for search in searches.extract_if(.., |search| search.open.is_empty()) {
                best[search.source] = search.over.into_iter().next().map(|(_, tokens)| tokens).unwrap_or_default();
            }
            if !searches.is_empty() {
                cache.select(&going_on);
            }
        }
        best
    }
}
