//! The graph of states of an NT task: how long its cycles are and how many states lie on none.

use std::collections::BTreeMap;

use super::{error::NtError, task::NtTask};

/// Most states whose cycles are walked: 2^26. A walk takes 8 bytes a state.
pub const MAX_CYCLE_STATES: u128 = 1 << 26;

/// The cycles of a finite map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CycleSpectrum {
    /// Number of cycles of each length: `{length: count}`.
    pub cycles: BTreeMap<u64, u64>,
    /// States on no cycle: a sequence may start there and never returns. 0 for an invertible rule.
    pub transient: u64,
}

impl NtTask {
    /// The cycles of rule number `rule` without noise, over all `N^tau` states.
    ///
    /// Costs O(`N^tau`) time and 8 bytes a state (for `window` O(`tau N^tau`) time).
    ///
    /// # Errors
    /// [`NtError::NoSuchRule`], or [`NtError::TooManyStates`] over [`MAX_CYCLE_STATES`].
    pub fn cycles(&self, rule: usize) -> Result<CycleSpectrum, NtError> {
        let law = self.law(rule)?;
        let states = self.complexity();
        if states > MAX_CYCLE_STATES {
            return Err(NtError::TooManyStates { states });
        }
        let states = states as u64;
        let symbols = self.config().symbols;
        let n = u64::from(symbols);
        let newest = states / n;
        // A state packs its symbols as base-N digits, x_{t-1} the most significant: a step shifts them down and puts f on top.
        let mut past = vec![0_u32; self.config().delay as usize];
        let mut step = |state: u64| {
            let mut digits = state;
            for symbol in &mut past {
                *symbol = (digits % n) as u32;
                digits /= n;
            }
            state / n + u64::from(law.next(symbols, &past)) * newest
        };
        // `visited[s]` is when `s` was first seen, counted over all walks from 1, so a walk that meets a state seen since the walk
        // began has closed a cycle, and the difference of the times is its length.
        let mut visited = vec![0_u64; states as usize];
        let (mut now, mut on_cycle) = (0_u64, 0_u64);
        let mut cycles = BTreeMap::new();
        for start in 0..states {
            let began = now;
            let mut state = start;
            while visited[state as usize] == 0 {
                now += 1;
                visited[state as usize] = now;
                state = step(state);
            }
            if visited[state as usize] > began {
                let length = now - visited[state as usize] + 1;
                *cycles.entry(length).or_insert(0) += 1;
                on_cycle += length;
            }
        }
        Ok(CycleSpectrum { cycles, transient: states - on_cycle })
    }
}
