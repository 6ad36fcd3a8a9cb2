//! What must hold for all cases.

use std::collections::BTreeSet;

use anther_bench::{Budget, cases, measure};

#[test]
fn names_are_unique_and_can_be_typed() {
    let cases = cases::all(2, Some("anther".as_ref()));
    let names: BTreeSet<_> = cases.iter().map(|case| (&case.name, case.peer)).collect();
    assert_eq!(names.len(), cases.len());
    let plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    assert!(names.iter().all(|(name, _)| plain(name)), "{names:?}");
    assert!(names.len() > 60, "{} cases", names.len());
}

#[test]
fn a_yardstick_has_a_case_of_ours_beside_it() {
    let cases = cases::all(1, None);
    let ours: BTreeSet<_> = cases.iter().filter(|case| case.peer.is_none()).map(|case| &case.name).collect();
    for case in cases.iter().filter(|case| case.peer.is_some()) {
        assert!(ours.contains(&case.name), "{}", case.name);
    }
}

#[test]
fn small_cases_run_and_take_time() {
    let budget = Budget { seconds: 0.0, wait: 0.0, fewest: 1, most: 1 };
    // The others are too large for a build with debug assertions.
    let small = ["gemm_NN_512x512x512", "gemm_NT_1x768x768", "bgemm_NT_256x128x128x32", "softmax_fwdbwd_4096x1024"];
    let cases = cases::all(1, None);
    for case in cases.iter().filter(|case| small.contains(&case.name.as_str())) {
        let timing = measure(&mut *case.build(), 1, &budget);
        assert!(timing.min() > 0.0, "{}", case.name);
    }
}
