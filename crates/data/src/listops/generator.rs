//! Lists at random.

use rand::Rng;

use super::{CLOSE, ListOpsError, MIN, ZERO, expression};
use crate::random::{Purpose, below, generator};
use crate::{LabelledBatch, SequenceBatch, Split};

/// Which lists there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListOpsConfig {
    /// The greatest depth, at which all parts are digits; the whole list has depth 1.
    pub depth: usize,
    /// The most parts of a list; the fewest are 2.
    pub arguments: usize,
    /// The fewest tokens.
    pub shortest: usize,
    /// The most tokens.
    pub longest: usize,
}

impl Default for ListOpsConfig {
    /// The lists of the Long Range Arena.
    fn default() -> Self {
        ListOpsConfig { depth: 10, arguments: 10, shortest: 501, longest: 1999 }
    }
}

/// Lists that a configuration describes.
#[derive(Clone, Copy, Debug)]
pub struct ListOps {
    config: ListOpsConfig,
}

impl ListOps {
    /// Checks a configuration; costs up to 100,000 lists, drawn to see whether the lengths exist.
    ///
    /// # Errors
    /// [`ListOpsError::Setting`] and [`ListOpsError::Rare`].
    pub fn new(config: ListOpsConfig) -> Result<Self, ListOpsError> {
        let ListOpsConfig { depth, arguments, shortest, longest } = config;
        for (key, value, least, most) in [
            ("depth", depth, 2, 32),
            ("arguments", arguments, 2, 100),
            ("longest", longest, 4, 1 << 16),
            ("shortest", shortest, 4, longest),
        ] {
            if !(least..=most).contains(&value) {
                return Err(ListOpsError::Setting { key, value, least, most });
            }
        }
        let task = ListOps { config };
        let mut rng = generator(0, Purpose::ListOpsTrain, u64::MAX);
        let mut tokens = Vec::new();
        // Ten of 100,000 at least, so that what follows never draws for long.
        if (0..100_000).filter(|_| task.draw(&mut rng, &mut tokens).is_some()).take(10).count() < 10 {
            return Err(ListOpsError::Rare { depth, arguments, shortest, longest });
        }
        Ok(task)
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &ListOpsConfig {
        &self.config
    }

    /// The tokens and the value of a list: a pure function of the configuration and the arguments. The splits share no random numbers.
    ///
    /// Every list is drawn by itself, so nothing keeps two from being the same, in one split or across both; short lists often are.
    pub fn example(&self, seed: u64, split: Split, index: u64, tokens: &mut Vec<u32>) -> u32 {
        let purpose = match split {
            Split::Train => Purpose::ListOpsTrain,
            Split::Validation => Purpose::ListOpsValidation,
        };
        let mut rng = generator(seed, purpose, index);
        loop {
            if let Some(value) = self.draw(&mut rng, tokens) {
                return value;
            }
        }
    }

    /// The lists of these numbers in the place of a batch, in rows of the longest possible.
    ///
    /// # Errors
    /// [`ListOpsError::Batch`] for none or too many.
    pub fn refill(
        &self,
        seed: u64,
        split: Split,
        lists: &[usize],
        batch: &mut LabelledBatch,
    ) -> Result<(), ListOpsError> {
        SequenceBatch::checked_size(lists.len(), self.config.longest)?;
        batch.clear();
        let mut tokens = Vec::new();
        for &index in lists {
            let label = self.example(seed, split, index as u64, &mut tokens);
            batch.push_tokens(&tokens, self.config.longest, label);
        }
        Ok(())
    }

    /// One list, if it has a length that is asked for.
    fn draw(&self, rng: &mut impl Rng, tokens: &mut Vec<u32>) -> Option<u32> {
        tokens.clear();
        let value = self.list(rng, 1, tokens)?;
        (tokens.len() >= self.config.shortest).then_some(value)
    }

    /// A list at some depth; nothing as soon as it is too long. The whole is always a list: a lone digit would be too short.
    fn list(&self, rng: &mut impl Rng, depth: usize, tokens: &mut Vec<u32>) -> Option<u32> {
        let operator = MIN + below(rng, 4) as u32;
        tokens.push(operator);
        let count = 2 + below(rng, self.config.arguments as u64 - 1);
        let mut parts = Vec::with_capacity(count as usize);
        for _ in 0..count {
            if tokens.len() >= self.config.longest {
                return None;
            }
            if depth + 1 < self.config.depth && below(rng, 4) == 0 {
                parts.push(self.list(rng, depth + 1, tokens)?);
            } else {
                let digit = below(rng, 10) as u32;
                tokens.push(ZERO + digit);
                parts.push(digit);
            }
        }
        tokens.push(CLOSE);
        (tokens.len() <= self.config.longest).then(|| expression::apply(operator, parts))
    }
}
