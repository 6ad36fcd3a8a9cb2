//! What an NT task is made of, as a recipe spells it.

use serde::{Deserialize, Serialize};

use super::error::NtError;

/// Most symbols that a task may have. A lookup table has the square of that many entries.
pub const MAX_SYMBOLS: u32 = 4096;

/// Most entries that the lookup tables of one task may have together (256 MB).
pub const MAX_TABLE_ENTRIES: u64 = 1 << 26;

/// The function `f` of `a = x_{t-1}` and `b = x_{t-tau}` that makes the next symbol. **\[guess\]**, see the [module](super).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NtRule {
    /// `(a + b) mod N`; for `N = 2` exclusive or. Invertible for `tau >= 2`: every state lies on a cycle.
    Sum,
    /// `(a - b) mod N`. Invertible for `tau >= 2`.
    Diff,
    /// A table `T[a, b]` of independent uniform symbols. Not invertible: states off the cycles exist.
    Random,
    /// A table whose every row `T[a, ..]` is a random permutation. Invertible for `tau >= 2`.
    Latin,
    /// `(x_{t-1} + ... + x_{t-tau}) mod N`. Invertible.
    Window,
}

impl NtRule {
    /// Whether the rule reads a random table.
    pub(crate) fn has_table(self) -> bool {
        matches!(self, Self::Random | Self::Latin)
    }
}

/// An NT task. In TOML:
///
/// ```
/// let config: anther_data::nt::NtConfig = toml::from_str(
///     r#"
///     symbols = 16
///     delay = 5
///     rules = ["random"]
///     noise = 0.0        # the default
///     table_seed = 0     # the default
///     "#,
/// )?;
/// assert!(anther_data::nt::NtTask::new(config).is_ok());
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NtConfig {
    /// `N`, the size of the alphabet: 2 to [`MAX_SYMBOLS`].
    pub symbols: u32,
    /// `tau`, the delay: 1 or more.
    pub delay: u32,
    /// The rules. With more than one the task is multi-task: each sequence draws its rule uniformly, no token says which, and only
    /// targets `t >= 2 tau + 1` count, because the rule must first be read off the sequence.
    pub rules: Vec<NtRule>,
    /// `p`: the probability that a produced symbol is replaced by a uniform one. Such a target has weight 0.
    #[serde(default)]
    pub noise: f64,
    /// Seed of the tables of `random` and `latin`. It is apart from the seed of the data, so that several training seeds can see
    /// the same task.
    #[serde(default)]
    pub table_seed: u64,
}

impl NtConfig {
    /// The task with one rule, no noise and table seed 0.
    pub fn single(rule: NtRule, symbols: u32, delay: u32) -> Self {
        Self { symbols, delay, rules: vec![rule], noise: 0.0, table_seed: 0 }
    }

    /// The number of states `C = N^tau`, if the configuration describes a task at all.
    pub(crate) fn validated_states(&self) -> Result<u128, NtError> {
        let &Self { symbols, delay, noise, .. } = self;
        if symbols < 2 {
            return Err(NtError::TooFewSymbols { symbols });
        }
        if symbols > MAX_SYMBOLS {
            return Err(NtError::TooManySymbols { symbols });
        }
        if delay == 0 {
            return Err(NtError::NoDelay);
        }
        if self.rules.is_empty() {
            return Err(NtError::NoRules);
        }
        if !(0.0..=1.0).contains(&noise) {
            return Err(NtError::Noise { noise });
        }
        let tables = self.rules.iter().filter(|rule| rule.has_table()).count() as u64;
        let entries = tables.saturating_mul(u64::from(symbols) * u64::from(symbols));
        if entries > MAX_TABLE_ENTRIES {
            return Err(NtError::TablesTooLarge { tables, symbols });
        }
        u128::from(symbols).checked_pow(delay).ok_or(NtError::StatesOverflow { symbols, delay })
    }
}
