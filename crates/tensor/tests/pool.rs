//! The pool is global to a process, so this test has a process of its own.

use anther_tensor::layers::Linear;
use anther_tensor::{Element, Ids, ParamSet, Parameters, Randomness, Stream, Tape, Tensor, Unary};

#[test]
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
