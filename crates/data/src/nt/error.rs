//! What can be wrong with an NT task.

use thiserror::Error;

use super::{MAX_CYCLE_STATES, MAX_EMBEDDING_ENTRIES, MAX_SYMBOLS, MAX_TABLE_ENTRIES};
use crate::BatchError;

/// What can be wrong with an NT task or with a batch asked of it.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum NtError {
    /// `N < 2`.
    #[error("an NT task needs at least 2 symbols, but `symbols` is {symbols}; with fewer there is nothing to predict")]
    TooFewSymbols {
        /// `N` as given.
        symbols: u32,
    },
    /// `N` over the limit.
    #[error("an NT task has at most {MAX_SYMBOLS} symbols, but `symbols` is {symbols}; choose a smaller alphabet")]
    TooManySymbols {
        /// `N` as given.
        symbols: u32,
    },
    /// `tau = 0`.
    #[error(
        "the delay of an NT task must be at least 1, but `delay` is 0; 1 makes a symbol depend on the one before it"
    )]
    NoDelay,
    /// No rule.
    #[error("an NT task needs a rule, but `rules` is empty; name one or more of sum, diff, random, latin, window")]
    NoRules,
    /// `p` outside `[0, 1]`, or NaN.
    #[error("the noise of an NT task is a probability between 0 and 1, but `noise` is {noise}")]
    Noise {
        /// `p` as given.
        noise: f64,
    },
    /// Tables over the limit.
    #[error(
        "{tables} tables of {symbols} x {symbols} entries are over the limit of {MAX_TABLE_ENTRIES} entries; \
         use fewer symbols or fewer of the rules random and latin"
    )]
    TablesTooLarge {
        /// Rules with a table.
        tables: u64,
        /// `N`.
        symbols: u32,
    },
    /// `N^tau` does not fit 128 bits.
    #[error("{symbols}^{delay} states are more than 128 bits can count; make `symbols` or `delay` smaller")]
    StatesOverflow {
        /// `N`.
        symbols: u32,
        /// `tau`.
        delay: u32,
    },
    /// No target of such a short sequence counts.
    #[error(
        "a context of {context} is too short for a delay of {delay}: the first target that counts is number {needed}; \
         set the context to {needed} or more"
    )]
    ContextTooShort {
        /// Context as given.
        context: usize,
        /// `tau`.
        delay: u32,
        /// Least context with a target that counts.
        needed: usize,
    },
    /// An impossible batch.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// Too many states to walk.
    #[error("the cycles of {states} states cannot be walked; the limit is {MAX_CYCLE_STATES} states")]
    TooManyStates {
        /// `N^tau`.
        states: u128,
    },
    /// A rule index that the task does not have.
    #[error("rule number {rule} was asked for, but the task has {rules} (counted from 0)")]
    NoSuchRule {
        /// Index as given.
        rule: usize,
        /// Number of rules.
        rules: usize,
    },
    /// A past that does not fit the task.
    #[error("a past of {delay} symbols below {symbols} was expected, but {past:?} was given")]
    Past {
        /// `tau`.
        delay: u32,
        /// `N`.
        symbols: u32,
        /// The past as given, oldest first.
        past: Vec<u32>,
    },
    /// One-hot vectors of another width than `N`.
    #[error(
        "one-hot rows of {symbols} symbols are {symbols} wide, but a width of {width} was asked for; use orthogonal rows"
    )]
    OneHotWidth {
        /// `N`.
        symbols: usize,
        /// Width as given.
        width: usize,
    },
    /// Fewer dimensions than orthonormal rows.
    #[error(
        "{symbols} orthonormal rows need a width of at least {symbols}, but the width is {width}; make the model wider"
    )]
    TooNarrow {
        /// `N`.
        symbols: usize,
        /// Width as given.
        width: usize,
    },
    /// A table of vectors over the limit.
    #[error("an embedding of {symbols} rows of {width} numbers is over the limit of {MAX_EMBEDDING_ENTRIES} numbers")]
    EmbeddingTooLarge {
        /// `N`.
        symbols: usize,
        /// Width as given.
        width: usize,
    },
}
