//! The batch that every source of sequences produces, and the two halves of a data set.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Most tokens that one batch may hold (`batch * context`): 2^26, which is 0.8 GB of [`SequenceBatch`].
///
/// A larger number is a slip of the keyboard; refusing it is kinder than running out of memory.
pub const MAX_BATCH_TOKENS: usize = 1 << 26;

/// Which half of a data set: what is trained on, or what is only looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// The data that gradients come from.
    Train,
    /// The data held out for measuring.
    Validation,
}

/// Next-token prediction for `batch` sequences of `context` tokens.
///
/// The three vectors are row-major `[batch, context]`. `targets[r * context + t]` is the token that follows
/// `inputs[r * context + t]`, and `weights` says how much that prediction counts in the loss and in the accuracy: 1, or 0 for a
/// target that nothing determines.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SequenceBatch {
    /// Token ids that the model reads, `[batch, context]`.
    pub inputs: Vec<u32>,
    /// Token ids that the model should predict, `[batch, context]`.
    pub targets: Vec<u32>,
    /// Weight of each prediction, `[batch, context]`.
    pub weights: Vec<f32>,
    /// Number of sequences.
    pub batch: usize,
    /// Tokens in a sequence.
    pub context: usize,
}

impl SequenceBatch {
    /// The number of tokens `batch * context`.
    ///
    /// # Errors
    /// [`BatchError`] if either number is zero or their product is over [`MAX_BATCH_TOKENS`].
    pub(crate) fn checked_size(batch: usize, context: usize) -> Result<usize, BatchError> {
        if batch == 0 {
            return Err(BatchError::EmptyBatch);
        }
        if context == 0 {
            return Err(BatchError::EmptyContext);
        }
        let tokens = batch.checked_mul(context).filter(|&tokens| tokens <= MAX_BATCH_TOKENS);
        tokens.ok_or(BatchError::TooLarge { batch, context })
    }

    /// An empty batch with room for `batch` sequences of `context` tokens.
    ///
    /// # Errors
    /// As [`checked_size`](Self::checked_size).
    pub(crate) fn with_room(batch: usize, context: usize) -> Result<Self, BatchError> {
        let mut empty = Self::default();
        empty.restart(batch, context)?;
        Ok(empty)
    }

    /// Empties the batch and makes room for `batch` sequences of `context` tokens; takes no memory if there was room before.
    ///
    /// # Errors
    /// As [`checked_size`](Self::checked_size); the batch is then as it was.
    pub(crate) fn restart(&mut self, batch: usize, context: usize) -> Result<(), BatchError> {
        let tokens = Self::checked_size(batch, context)?;
        for ids in [&mut self.inputs, &mut self.targets] {
            ids.clear();
            ids.reserve_exact(tokens);
        }
        self.weights.clear();
        self.weights.reserve_exact(tokens);
        (self.batch, self.context) = (0, context);
        Ok(())
    }

    /// Appends one sequence: `context + 1` consecutive tokens, each of which but the last is an input and each but the first a target.
    pub(crate) fn push_row(&mut self, tokens: &[u32], weights: impl IntoIterator<Item = f32>) {
        debug_assert_eq!(tokens.len(), self.context + 1);
        self.inputs.extend_from_slice(&tokens[..self.context]);
        self.targets.extend_from_slice(&tokens[1..]);
        self.weights.extend(weights);
        self.batch += 1;
        debug_assert_eq!(self.weights.len(), self.inputs.len());
    }

    /// Number of targets with a weight other than 0.
    pub fn counted(&self) -> usize {
        self.weights.iter().filter(|&&weight| weight != 0.0).count()
    }

    /// Inputs, targets and weights of sequence `row`, each of length `context`.
    ///
    /// # Panics
    /// If `row` is not below `batch`.
    #[track_caller]
    pub fn row(&self, row: usize) -> (&[u32], &[u32], &[f32]) {
        assert!(row < self.batch, "SequenceBatch::row: row {row} of a batch of {}", self.batch);
        let range = row * self.context..(row + 1) * self.context;
        (&self.inputs[range.clone()], &self.targets[range.clone()], &self.weights[range])
    }
}

/// A batch that cannot be made, whatever the data.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BatchError {
    /// A batch of no sequences.
    #[error("a batch needs at least one sequence, but its size is 0; set the batch size to 1 or more")]
    EmptyBatch,
    /// Sequences of no tokens.
    #[error("a sequence needs at least one token, but the context is 0; set the context to 1 or more")]
    EmptyContext,
    /// More tokens than [`MAX_BATCH_TOKENS`].
    #[error(
        "a batch of {batch} sequences of {context} tokens is over the limit of {MAX_BATCH_TOKENS} tokens; \
         make the batch or the context smaller"
    )]
    TooLarge {
        /// Sequences asked for.
        batch: usize,
        /// Tokens a sequence asked for.
        context: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_shifted_by_one() {
        let mut batch = SequenceBatch::with_room(2, 3).unwrap();
        batch.push_row(&[1, 2, 3, 4], [0.0, 1.0, 1.0]);
        batch.push_row(&[5, 6, 7, 8], [1.0; 3]);
        assert_eq!(batch.batch, 2);
        assert_eq!(batch.row(0), (&[1, 2, 3][..], &[2, 3, 4][..], &[0.0, 1.0, 1.0][..]));
        assert_eq!(batch.row(1).1, [6, 7, 8]);
        assert_eq!(batch.counted(), 5);
    }

    #[test]
    fn impossible_sizes_are_refused() {
        assert_eq!(SequenceBatch::with_room(0, 3), Err(BatchError::EmptyBatch));
        assert_eq!(SequenceBatch::with_room(3, 0), Err(BatchError::EmptyContext));
        for (batch, context) in [(usize::MAX, 2), (MAX_BATCH_TOKENS, 2)] {
            let error = SequenceBatch::with_room(batch, context).unwrap_err();
            assert_eq!(error, BatchError::TooLarge { batch, context });
        }
    }

    #[test]
    #[should_panic(expected = "row 1 of a batch of 1")]
    fn a_row_that_is_not_there_panics() {
        let mut batch = SequenceBatch::with_room(1, 1).unwrap();
        batch.push_row(&[1, 2], [1.0]);
        batch.row(1);
    }
}
