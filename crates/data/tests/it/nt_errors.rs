//! Configurations and batches that make no sense.

use anther_data::nt::{NtConfig, NtError, NtRule, NtTask};
use anther_data::{BatchError, Split};

use crate::support::assert_sentence;

fn base() -> NtConfig {
    NtConfig::single(NtRule::Sum, 4, 3)
}

fn error(config: NtConfig) -> NtError {
    NtTask::new(config).expect_err("the configuration should be refused")
}

#[test]
fn alphabets_without_a_choice_or_too_large() {
    for symbols in [0, 1] {
        assert_eq!(error(NtConfig { symbols, ..base() }), NtError::TooFewSymbols { symbols });
    }
    assert_eq!(error(NtConfig { symbols: u32::MAX, ..base() }), NtError::TooManySymbols { symbols: u32::MAX });
    assert_sentence(&error(NtConfig { symbols: 1, ..base() }), &["`symbols` is 1", "at least 2"]);
}

#[test]
fn delays_of_nothing_or_beyond_counting() {
    assert_eq!(error(NtConfig { delay: 0, ..base() }), NtError::NoDelay);
    assert_eq!(error(NtConfig { delay: 64, ..base() }), NtError::StatesOverflow { symbols: 4, delay: 64 });
    assert_eq!(error(NtConfig { delay: u32::MAX, ..base() }), NtError::StatesOverflow { symbols: 4, delay: u32::MAX });
    assert_eq!(NtTask::new(NtConfig { delay: 63, ..base() }).unwrap().complexity(), 1 << 126);
}

#[test]
fn noise_that_is_no_probability() {
    for noise in [-0.1, 1.0001, f64::INFINITY, f64::NAN] {
        assert!(matches!(error(NtConfig { noise, ..base() }), NtError::Noise { .. }), "{noise}");
    }
    assert_sentence(&error(NtConfig { noise: 1.5, ..base() }), &["`noise` is 1.5", "between 0 and 1"]);
}

#[test]
fn rules_missing_or_too_many() {
    assert_eq!(error(NtConfig { rules: vec![], ..base() }), NtError::NoRules);
    let rules = vec![NtRule::Random; 5];
    assert_eq!(
        error(NtConfig { symbols: 4096, delay: 2, rules, ..base() }),
        NtError::TablesTooLarge { tables: 5, symbols: 4096 }
    );
}

#[test]
fn contexts_with_no_target_that_counts() {
    let task = NtTask::new(base()).unwrap();
    let batch = |task: &NtTask, context| task.batch(0, Split::Train, 0, 2, context);
    assert_eq!(batch(&task, 2), Err(NtError::ContextTooShort { context: 2, delay: 3, needed: 3 }));
    assert_eq!(batch(&task, 3).unwrap().counted(), 2);
    let several = NtTask::new(NtConfig { rules: vec![NtRule::Sum, NtRule::Diff], ..base() }).unwrap();
    let short = batch(&several, 6).unwrap_err();
    assert_eq!(short, NtError::ContextTooShort { context: 6, delay: 3, needed: 7 });
    assert_sentence(&short, &["context of 6", "delay of 3", "7 or more"]);
    assert_eq!(batch(&several, 7).unwrap().counted(), 2);
}

#[test]
fn batches_of_nothing_or_too_much() {
    let task = NtTask::new(base()).unwrap();
    let batch = |batch, context| task.batch(0, Split::Train, 0, batch, context).unwrap_err();
    assert_eq!(batch(0, 8), NtError::Batch(BatchError::EmptyBatch));
    assert_eq!(batch(8, 0), NtError::Batch(BatchError::EmptyContext));
    assert!(matches!(batch(usize::MAX, usize::MAX), NtError::Batch(BatchError::TooLarge { .. })));
}

#[test]
fn pasts_that_do_not_fit() {
    let task = NtTask::new(base()).unwrap();
    for past in [&[][..], &[1, 2], &[1, 2, 3, 0], &[1, 2, 4]] {
        assert!(matches!(task.next_symbol(0, past), Err(NtError::Past { .. })), "{past:?}");
    }
    assert_eq!(task.next_symbol(1, &[1, 2, 3]), Err(NtError::NoSuchRule { rule: 1, rules: 1 }));
}

#[test]
fn recipes_are_read_strictly() {
    let config: NtConfig = toml::from_str("symbols = 4\ndelay = 3\nrules = [\"sum\"]").unwrap();
    assert_eq!(config, base());
    for wrong in [
        "symbols = 4\ndelay = 3\nrules = [\"sum\"]\nnoisy = 0.1",
        "symbols = 4\ndelay = 3\nrules = [\"xor\"]",
        "symbols = -4\ndelay = 3\nrules = [\"sum\"]",
        "symbols = 4\ndelay = 3",
    ] {
        assert!(toml::from_str::<NtConfig>(wrong).is_err(), "{wrong}");
    }
}
