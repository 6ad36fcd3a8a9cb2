//! A part that runs again in the backward pass: the same numbers, whatever its inputs are.

use std::cell::Cell;
use std::rc::Rc;

use anther_tensor::{Init, ParamId, ParamSet, Parameters, Randomness, Stream, Tape, Tensor, Var};

fn parameters() -> (Parameters<f32>, ParamId) {
    let mut set = ParamSet::new();
    let weight = set.root().param("weight", [3, 3], Init::Normal { std: 1.0 });
    (Parameters::initialise(&set, 1), weight)
}

/// Something that uses each input and the parameter twice, draws random numbers, and branches.
fn part<'t>(x: &[Var<'t, f32>], weight: ParamId) -> Var<'t, f32> {
    let weight = x[0].param(weight);
    let y = x[0].linear(&weight, None, None).dropout(0.4, Stream::named("part")).gelu();
    &y * &x[1] + y.linear(&weight, None, None) * &x[0] + &x[1]
}

/// Output, gradients of two inputs and of the parameter, of a pass in which the inputs of the part are used outside of it as well.
fn pass(keep: bool, nested: bool) -> Vec<Vec<f32>> {
    let (parameters, weight) = parameters();
    let mut slab = parameters.gradients();
    let tape = Tape::training(&parameters, Randomness { seed: 4, step: 2 });
    let a = tape.input(Tensor::from_fn([4, 3], |i| (i as f32 * 0.7).sin()));
    let b = tape.input(Tensor::from_fn([4, 3], |i| (i as f32 * 0.3).cos()));
    let x = [a.scale(1.1), &a * &b];
    let y = if keep {
        part(&[part(&x, weight), x[1].clone()], weight)
    } else if nested {
        tape.recomputed(&[&x[0], &x[1]], move |tape, x| {
            let inner = tape.recomputed(&[&x[0], &x[1]], move |_, x| part(x, weight));
            part(&[inner, x[1].clone()], weight)
        })
    } else {
        let inner = tape.recomputed(&[&x[0], &x[1]], move |_, x| part(x, weight));
        tape.recomputed(&[&inner, &x[1]], move |_, x| part(x, weight))
    };
    let output = &y * &x[0] + &y + x[1].linear(&tape.param(weight), None, None);
    let found = tape.backward(&output, Some(Tensor::from_fn([4, 3], |i| 1.0 / (1.0 + i as f32))), &mut slab);
    vec![
        output.value().data().to_vec(),
        found.get(&a).unwrap().data().to_vec(),
        found.get(&b).unwrap().data().to_vec(),
        slab.get(weight).unwrap().to_vec(),
    ]
}

#[test]
fn values_and_gradients_are_those_of_the_kept_pass() {
    let kept = pass(true, false);
    assert!(kept.iter().flatten().all(|x| x.is_finite()));
    assert_eq!(pass(false, false), kept);
    assert_eq!(pass(false, true), kept, "one inside the other");
}

#[test]
fn constants_parameters_and_repeated_inputs_are_inputs_too() {
    let (parameters, weight) = parameters();
    let gradients = |recompute: bool| {
        let mut slab = parameters.gradients();
        let tape = Tape::recording(&parameters);
        let x = tape.input(Tensor::from_fn([3, 3], |i| i as f32));
        let constant = tape.constant(Tensor::from_fn([3, 3], |i| 2.0 - i as f32));
        let inputs = [&x, &constant, &tape.param(weight), &x];
        let y = if recompute {
            tape.recomputed(&inputs, |_, x| &x[0] * &x[1] + &x[2] * &x[3])
        } else {
            (inputs[0] * inputs[1]) + (inputs[2] * inputs[3])
        };
        let found = tape.backward(&y.sum(), None, &mut slab);
        (found.get(&x).unwrap().data().to_vec(), found.get(&constant).is_none(), slab.get(weight).unwrap().to_vec())
    };
    let (dx, constant, dw) = gradients(true);
    assert_eq!(dw, (0..9).map(|i| i as f32).collect::<Vec<_>>());
    assert!(constant, "nobody asked for the gradient of a constant");
    assert_eq!((dx, constant, dw), gradients(false));
}

#[test]
fn a_part_runs_once_forward_and_once_backward() {
    let runs = Rc::new(Cell::new(0));
    let parameters = Parameters::<f64>::empty();
    let count = |tape: &Tape<f64>| {
        let runs = Rc::clone(&runs);
        let x = tape.input(Tensor::scalar(2.0));
        let y = tape.recomputed(&[&x], move |_, x| {
            runs.set(runs.get() + 1);
            x[0].square()
        });
        assert_eq!(y.value().item(), 4.0);
        y.into_value()
    };
    count(&Tape::inference(&parameters));
    assert_eq!(runs.get(), 1, "a tape that records nothing runs it in place");
    let tape = Tape::recording(&parameters);
    count(&tape);
    assert_eq!(runs.get(), 2);
    let x = tape.input(Tensor::scalar(1.0));
    tape.backward(&x.exp(), None, &mut parameters.gradients());
    assert_eq!(runs.get(), 2, "the output does not depend on it");
}

#[test]
#[should_panic(expected = "recomputed: an input belongs to another tape")]
fn inputs_are_of_this_tape() {
    let parameters = Parameters::<f32>::empty();
    let (one, other) = (Tape::recording(&parameters), Tape::recording(&parameters));
    let x = other.input(Tensor::scalar(1.0));
    // Both tapes live equally long here, so the compiler does not see it.
    let _ = one.recomputed(&[&x], |_, x| x[0].exp());
}
