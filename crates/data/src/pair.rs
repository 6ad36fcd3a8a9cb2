//! The batch of a task that reads one sequence and predicts another.

use crate::{BatchError, SequenceBatch};

/// The tokens of a pair that are no words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PairTokens {
    /// Fills a row up.
    pub padding: u32,
    /// What the decoder reads first.
    pub begin: u32,
    /// Ends a source and a target.
    pub end: u32,
}

/// Sequences to read, and for each of them a sequence to predict, both filled up with padding to one length.
///
/// What is predicted is a [`SequenceBatch`]: its inputs are a token that says "begin" and the sequence, its targets are the sequence and a token
/// that says "end", and its weights are 0 at padding.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PairBatch {
    /// Token ids that are read, `[batch, source_context]`.
    pub source: Vec<u32>,
    /// Tokens of a row of sources.
    pub source_context: usize,
    /// How many tokens of each row of sources are no padding.
    pub source_lengths: Vec<usize>,
    /// What is predicted.
    pub target: SequenceBatch,
    /// How many inputs of each row of targets are no padding.
    pub target_lengths: Vec<usize>,
}

impl PairBatch {
    /// Empties the batch and makes room for `batch` pairs of so many tokens of source and target; takes no memory if there was room before.
    ///
    /// # Errors
    /// [`BatchError`] for impossible sizes; the batch is then as it was.
    pub(crate) fn restart(&mut self, batch: usize, [source, target]: [usize; 2]) -> Result<(), BatchError> {
        let sources = SequenceBatch::checked_size(batch, source)?;
        self.target.restart(batch, target)?;
        self.source.clear();
        self.source.reserve_exact(sources);
        self.source_context = source;
        for lengths in [&mut self.source_lengths, &mut self.target_lengths] {
            lengths.clear();
            lengths.reserve_exact(batch);
        }
        Ok(())
    }

    /// Appends a pair, given without the tokens that begin and end it: the source with its end, the target late by one and with its end.
    pub(crate) fn push(&mut self, source: &[u32], target: &[u32], tokens: PairTokens) {
        let PairTokens { padding, begin, end } = tokens;
        let (room, batch) = (self.target.context, &mut self.target);
        debug_assert!(source.len() < self.source_context && target.len() < room);
        fn fill(
            row: &mut Vec<u32>,
            before: Option<u32>,
            tokens: &[u32],
            after: Option<u32>,
            room: usize,
            padding: u32,
        ) {
            let end = row.len() + room;
            row.extend(before);
            row.extend_from_slice(tokens);
            row.extend(after);
            row.resize(end, padding);
        }
        fill(&mut self.source, None, source, Some(end), self.source_context, padding);
        fill(&mut batch.inputs, Some(begin), target, None, room, padding);
        fill(&mut batch.targets, None, target, Some(end), room, padding);
        let counted = target.len() + 1;
        batch.weights.extend(std::iter::repeat_n(1.0, counted));
        batch.weights.extend(std::iter::repeat_n(0.0, room - counted));
        batch.batch += 1;
        self.source_lengths.push(source.len() + 1);
        self.target_lengths.push(counted);
    }

    /// The tokens of source number `row`, without padding.
    ///
    /// # Panics
    /// If `row` is not below the number of pairs.
    #[track_caller]
    pub fn source_row(&self, row: usize) -> &[u32] {
        assert!(row < self.source_lengths.len(), "PairBatch::source_row: row {row} of {}", self.source_lengths.len());
        &self.source[row * self.source_context..][..self.source_lengths[row]]
    }
}
