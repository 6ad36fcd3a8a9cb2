//! Batches of blocks from a run of tokens: at random places, each once an epoch, or in order.
//!
//! A block of context `T` is `T + 1` consecutive tokens: `T` inputs and the same shifted by one as targets, all of weight 1.

use crate::random::{Purpose, below, generator};
use crate::{Cursor, DataError, EpochOrder, SequenceBatch, Split, Tokens};

/// Blocks at random places, with repetition: each start of `0..n - T` is equally likely.
///
/// There is no state: a batch is a function of seed and step, so a run resumes from its step alone. "Epoch" has no meaning here.
#[derive(Clone, Debug)]
pub struct RandomBlocks {
    tokens: Tokens,
    purpose: Purpose,
    context: usize,
}

impl RandomBlocks {
    /// Blocks of `context` tokens from anywhere in `tokens`. The split chooses the stream of random numbers, so that measuring on
    /// one split never repeats the places of the other.
    ///
    /// # Errors
    /// [`DataError::TooShort`] if there are not `context + 1` tokens, [`DataError::Batch`] if the context is 0.
    pub fn new(tokens: Tokens, split: Split, context: usize) -> Result<Self, DataError> {
        check_length(&tokens, context)?;
        let purpose = match split {
            Split::Train => Purpose::BlocksTrain,
            Split::Validation => Purpose::BlocksValidation,
        };
        Ok(Self { tokens, purpose, context })
    }

    /// The batch of `(seed, step)`. A batch of fewer sequences is a prefix of a batch of more.
    ///
    /// # Errors
    /// [`DataError::Batch`] if the batch is empty or too large.
    pub fn batch(&self, seed: u64, step: u64, batch: usize) -> Result<SequenceBatch, DataError> {
        let mut data = SequenceBatch::default();
        self.refill(seed, step, batch, &mut data)?;
        Ok(data)
    }

    /// [`batch`](Self::batch) in the place of `data`, whose memory is used again.
    ///
    /// # Errors
    /// As [`batch`](Self::batch); `data` is then as it was.
    pub fn refill(&self, seed: u64, step: u64, batch: usize, data: &mut SequenceBatch) -> Result<(), DataError> {
        data.restart(batch, self.context)?;
        let starts = (self.tokens.len() - self.context) as u64;
        let mut rng = generator(seed, self.purpose, step);
        for _ in 0..batch {
            push_block(data, &self.tokens, below(&mut rng, starts) as usize);
        }
        Ok(())
    }
}

/// Contiguous blocks, each visited once an epoch in a seeded order, with a cursor to resume from.
///
/// Block `i` has the inputs `i T .. (i + 1) T`, so there are `floor((n - 1) / T)` blocks, and fewer than `T` tokens at the end are
/// not used. Batches are always full: one that meets the end of an epoch goes on with the next.
#[derive(Clone, Debug)]
pub struct BlockEpochs {
    tokens: Tokens,
    context: usize,
    order: EpochOrder,
}

impl BlockEpochs {
    /// The blocks of `tokens` in the order of `seed`, from `cursor` on.
    ///
    /// # Errors
    /// [`DataError::TooShort`] if there are not `context + 1` tokens, [`DataError::Batch`] if the context is 0, and
    /// [`DataError::Cursor`] if the cursor is not of these data.
    pub fn new(tokens: Tokens, context: usize, seed: u64, cursor: Cursor) -> Result<Self, DataError> {
        check_length(&tokens, context)?;
        let order = EpochOrder::new(seed, (tokens.len() - 1) / context, cursor)?;
        Ok(Self { tokens, context, order })
    }

    /// Blocks in an epoch.
    pub fn blocks(&self) -> usize {
        self.order.len()
    }

    /// Where the next block comes from: what a checkpoint keeps.
    pub fn cursor(&self) -> Cursor {
        self.order.cursor()
    }

    /// Takes the next `batch` blocks.
    ///
    /// # Errors
    /// [`DataError::Batch`] if the batch is empty or too large; the cursor has not moved then.
    pub fn next_batch(&mut self, batch: usize) -> Result<SequenceBatch, DataError> {
        let mut data = SequenceBatch::with_room(batch, self.context)?;
        for _ in 0..batch {
            push_block(&mut data, &self.tokens, self.order.advance() * self.context);
        }
        Ok(data)
    }
}

/// Contiguous blocks in order, for evaluation: the same batches each time.
///
/// The blocks are those of [`BlockEpochs`]; at most `max_batches` batches are made, and the last one may have fewer sequences.
#[derive(Clone, Debug)]
pub struct SequentialBlocks {
    tokens: Tokens,
    context: usize,
    batch: usize,
    /// Blocks to visit, after the cap.
    blocks: usize,
}

impl SequentialBlocks {
    /// The first `max_batches` batches of `batch` blocks, or as many as there are.
    ///
    /// # Errors
    /// [`DataError::TooShort`] if there are not `context + 1` tokens, [`DataError::Batch`] if a batch of that size cannot be made,
    /// [`DataError::NoBatches`] if `max_batches` is 0.
    pub fn new(tokens: Tokens, context: usize, batch: usize, max_batches: usize) -> Result<Self, DataError> {
        check_length(&tokens, context)?;
        SequenceBatch::checked_size(batch, context)?;
        if max_batches == 0 {
            return Err(DataError::NoBatches);
        }
        let blocks = ((tokens.len() - 1) / context).min(batch.saturating_mul(max_batches));
        Ok(Self { tokens, context, batch, blocks })
    }

    /// Blocks that are visited.
    pub fn blocks(&self) -> usize {
        self.blocks
    }

    /// Batches that are made, one at least.
    #[expect(clippy::len_without_is_empty, reason = "one block fits, so there is always a batch")]
    pub fn len(&self) -> usize {
        self.blocks.div_ceil(self.batch)
    }

    /// Puts a batch into `data`, whose memory is used again.
    ///
    /// # Panics
    /// If `number` is not below [`len`](Self::len).
    #[track_caller]
    pub fn refill(&self, number: usize, data: &mut SequenceBatch) {
        assert!(number < self.len(), "SequentialBlocks::refill: batch {number} of {}", self.len());
        let first = number * self.batch;
        let last = self.blocks.min(first + self.batch);
        data.restart(last - first, self.context).expect("a batch that is no larger than the one checked in `new`");
        for block in first..last {
            push_block(data, &self.tokens, block * self.context);
        }
    }

    /// The batches, from the first on, each in memory of its own.
    pub fn batches(&self) -> impl ExactSizeIterator<Item = SequenceBatch> + '_ {
        (0..self.len()).map(move |number| {
            let mut data = SequenceBatch::default();
            self.refill(number, &mut data);
            data
        })
    }
}

/// One block must fit.
fn check_length(tokens: &Tokens, context: usize) -> Result<(), DataError> {
    if context == 0 {
        return Err(crate::BatchError::EmptyContext.into());
    }
    if tokens.len() <= context {
        let needed = context.saturating_add(1);
        return Err(DataError::TooShort { have: tokens.len(), context, needed });
    }
    Ok(())
}

/// Appends the block that starts at `start`.
fn push_block(data: &mut SequenceBatch, tokens: &[u32], start: usize) {
    let context = data.context;
    data.push_row(&tokens[start..=start + context], std::iter::repeat_n(1.0, context));
}
