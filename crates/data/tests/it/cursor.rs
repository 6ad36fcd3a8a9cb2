//! Cursors: every index once an epoch, exact resume, and cursors of other data.

use anther_data::{Cursor, DataError, EpochOrder};

use crate::support::assert_sentence;

#[test]
fn every_index_once_an_epoch_in_another_order() {
    let taken: Vec<usize> = EpochOrder::new(3, 20, Cursor::default()).unwrap().take(60).collect();
    for epoch in taken.chunks(20) {
        let mut sorted = epoch.to_vec();
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..20));
    }
    assert_ne!(taken[..20], taken[20..40]);
    assert_ne!(taken[20..40], taken[40..]);
}

#[test]
fn resuming_anywhere_is_no_interruption() {
    let whole: Vec<usize> = EpochOrder::new(3, 7, Cursor::default()).unwrap().take(40).collect();
    let mut order = EpochOrder::new(3, 7, Cursor::default()).unwrap();
    for taken in 0..25 {
        let cursor = order.cursor();
        assert_eq!(cursor, Cursor { epoch: taken / 7, position: taken % 7 });
        let stored = serde_json::to_string(&cursor).unwrap();
        let resumed = EpochOrder::new(3, 7, serde_json::from_str(&stored).unwrap()).unwrap();
        assert!(resumed.take(15).eq(whole[taken as usize..][..15].iter().copied()));
        order.advance();
    }
}

#[test]
fn cursors_of_other_data_are_refused() {
    let error = EpochOrder::new(0, 5, Cursor { epoch: 2, position: 5 }).unwrap_err();
    assert!(matches!(error, DataError::Cursor { epoch: 2, position: 5, len: 5 }));
    assert_sentence(&error, &["position 5", "only 5 examples"]);
    assert!(matches!(EpochOrder::new(0, 0, Cursor::default()), Err(DataError::NoExamples)));
    assert!(serde_json::from_str::<Cursor>(r#"{"epoch":0,"position":0,"seed":1}"#).is_err());
}

#[test]
fn the_last_epoch_does_not_overflow() {
    let mut order = EpochOrder::new(0, 1, Cursor { epoch: u64::MAX, position: 0 }).unwrap();
    order.advance();
    assert_eq!(order.cursor(), Cursor { epoch: 0, position: 0 });
}
