//! What is taken from the pool: nothing new in a step after the first, and no room for what nobody will read.
//!
//! The pool is global to a process, so this has a process of its own, and one test function, because tests run side by side.

use anther_tensor::layers::Linear;
use anther_tensor::{Element, Ids, ParamSet, Parameters, Randomness, Stream, Tape, Tensor, Unary};

#[test]
fn buffers_are_reused_and_not_taken_for_nothing() {
    a_training_step_allocates_no_buffers_after_the_first();
    an_activation_without_a_backward_pass_holds_no_argument();
    a_loss_without_a_backward_pass_holds_no_gradient();
    a_sum_of_rows_spreads_its_gradient_in_place();
}

/// The bytes that `body` has in use at most, beside what is in use before.
fn peak<R>(body: impl FnOnce() -> R) -> usize {
    let pool = f32::pool();
    pool.reset_peak();
    let before = pool.live_bytes();
    body();
    pool.peak_bytes() - before
}

fn an_activation_without_a_backward_pass_holds_no_argument() {
    let params = Parameters::<f32>::empty();
    let x = Tensor::from_fn([64, 16], |i| (i as f32).sin());
    let weight = Tensor::from_fn([128, 16], |i| (i as f32).cos());
    let run = |tape: &Tape<f32>| {
        let (x, weight) = (tape.input(x.clone()), tape.input(weight.clone()));
        [None, Some(Unary::Gelu)].map(|f| peak(|| x.linear(&weight, None, f)))
    };
    const OUTPUT: usize = 64 * 128 * 4;
    assert_eq!(run(&Tape::inference(&params)), [OUTPUT; 2]);
    assert_eq!(run(&Tape::recording(&params)), [OUTPUT, 2 * OUTPUT]);
}

fn a_loss_without_a_backward_pass_holds_no_gradient() {
    let params = Parameters::<f32>::empty();
    let targets = Ids::new([32], vec![1; 32]);
    let (h, weight) = (Tensor::ones([32, 64]), Tensor::ones([256, 64]));
    let run = |tape: &Tape<f32>| {
        let (h, weight) = (tape.input(h.clone()), tape.input(weight.clone()));
        peak(|| h.linear_cross_entropy(&weight, None, &targets, None, 0.0))
    };
    let (logits, gradients) = (32 * 256 * 4, (32 + 256) * 64 * 4);
    let (without, with) = (run(&Tape::inference(&params)), run(&Tape::recording(&params)));
    assert!((logits..logits + gradients / 4).contains(&without), "{without} bytes for logits of {logits}");
    assert!(with >= logits + gradients, "{with} bytes with gradients");
}

fn a_sum_of_rows_spreads_its_gradient_in_place() {
    let params = Parameters::<f32>::empty();
    let tape = Tape::recording(&params);
    let y = tape.input(Tensor::ones([64, 128])).sum_last();
    let (cotangent, mut gradients) = (Tensor::ones([64, 1]), params.gradients());
    assert_eq!(peak(|| tape.backward(&y, Some(cotangent), &mut gradients)), 64 * 128 * 4);
}

fn a_training_step_allocates_no_buffers_after_the_first() {
    let mut set = ParamSet::new();
    let inner = Linear::new(&mut set.root().child("inner"), 20, 64, true);
    let outer = Linear::new(&mut set.root().child("outer"), 64, 10, true);
    let mut params = Parameters::<f32>::initialise(&set, 1);
    let mut gradients = params.gradients();
    let (x, targets) =
        (Tensor::from_fn([32, 20], |i| (i as f32).sin()), Ids::new([32], (0..32).map(|i| i % 10).collect()));
    let pool = f32::pool();
    let mut step = |number: u64| {
        {
            let tape = Tape::training(&params, Randomness { seed: 0, step: number });
            let h = inner.forward_activated(&tape.constant(x.clone()), Unary::Gelu);
            let h = h.dropout(0.1, Stream::named("dropout"));
            let loss = outer.forward(&h).cross_entropy(&targets, None, 0.1);
            gradients.clear();
            tape.backward(&loss, None, &mut gradients);
        }
        let values = params.values_mut().iter_mut();
        values.zip(gradients.slab_mut()).for_each(|(p, g)| *p -= 0.1 * *g);
    };

    assert!(pool.allocations() > 0, "the inputs are in the pool");
    step(0);
    step(1);
    let (allocations, live) = (pool.allocations(), pool.live_bytes());
    pool.reset_peak();
    for number in 2..22 {
        step(number);
        assert_eq!(pool.allocations(), allocations, "step {number} allocated a buffer");
        assert_eq!(pool.live_bytes(), live, "step {number} kept a buffer");
    }
    assert!(pool.peak_bytes() > live, "buffers were in use during a step");

    pool.trim();
    step(22);
    assert!(pool.allocations() > allocations, "after a trim the buffers are allocated again");
}
