//! Batches of pairs of about the same length.

use std::ops::Range;

use crate::{BatchError, PairBatch, PairTokens, permutation};

/// How many pairs a batch may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchLimit {
    /// So many.
    Rows(usize),
    /// As many as have so many tokens on neither side, padding included; one at least.
    Tokens(usize),
}

impl BatchLimit {
    fn fits(self, rows: usize, longest: usize) -> bool {
        match self {
            BatchLimit::Rows(limit) => rows <= limit,
            BatchLimit::Tokens(limit) => rows == 1 || rows.saturating_mul(longest) <= limit,
        }
    }
}

/// Tokens of pairs in batches.
///
/// Pairs are sorted by the length of their longer side, and each batch has neighbours in that order, so little of it is padding. An epoch draws which pairs of
/// one length are neighbours, and in which order the batches come; their number and their sizes are those of every epoch.
#[derive(Clone, Debug)]
pub struct PairBatches {
    /// Shortest first.
    pairs: Vec<[Vec<u32>; 2]>,
    batches: Vec<Range<usize>>,
    tokens: PairTokens,
    dropped: usize,
}

/// The order of one epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairEpoch {
    pairs: Vec<usize>,
    batches: Vec<usize>,
}

/// Tokens of a pair with the one that begins or ends a side.
fn length([source, target]: &[Vec<u32>; 2]) -> usize {
    source.len().max(target.len()) + 1
}

impl PairBatches {
    /// Batches of tokens of sources and targets, without those that begin and end them. Pairs with a side that is longer than `context`, its end included, are
    /// left out.
    ///
    /// # Errors
    /// [`BatchError`] if no pair is left, a limit is 0, or a batch would be too large.
    pub fn new(
        pairs: Vec<[Vec<u32>; 2]>,
        limit: BatchLimit,
        context: usize,
        tokens: PairTokens,
    ) -> Result<Self, BatchError> {
        let all = pairs.len();
        let mut pairs: Vec<_> = pairs.into_iter().filter(|pair| length(pair) <= context).collect();
        pairs.sort_by_key(length);
        if pairs.is_empty() || matches!(limit, BatchLimit::Rows(0) | BatchLimit::Tokens(0)) {
            return Err(BatchError::EmptyBatch);
        }
        let mut batches = Vec::new();
        let mut first = 0;
        for next in 1..=pairs.len() {
            let full = pairs.get(next).is_none_or(|pair| !limit.fits(next + 1 - first, length(pair)));
            if full {
                crate::SequenceBatch::checked_size(next - first, length(&pairs[next - 1]))?;
                batches.push(first..next);
                first = next;
            }
        }
        Ok(PairBatches { dropped: all - pairs.len(), pairs, batches, tokens })
    }

    /// Batches of an epoch, one at least.
    #[expect(clippy::len_without_is_empty, reason = "an epoch is never empty")]
    #[must_use]
    pub fn len(&self) -> usize {
        self.batches.len()
    }

    /// Pairs of an epoch.
    #[must_use]
    pub fn pairs(&self) -> usize {
        self.pairs.len()
    }

    /// Pairs that were left out because they are too long.
    #[must_use]
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// The order of an epoch of training, a pure function of the seed and its number.
    #[must_use]
    pub fn epoch(&self, seed: u64, epoch: u64) -> PairEpoch {
        let mut pairs = permutation(seed, epoch, self.pairs.len());
        pairs.sort_by_key(|&pair| length(&self.pairs[pair]));
        // The complement of the seed has numbers of its own, so the order of batches says nothing about that of pairs.
        PairEpoch { pairs, batches: permutation(!seed, epoch, self.batches.len()) }
    }

    /// The order of an evaluation: the shortest pairs first.
    #[must_use]
    pub fn in_order(&self) -> PairEpoch {
        PairEpoch { pairs: (0..self.pairs.len()).collect(), batches: (0..self.batches.len()).collect() }
    }

    /// The batch of this number in an epoch, put in the place of `data`, whose memory is used again.
    ///
    /// # Panics
    /// If there is no such batch.
    #[track_caller]
    pub fn refill(&self, epoch: &PairEpoch, number: usize, data: &mut PairBatch) {
        let pairs = &epoch.pairs[self.batches[epoch.batches[number]].clone()];
        let longest = |side: usize| pairs.iter().map(|&pair| self.pairs[pair][side].len() + 1).max().unwrap_or(1);
        let sizes = data.restart(pairs.len(), [longest(0), longest(1)]);
        sizes.expect("the sizes of all batches were checked when they were made");
        for &pair in pairs {
            let [source, target] = &self.pairs[pair];
            data.push(source, target, self.tokens);
        }
    }
}
