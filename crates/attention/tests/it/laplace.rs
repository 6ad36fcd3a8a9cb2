//! The example of a user's own score passes what our own scores pass.

use anther_attention::{Mask, Operands, Pairwise, Seen, Softmax, attend_tiled};
use anther_testkit::{Case, check, function, normal};

#[expect(dead_code, reason = "the program around the score is not run here")]
#[path = "../../examples/laplace.rs"]
mod example;

use example::Laplace;

#[test]
fn a_score_written_outside_passes_every_check() {
    for [heads, queries, keys, d, dv] in [[2, 3, 5, 4, 3], [1, 0, 3, 2, 2], [3, 4, 4, 1, 2], [2, 70, 150, 5, 9]] {
        for mask in [Mask::full(), Mask::causal()] {
            let seen = mask.seen(1, queries, keys, keys.saturating_sub(queries));
            let inputs = [(queries, d), (keys, d), (keys, dv)].map(|(rows, width)| normal([1, heads, rows, width]));
            let function = function!((seen: Seen), |x| {
                attend_tiled(Pairwise(Laplace { scale: 0.7 }), Softmax, Operands::new(&x[0], &x[1], &x[2], seen))
            });
            let label = format!("laplace, {mask:?}, {heads}x{queries}x{keys}x{d}x{dv}");
            let case = Case::new("tiled_attention", label, inputs.into(), function).tolerance(2e-4, 2e-5);
            check(&if queries * keys > 100 { case.big() } else { case });
        }
    }
}
