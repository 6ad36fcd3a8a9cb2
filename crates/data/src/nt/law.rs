//! A rule made ready to run: the formula, or the table that was drawn for it.

use super::config::NtRule;
use crate::random::{Purpose, below, generator};

/// A rule with its table.
#[derive(Clone, Debug)]
pub(crate) enum Law {
    Sum,
    Diff,
    Window,
    /// Row-major `[a, b]`, `N * N` entries.
    Table(Vec<u32>),
}

impl Law {
    /// Makes the law of a rule. `index` is its place in the task's list, so that two random rules get two tables.
    pub(crate) fn new(rule: NtRule, symbols: u32, table_seed: u64, index: usize) -> Self {
        let mut rng = generator(table_seed, Purpose::NtTable, index as u64);
        let n = symbols as usize;
        match rule {
            NtRule::Sum => Self::Sum,
            NtRule::Diff => Self::Diff,
            NtRule::Window => Self::Window,
            NtRule::Random => Self::Table((0..n * n).map(|_| below(&mut rng, u64::from(symbols)) as u32).collect()),
            NtRule::Latin => {
                let mut table = Vec::with_capacity(n * n);
                for start in (0..n).map(|a| a * n) {
                    table.extend(0..symbols);
                    for last in (1..n).rev() {
                        table.swap(start + last, start + below(&mut rng, last as u64 + 1) as usize);
                    }
                }
                Self::Table(table)
            }
        }
    }

    /// The next symbol after `past` (`tau` symbols below `symbols`, oldest first). Costs O(1), for `window` O(tau).
    pub(crate) fn next(&self, symbols: u32, past: &[u32]) -> u32 {
        let (b, a) = (past[0], past[past.len() - 1]);
        match self {
            Self::Sum => (a + b) % symbols,
            Self::Diff => (a + symbols - b) % symbols,
            Self::Window => past.iter().fold(0, |sum, &x| (sum + x) % symbols),
            Self::Table(table) => table[a as usize * symbols as usize + b as usize],
        }
    }
}
