//! The tape itself.

use anther_tensor::{Init, ParamSet, Parameters, Randomness, Stream, Tape, Tensor};

#[test]
#[should_panic(expected = "add: an input belongs to another tape")]
fn variables_of_two_tapes_do_not_meet() {
    let params = Parameters::<f32>::empty();
    let (one, other) = (Tape::recording(&params), Tape::recording(&params));
    let _ = one.input(Tensor::scalar(1.0)) + other.input(Tensor::scalar(1.0));
}

#[test]
#[should_panic(expected = "backward: the output belongs to another tape")]
fn a_tape_differentiates_its_own_outputs() {
    let params = Parameters::<f32>::empty();
    let (one, other) = (Tape::recording(&params), Tape::recording(&params));
    let y = other.input(Tensor::scalar(1.0)).square();
    let _ = one.backward(&y, None, &mut params.gradients());
}

#[test]
#[should_panic(expected = "backward: an output of shape [2] needs a cotangent")]
fn an_output_of_several_numbers_needs_a_cotangent() {
    let params = Parameters::<f32>::empty();
    let tape = Tape::recording(&params);
    let y = tape.input(Tensor::ones([2])).square();
    let _ = tape.backward(&y, None, &mut params.gradients());
}

#[test]
#[should_panic(expected = "backward: the cotangent must have the shape of the output")]
fn a_cotangent_has_the_shape_of_the_output() {
    let params = Parameters::<f32>::empty();
    let tape = Tape::recording(&params);
    let y = tape.input(Tensor::ones([2])).square();
    let _ = tape.backward(&y, Some(Tensor::ones([3])), &mut params.gradients());
}

#[test]
fn what_the_output_does_not_depend_on_has_no_gradient() {
    let mut set = ParamSet::new();
    let used = set.root().param("used", [2], Init::Ones);
    let unused = set.root().param("unused", [2], Init::Ones);
    let params = Parameters::<f64>::initialise(&set, 0);
    let tape = Tape::recording(&params);
    let (x, idle) = (tape.input(Tensor::ones([2])), tape.input(Tensor::ones([2])));
    let _ = idle.exp();
    let _ = tape.param(unused).exp();
    let mut slab = params.gradients();
    let found = tape.backward(&(&x * tape.param(used)).sum(), None, &mut slab);
    assert_eq!(found.get(&x).unwrap().data(), [1.0, 1.0]);
    assert!(found.get(&idle).is_none());
    assert_eq!(slab.get(used), Some(&[1.0, 1.0][..]));
    assert_eq!(slab.get(unused), None);
    slab.slab_mut();
    assert_eq!(slab.get(unused), Some(&[0.0, 0.0][..]), "the optimiser sees zeros");
}

#[test]
fn detach_stops_the_gradient() {
    let params = Parameters::<f64>::empty();
    let tape = Tape::recording(&params);
    let x = tape.input(Tensor::scalar(3.0));
    let found = tape.backward(&(&x * x.detach()), None, &mut params.gradients());
    assert_eq!(found.get(&x).unwrap().item(), 3.0, "and not 6");
}

#[test]
fn the_gradient_of_an_input_as_output_is_the_cotangent() {
    let params = Parameters::<f64>::empty();
    let tape = Tape::recording(&params);
    let x = tape.input(Tensor::scalar(3.0));
    assert_eq!(tape.backward(&x, None, &mut params.gradients()).get(&x).unwrap().item(), 1.0);
}

#[test]
fn a_branch_that_joins_again_is_visited_once() {
    // 2^40 paths lead from x to y: only a pass that sums at each node ends.
    let params = Parameters::<f64>::empty();
    let tape = Tape::recording(&params);
    let x = tape.input(Tensor::scalar(1.0));
    let y = (0..40).fold(x.clone(), |y, _| &y + &y);
    assert_eq!(tape.backward(&y, None, &mut params.gradients()).get(&x).unwrap().item(), 2f64.powi(40));
}

#[test]
fn dropout_is_off_outside_training() {
    let params = Parameters::<f32>::empty();
    let stream = Stream::named("dropout");
    let value = Tensor::from_fn([100], |i| i as f32);
    for tape in [Tape::recording(&params), Tape::inference(&params)] {
        assert!(!tape.is_training() && tape.random(stream).is_none());
        assert_eq!(tape.input(value.clone()).dropout(0.9, stream).value().data(), value.data());
    }
    let tape = Tape::training(&params, Randomness { seed: 1, step: 2 });
    assert!(tape.is_training());
    assert_ne!(tape.input(value.clone()).dropout(0.9, stream).value().data(), value.data());
}

#[test]
fn products_count_their_operations() {
    let params = Parameters::<f32>::empty();
    let tape = Tape::inference(&params);
    let x = tape.constant(Tensor::ones([2, 3, 4]));
    let _ = x.matmul(&tape.constant(Tensor::ones([4, 5]))).exp();
    assert_eq!(tape.flops(), 2 * 2 * 3 * 4 * 5);
    let _ = x.linear(&tape.constant(Tensor::ones([7, 4])), None, None);
    assert_eq!(tape.flops(), 2 * 2 * 3 * 4 * 5 + 2 * 6 * 4 * 7);
}

#[test]
#[should_panic(expected = "this tape was differentiated already")]
fn a_tape_records_nothing_after_backward() {
    let parameters = Parameters::<f64>::empty();
    let tape = Tape::recording(&parameters);
    let x = tape.input(Tensor::scalar(2.0));
    tape.backward(&x.exp(), None, &mut parameters.gradients());
    let _ = x.exp();
}

#[test]
#[should_panic(expected = "backward: this tape was differentiated already")]
fn a_tape_is_differentiated_once() {
    let parameters = Parameters::<f64>::empty();
    let tape = Tape::recording(&parameters);
    let y = tape.input(Tensor::scalar(2.0)).exp();
    tape.backward(&y, None, &mut parameters.gradients());
    tape.backward(&y, None, &mut parameters.gradients());
}
