//! The checks can fail: each test breaks one rule and asks that the check of that rule says so.

mod broken;

use std::sync::atomic::{AtomicU32, Ordering};

use anther_kernels::{Level, level};
use anther_tensor::Init;
use anther_testkit::{Case, case, check, check_all, failures, function, normal};
use broken::{Broken, Fault, SeesItsNeighbour};

/// The names of the checks that fail, each once.
fn failed(case: &Case) -> Vec<&'static str> {
    let mut names: Vec<_> = failures(case).iter().map(|failure| failure.check).collect();
    names.dedup();
    names
}

/// A case of an op that squares its input, with a fault.
fn square(fault: Fault) -> Case {
    case!("square", "broken", [normal([3, 5])], (fault: Fault), |x, tape| tape.apply(Broken(*fault), &[&x[0]]))
}

#[test]
fn a_correct_op_passes() {
    assert_eq!(failed(&square(Fault::None)), [""; 0]);
}

#[test]
fn a_gradient_that_is_wrong_by_a_factor_is_found() {
    let found = failures(&square(Fault::WrongFactor));
    let names: Vec<_> = found.iter().map(|failure| failure.check).collect();
    assert_eq!(names, ["finite differences"]);
    let mismatch = found[0].mismatch.as_ref().unwrap();
    assert_eq!((mismatch.index, mismatch.others), (0, 14));
    assert!((mismatch.got / mismatch.expected - 1.5).abs() < 1e-3, "{mismatch}");
    assert!(
        found[0].to_string().starts_with("square (broken), finite differences: the gradient of input 0: element 0 is")
    );
}

#[test]
fn an_output_that_is_written_in_part_is_found() {
    assert!(failed(&square(Fault::PartialOutput)).contains(&"complete"));
}

#[test]
fn a_gradient_that_overwrites_where_it_should_add_is_found() {
    assert_eq!(failed(&square(Fault::IgnoresAdd)), ["used twice", "accumulation"]);
}

#[test]
fn a_gradient_that_adds_where_it_should_overwrite_is_found() {
    let found = failed(&square(Fault::IgnoresSet));
    assert!(found.contains(&"complete") && found.contains(&"accumulation"), "{found:?}");
}

#[test]
fn a_result_that_depends_on_the_number_of_threads_is_found() {
    assert!(failed(&square(Fault::DependsOnThreads)).contains(&"threads"));
}

#[test]
fn a_gradient_that_never_arrives_is_found() {
    assert!(failed(&square(Fault::NoGradient)).contains(&"complete"));
}

#[test]
fn a_result_that_depends_on_the_level_is_found() {
    let case =
        case!("sum", "broken", [normal([3])], |x| { x[0].scale(if level() == Level::Portable { 1.001 } else { 1.0 }) });
    let found = failures(&case);
    assert!(found.iter().any(|f| f.check == "levels" && f.what.ends_with("at level portable")), "{found:?}");
    assert!(!found.iter().any(|f| f.what.ends_with("at level scalar")), "{found:?}");
}

#[test]
fn a_gradient_that_depends_on_a_constant_neighbour_is_found() {
    let case =
        case!("add", "broken", [normal([3]), normal([3])], |x, tape| { tape.apply(SeesItsNeighbour, &[&x[0], &x[1]]) });
    assert_eq!(failed(&case), ["constants"]);
}

#[test]
fn a_result_that_changes_from_call_to_call_is_found() {
    let calls = AtomicU32::new(0);
    let case = case!("add", "broken", [normal([3])], (calls: AtomicU32), |x| {
        x[0].affine(1.0, f64::from(calls.fetch_add(1, Ordering::Relaxed)))
    });
    let found = failed(&case);
    assert!(found.contains(&"inference") && found.contains(&"threads"), "{found:?}");
}

#[test]
fn nan_is_found() {
    let case = case!("ln", "negative", [normal([9])], |x| x[0].ln());
    assert!(failed(&case).contains(&"complete"));
}

#[test]
fn a_panic_is_a_failure_with_its_message() {
    let case = case!("reshape", "broken", [normal([3])], |x| x[0].reshape([4]));
    let found = failures(&case);
    assert!(found[0].what.starts_with("panicked: "), "{}", found[0]);
    assert!(found[0].what.contains("reshape: [3] has not as many elements as [4]"), "{}", found[0]);
}

/// `x · weight + factor · bias` with a bias that is cut off from the graph or not.
fn layer(factor: f64, cut: bool) -> Case {
    Case::module("layer", "broken", vec![normal([2, 3])], |scope| {
        let weight = scope.param("weight", [3], Init::Ones);
        let bias = scope.param("bias", [3], Init::Zeros);
        function!(
            (weight: anther_tensor::ParamId, bias: anther_tensor::ParamId, factor: f64, cut: bool),
            |x| {
                let bias = x[0].param(*bias).scale(*factor);
                &x[0] * x[0].param(*weight) + if *cut { bias.detach() } else { bias }
            }
        )
    })
}

#[test]
fn a_parameter_without_a_gradient_is_found() {
    check(&layer(1.0, false));
    assert_eq!(failures(&layer(1.0, true))[0].what, "no gradient arrives at bias");
    assert_eq!(failures(&layer(0.0, false))[0].what, "the gradient of bias vanishes");
}

#[test]
fn the_list_of_vanishing_gradients_is_checked() {
    check(&layer(0.0, false).zero_gradient("bias"));
    let found = failures(&layer(1.0, false).zero_gradient("bias"));
    assert!(found[0].what.starts_with("the gradient of bias should be zero but reaches"), "{found:?}");
    let found = failures(&layer(1.0, false).zero_gradient("shift"));
    assert_eq!(found[0].what, "shift should have no gradient, but there is no such parameter");
}

#[test]
#[should_panic(expected = "1 failures:\n  square (broken), finite differences")]
fn check_panics_with_what_is_wrong() {
    check(&square(Fault::WrongFactor));
}

#[test]
fn check_all_counts_ops_and_cases() {
    let of = |op: &str, label: &str| Case::new(op, label, vec![normal([2])], function!(|x| x[0].exp()));
    let summary = check_all(&[of("exp", "a"), of("exp", "b"), of("other", "a")]);
    assert_eq!(summary.to_string(), "2 ops, 3 cases checked");
}

#[test]
#[should_panic(expected = "2 cases of square are labelled broken")]
fn check_all_wants_labels_that_tell_cases_apart() {
    check_all(&[square(Fault::None), square(Fault::None)]);
}
