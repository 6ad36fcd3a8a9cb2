//! The batch of a task that reads one sequence and predicts another.

use crate::{BatchError, SequenceBatch};

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
    /// Empties the batch and makes room for `batch` pairs of `context` tokens each; takes no memory if there was room before.
    ///
    /// # Errors
    /// [`BatchError`] for impossible sizes; the batch is then as it was.
    pub(crate) fn restart(&mut self, batch: usize, context: usize) -> Result<(), BatchError> {
        self.target.restart(batch, context)?;
        self.source.clear();
        self.source.reserve_exact(batch * context);
        self.source_context = context;
        for lengths in [&mut self.source_lengths, &mut self.target_lengths] {
            lengths.clear();
            lengths.reserve_exact(batch);
        }
        Ok(())
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
