//! Batches for masked language models: blocks of text in which some tokens are hidden, to be guessed from both sides.
//!
//! Each token that is not special is chosen with probability 0.15. A chosen one is replaced by the mask in 80 % of the cases, by any token in 10 %, and left
//! as it is in 10 %, as for RoBERTa with masking while it trains. Targets are the tokens of the text, and only those of chosen places have weight 1.

use rand_chacha::ChaCha8Rng;

use crate::random::{Purpose, below, generator, unit};
use crate::tokenizer::Special;
use crate::{BatchError, DataError, SequenceBatch, Tokens};

/// The probability that a token is chosen.
pub const CHOSEN: f64 = 0.15;

/// Of the chosen tokens, the share that is replaced by the mask.
const HIDDEN: f64 = 0.8;

/// Of the chosen tokens, the share that is replaced by the mask or by any token.
const CHANGED: f64 = 0.9;

/// Blocks of a text with hidden tokens.
#[derive(Clone, Debug)]
pub struct MaskedBlocks {
    tokens: Tokens,
    context: usize,
    mask: u32,
    special: [Option<u32>; 5],
    vocabulary: u32,
}

impl MaskedBlocks {
    /// Blocks of `context` tokens of a text in `vocabulary` tokens, those of `special` among them.
    ///
    /// # Errors
    /// [`DataError::TooShort`] if there are not `context` tokens, [`DataError::Batch`] if the context is 0, [`DataError::NoMask`] if no token is the mask.
    pub fn new(tokens: Tokens, context: usize, special: Special, vocabulary: usize) -> Result<Self, DataError> {
        if context == 0 {
            return Err(BatchError::EmptyContext.into());
        }
        if tokens.len() < context {
            return Err(DataError::TooShort { have: tokens.len(), context, needed: context });
        }
        let Special { padding, unknown, begin, end, mask } = special;
        let special = [padding, unknown, begin, end, mask];
        let mask = mask.ok_or(DataError::NoMask)?;
        Ok(MaskedBlocks { tokens, context, mask, special, vocabulary: vocabulary as u32 })
    }

    /// Puts the batch of `(seed, step)` into `data`, whose memory is used again: blocks from anywhere, masked anew.
    ///
    /// # Errors
    /// [`DataError::Batch`] if the batch is empty or too large; `data` is then as it was.
    pub fn refill(&self, seed: u64, step: u64, batch: usize, data: &mut SequenceBatch) -> Result<(), DataError> {
        data.restart(batch, self.context)?;
        let starts = (self.tokens.len() - self.context + 1) as u64;
        let mut places = generator(seed, Purpose::MaskedBlocksTrain, step);
        let mut masks = generator(seed, Purpose::MaskTrain, step);
        for _ in 0..batch {
            self.push(data, below(&mut places, starts) as usize, &mut masks);
        }
        Ok(())
    }

    /// The first `max_batches` batches of `batch` contiguous blocks in order, or as many as there are.
    ///
    /// # Errors
    /// [`DataError::Batch`] if a batch of that size cannot be made, [`DataError::NoBatches`] if `max_batches` is 0.
    pub fn evaluation(self, batch: usize, max_batches: usize) -> Result<MaskedEvaluation, DataError> {
        SequenceBatch::checked_size(batch, self.context)?;
        if max_batches == 0 {
            return Err(DataError::NoBatches);
        }
        let visited = (self.tokens.len() / self.context).min(batch.saturating_mul(max_batches));
        Ok(MaskedEvaluation { blocks: self, batch, visited })
    }

    /// Appends the block that starts at `start`.
    fn push(&self, data: &mut SequenceBatch, start: usize, rng: &mut ChaCha8Rng) {
        for &token in &self.tokens[start..start + self.context] {
            let (input, weight) = self.read(token, rng);
            data.inputs.push(input);
            data.targets.push(token);
            data.weights.push(weight);
        }
        data.batch += 1;
    }

    /// What the model reads in the place of a token, and how much guessing it counts.
    fn read(&self, token: u32, rng: &mut ChaCha8Rng) -> (u32, f32) {
        if self.special.contains(&Some(token)) || unit(rng) >= CHOSEN {
            return (token, 0.0);
        }
        let kind = unit(rng);
        let input = if kind < HIDDEN {
            self.mask
        } else if kind < CHANGED {
            below(rng, u64::from(self.vocabulary)) as u32
        } else {
            token
        };
        (input, 1.0)
    }
}

/// Contiguous blocks in order, for evaluation: the same masks each time, whatever the seed of a run. The last batch may have fewer sequences.
#[derive(Clone, Debug)]
pub struct MaskedEvaluation {
    blocks: MaskedBlocks,
    batch: usize,
    /// Blocks to visit, after the cap.
    visited: usize,
}

impl MaskedEvaluation {
    /// Batches that are made, one at least.
    #[expect(clippy::len_without_is_empty, reason = "one block fits, so there is always a batch")]
    #[must_use]
    pub fn len(&self) -> usize {
        self.visited.div_ceil(self.batch)
    }

    /// Puts a batch into `data`, whose memory is used again.
    ///
    /// # Panics
    /// If `number` is not below [`len`](Self::len).
    #[track_caller]
    pub fn refill(&self, number: usize, data: &mut SequenceBatch) {
        assert!(number < self.len(), "MaskedEvaluation::refill: batch {number} of {}", self.len());
        let MaskedEvaluation { blocks, batch, visited } = self;
        let first = number * batch;
        let last = *visited.min(&(first + batch));
        data.restart(last - first, blocks.context).expect("a batch that is no larger than the one that was checked");
        for block in first..last {
            let mut masks = generator(0, Purpose::MaskEvaluation, block as u64);
            blocks.push(data, block * blocks.context, &mut masks);
        }
    }
}
