//! The graph of states: published spectra, invertibility, and an independent count of the transients.

use std::collections::{BTreeMap, BTreeSet};

use anther_data::nt::{MAX_CYCLE_STATES, NtConfig, NtError, NtRule, NtTask};

type Spectrum = &'static [(u64, u64)];

fn task(rule: NtRule, symbols: u32, delay: u32) -> NtTask {
    NtTask::new(NtConfig::single(rule, symbols, delay)).unwrap()
}

#[track_caller]
fn check(rule: NtRule, cases: &[(u32, u32, Spectrum, u64)]) {
    for &(symbols, delay, spectrum, transient) in cases {
        let got = task(rule, symbols, delay).cycles(0).unwrap();
        let want: BTreeMap<u64, u64> = spectrum.iter().copied().collect();
        assert_eq!(got.cycles, want, "{rule:?} N = {symbols} tau = {delay}");
        assert_eq!(got.transient, transient, "{rule:?} N = {symbols} tau = {delay}");
    }
}

#[test]
fn sum_has_the_known_spectra() {
    check(
        NtRule::Sum,
        &[
            (2, 2, &[(1, 1), (3, 1)], 0),
            (2, 3, &[(1, 1), (7, 1)], 0),
            (2, 4, &[(1, 1), (15, 1)], 0),
            (2, 5, &[(1, 1), (3, 1), (7, 1), (21, 1)], 0),
            (2, 6, &[(1, 1), (63, 1)], 0),
            (2, 7, &[(1, 1), (127, 1)], 0),
            (2, 8, &[(1, 1), (3, 1), (63, 4)], 0),
            (2, 10, &[(1, 1), (7, 1), (127, 1), (889, 1)], 0),
            (3, 2, &[(1, 1), (8, 1)], 0),
            (3, 3, &[(1, 1), (2, 1), (8, 3)], 0),
            (3, 4, &[(1, 1), (80, 1)], 0),
            (4, 3, &[(1, 1), (7, 1), (14, 4)], 0),
            (4, 4, &[(1, 1), (15, 1), (30, 8)], 0),
            (5, 3, &[(1, 1), (31, 4)], 0),
            (8, 3, &[(1, 1), (7, 1), (14, 4), (28, 16)], 0),
        ],
    );
}

#[test]
fn diff_and_window_have_the_known_spectra() {
    check(
        NtRule::Diff,
        &[
            (2, 3, &[(1, 1), (7, 1)], 0),
            (3, 2, &[(1, 1), (2, 1), (6, 1)], 0),
            (3, 3, &[(1, 1), (26, 1)], 0),
            (5, 3, &[(1, 1), (4, 1), (24, 5)], 0),
            (6, 2, &[(1, 1), (2, 1), (3, 1), (6, 5)], 0),
        ],
    );
    check(
        NtRule::Window,
        &[
            (2, 3, &[(1, 2), (2, 1), (4, 1)], 0),
            (2, 4, &[(1, 1), (5, 3)], 0),
            (3, 3, &[(1, 1), (13, 2)], 0),
            (4, 3, &[(1, 2), (2, 1), (4, 3), (8, 6)], 0),
            (8, 3, &[(1, 2), (2, 1), (4, 3), (8, 14), (16, 24)], 0),
        ],
    );
}

#[test]
fn a_delay_of_one_is_a_map_of_symbols() {
    // x -> 2x, x -> 0 and x -> x: the two taps are the same symbol, so `sum` and `diff` need not be invertible.
    check(NtRule::Sum, &[(3, 1, &[(1, 1), (2, 1)], 0), (4, 1, &[(1, 1)], 3)]);
    check(NtRule::Diff, &[(3, 1, &[(1, 1)], 2)]);
    check(NtRule::Window, &[(4, 1, &[(1, 4)], 0)]);
}

#[test]
fn latin_tables_are_invertible_and_their_rows_are_permutations() {
    for table_seed in 0..5 {
        let config = NtConfig { table_seed, ..NtConfig::single(NtRule::Latin, 6, 3) };
        let task = NtTask::new(config).unwrap();
        let spectrum = task.cycles(0).unwrap();
        assert_eq!(spectrum.transient, 0);
        assert_eq!(spectrum.cycles.iter().map(|(length, count)| length * count).sum::<u64>(), 216);
        for a in 0..6 {
            let row: BTreeSet<u32> = (0..6).map(|b| task.next_symbol(0, &[b, 0, a]).unwrap()).collect();
            assert_eq!(row.len(), 6, "row {a} of seed {table_seed} is no permutation");
        }
    }
}

/// The states on cycles are what is left when the map is applied to the set of all states until it no longer shrinks.
fn states_on_cycles(task: &NtTask) -> usize {
    let (n, tau) = (task.config().symbols, task.config().delay);
    let mut states: BTreeSet<Vec<u32>> = BTreeSet::from([vec![]]);
    for _ in 0..tau {
        states = states.iter().flat_map(|s| (0..n).map(move |x| [s.clone(), vec![x]].concat())).collect();
    }
    loop {
        let image: BTreeSet<Vec<u32>> =
            states.iter().map(|past| [&past[1..], &[task.next_symbol(0, past).unwrap()]].concat()).collect();
        if image.len() == states.len() {
            return image.len();
        }
        states = image;
    }
}

#[test]
fn random_tables_have_transients_and_all_states_are_accounted_for() {
    let mut transients = 0;
    for table_seed in 0..6 {
        let config = NtConfig { table_seed, ..NtConfig::single(NtRule::Random, 4, 4) };
        let task = NtTask::new(config).unwrap();
        let spectrum = task.cycles(0).unwrap();
        let on_cycles: u64 = spectrum.cycles.iter().map(|(length, count)| length * count).sum();
        assert_eq!(on_cycles + spectrum.transient, 256);
        assert_eq!(on_cycles as usize, states_on_cycles(&task), "table seed {table_seed}");
        transients += spectrum.transient;
    }
    assert!(transients > 0, "six random tables in a row were invertible");
}

#[test]
fn tables_depend_on_their_seed_and_their_place() {
    let table = |task: &NtTask, rule: usize| -> Vec<u32> {
        (0..64).map(|i| task.next_symbol(rule, &[i % 8, i / 8]).unwrap()).collect()
    };
    let config = NtConfig { rules: vec![NtRule::Random; 2], ..NtConfig::single(NtRule::Random, 8, 2) };
    let task = NtTask::new(config.clone()).unwrap();
    assert_ne!(table(&task, 0), table(&task, 1));
    let other = NtTask::new(NtConfig { table_seed: 1, ..config.clone() }).unwrap();
    assert_ne!(table(&task, 0), table(&other, 0));
    let again = NtTask::new(config).unwrap();
    assert_eq!(table(&task, 1), table(&again, 1));
}

#[test]
fn rules_are_the_formulas() {
    for (n, tau) in [(2, 2), (5, 3), (7, 4)] {
        let tau_symbols = tau as usize;
        for code in 0..u32::pow(n, tau) {
            let past: Vec<u32> = (0..tau).map(|i| code / n.pow(i) % n).collect();
            let (b, a) = (past[0], past[tau_symbols - 1]);
            let next = |rule| task(rule, n, tau).next_symbol(0, &past).unwrap();
            assert_eq!(next(NtRule::Sum), (a + b) % n);
            assert_eq!(i64::from(next(NtRule::Diff)), (i64::from(a) - i64::from(b)).rem_euclid(n.into()));
            assert_eq!(next(NtRule::Window), past.iter().sum::<u32>() % n);
        }
    }
}

#[test]
fn too_many_states_are_refused() {
    let states = 16_u128.pow(8);
    assert!(states > MAX_CYCLE_STATES);
    assert_eq!(task(NtRule::Sum, 16, 8).cycles(0), Err(NtError::TooManyStates { states }));
    assert_eq!(task(NtRule::Sum, 2, 2).cycles(1), Err(NtError::NoSuchRule { rule: 1, rules: 1 }));
}
