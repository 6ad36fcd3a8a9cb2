//! Attention by itself: queries, keys and values in, their gradients out. Operations of a causal case are counted half.

use anther_attention::{Mask, Operands, ScaledDot, Seen, Softmax, attend_tiled};
use anther_tensor::{Parameters, Tape, Tensor, Var};

use crate::case::{Case, Work};
use crate::inputs::normal;

/// Batch, heads, length and width of a head.
const SHAPES: [[usize; 4]; 2] = [[8, 8, 512, 64], [1, 8, 4096, 64]];

pub(super) fn cases() -> Vec<Case> {
    let directions = |shape, causal| [forward(shape, causal), both(shape, causal)];
    SHAPES
        .into_iter()
        .flat_map(|shape| [false, true].into_iter().flat_map(move |causal| directions(shape, causal)))
        .collect()
}

fn name(direction: &str, [b, h, t, d]: [usize; 4], causal: bool) -> String {
    format!("attn_{direction}_B{b}H{h}T{t}D{d}_{}", if causal { "causal" } else { "full" })
}

/// Operations of the forward pass: two products.
fn flops([b, h, t, d]: [usize; 4], causal: bool) -> f64 {
    4.0 * (b * h * t * t * d) as f64 * if causal { 0.5 } else { 1.0 }
}

fn seen([b, _, t, _]: [usize; 4], causal: bool) -> Seen {
    if causal { Mask::causal().seen(b, t, t, 0) } else { Seen::default() }
}

fn tensors(shape: [usize; 4]) -> [Tensor<f32>; 3] {
    [1, 2, 3].map(|stream| normal(&shape, stream))
}

fn run<'t>([q, k, v]: &[Var<'t, f32>; 3], seen: &Seen) -> Var<'t, f32> {
    let scale = (q.shape().last_dim() as f64).sqrt().recip();
    attend_tiled(ScaledDot { scale }, Softmax, Operands::new(q, k, v, seen))
}

fn forward(shape: [usize; 4], causal: bool) -> Case {
    Case::new(name("fwd", shape, causal), Work::Flops(flops(shape, causal)), move || {
        let (parameters, inputs, seen) = (Parameters::empty(), tensors(shape), seen(shape, causal));
        move || {
            let tape = Tape::inference(&parameters);
            drop(run(&inputs.clone().map(|x| tape.constant(x)), &seen));
        }
    })
}

/// Forward and backward: 3.5 times the operations, with the scores computed again.
pub(crate) fn both(shape: [usize; 4], causal: bool) -> Case {
    Case::new(name("fwdbwd", shape, causal), Work::Flops(3.5 * flops(shape, causal)), move || {
        let (parameters, inputs, seen) = (Parameters::empty(), tensors(shape), seen(shape, causal));
        let (mut gradients, cotangent) = (parameters.gradients(), normal(&shape, 4));
        move || {
            let tape = Tape::recording(&parameters);
            let y = run(&inputs.clone().map(|x| tape.input(x)), &seen);
            tape.backward(&y, Some(cotangent.clone()), &mut gradients);
        }
    })
    .quick_if(shape[2] == 512 && causal)
}
