//! The task itself: sequences and batches.

use super::{config::NtConfig, error::NtError, law::Law};
use crate::random::{Purpose, below, generator, unit};
use crate::{SequenceBatch, Split};

/// A validated NT task with its tables drawn. **\[guess\]**, see the [module](super).
#[derive(Clone, Debug)]
pub struct NtTask {
    config: NtConfig,
    laws: Vec<Law>,
    states: u128,
}

impl NtTask {
    /// Checks a configuration and draws its tables (O(`N^2`) for each `random` or `latin` rule).
    ///
    /// # Errors
    /// [`NtError`] naming the field that is wrong: fewer than 2 or too many symbols, no delay, no rule, noise that is no
    /// probability, tables that are too large, or more than 2^128 states.
    pub fn new(config: NtConfig) -> Result<Self, NtError> {
        let states = config.validated_states()?;
        let law = |(index, &rule)| Law::new(rule, config.symbols, config.table_seed, index);
        let laws = config.rules.iter().enumerate().map(law).collect();
        Ok(Self { config, laws, states })
    }

    /// The configuration the task was made from.
    pub fn config(&self) -> &NtConfig {
        &self.config
    }

    /// `C = N^tau`, the number of states.
    pub fn complexity(&self) -> u128 {
        self.states
    }

    /// Index `t` of the first symbol whose prediction counts: `tau`, or `2 tau + 1` when the rule must be inferred. It is also the
    /// least context of a batch.
    pub fn first_counted(&self) -> usize {
        let delay = self.config.delay as usize;
        if self.laws.len() == 1 { delay } else { 2 * delay + 1 }
    }

    /// The symbol that rule number `rule` puts after `past`, the last `tau` symbols, oldest first.
    ///
    /// # Errors
    /// [`NtError::NoSuchRule`], or [`NtError::Past`] if the past has another length or an unknown symbol.
    pub fn next_symbol(&self, rule: usize, past: &[u32]) -> Result<u32, NtError> {
        let law = self.law(rule)?;
        let NtConfig { symbols, delay, .. } = self.config;
        if past.len() != delay as usize || past.iter().any(|&x| x >= symbols) {
            return Err(NtError::Past { delay, symbols, past: past.to_vec() });
        }
        Ok(law.next(symbols, past))
    }

    /// Fresh data: `batch` sequences with `context` inputs each.
    ///
    /// A pure function of the task and the arguments: the same call gives the same data. Each step has its own stream of random
    /// numbers, and the splits share none. A batch of fewer sequences is a prefix of a batch of more. Costs O(`batch * context`),
    /// for `window` times `tau`.
    ///
    /// A target counts (weight 1) if it is number [`first_counted`](Self::first_counted) or later and was not replaced by noise.
    ///
    /// # Errors
    /// [`NtError::ContextTooShort`] if no target would count, [`NtError::Batch`] if the batch is empty or too large.
    pub fn batch(
        &self,
        seed: u64,
        split: Split,
        step: u64,
        batch: usize,
        context: usize,
    ) -> Result<SequenceBatch, NtError> {
        let mut data = SequenceBatch::default();
        self.refill(seed, split, step, batch, context, &mut data)?;
        Ok(data)
    }

    /// [`batch`](Self::batch) in the place of `data`, whose memory is used again.
    ///
    /// # Errors
    /// As [`batch`](Self::batch); `data` is then as it was.
    pub fn refill(
        &self,
        seed: u64,
        split: Split,
        step: u64,
        batch: usize,
        context: usize,
        data: &mut SequenceBatch,
    ) -> Result<(), NtError> {
        self.fill(seed, split, step, [batch, context], data, |_| ())
    }

    /// [`batch`](Self::batch), and for each sequence the number of the rule that made it: for accuracies per rule, not for the model.
    ///
    /// # Errors
    /// As [`batch`](Self::batch).
    pub fn batch_with_rules(
        &self,
        seed: u64,
        split: Split,
        step: u64,
        batch: usize,
        context: usize,
    ) -> Result<(SequenceBatch, Vec<usize>), NtError> {
        let mut data = SequenceBatch::default();
        let mut rules = Vec::new();
        self.fill(seed, split, step, [batch, context], &mut data, |rule| rules.push(rule))?;
        Ok((data, rules))
    }

    /// Fills `data` with `[batch, context]` tokens and tells the rule of each sequence.
    fn fill(
        &self,
        seed: u64,
        split: Split,
        step: u64,
        [batch, context]: [usize; 2],
        data: &mut SequenceBatch,
        mut each_rule: impl FnMut(usize),
    ) -> Result<(), NtError> {
        SequenceBatch::checked_size(batch, context)?;
        let needed = self.first_counted();
        if context < needed {
            return Err(NtError::ContextTooShort { context, delay: self.config.delay, needed });
        }
        data.restart(batch, context)?;
        let NtConfig { symbols, delay, noise, .. } = self.config;
        let delay = delay as usize;
        let purpose = match split {
            Split::Train => Purpose::NtTrain,
            Split::Validation => Purpose::NtValidation,
        };
        let mut rng = generator(seed, purpose, step);
        for row in 0..batch {
            let rule = match self.laws.len() {
                1 => 0,
                several => below(&mut rng, several as u64) as usize,
            };
            each_rule(rule);
            let start = row * context;
            for t in 0..=context {
                let reset = t >= delay && noise > 0.0 && unit(&mut rng) < noise;
                let symbol = if t < delay || reset {
                    below(&mut rng, u64::from(symbols)) as u32
                } else {
                    // All symbols before the last one are inputs.
                    self.laws[rule].next(symbols, &data.inputs[start + t - delay..start + t])
                };
                if t < context {
                    data.inputs.push(symbol);
                }
                // Target t belongs to input t - 1.
                if t > 0 {
                    data.targets.push(symbol);
                    data.weights.push(if t >= needed && !reset { 1.0 } else { 0.0 });
                }
            }
            data.batch += 1;
        }
        Ok(())
    }

    /// The law of rule number `rule`.
    pub(crate) fn law(&self, rule: usize) -> Result<&Law, NtError> {
        self.laws.get(rule).ok_or(NtError::NoSuchRule { rule, rules: self.laws.len() })
    }
}
