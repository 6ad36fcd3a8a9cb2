//! Attention mechanisms beside the same written with ordinary ops: forward and backward, from queries, keys and values on.

use anther_attention::{
    Expressive, Mask, Neural, Operands, Pairwise, ScaledDot, ScoreActivation, Seen, Softmax, attend_tiled,
    linear_attention, statistics::span_mean,
};
use anther_tensor::{Parameters, Tape, Tensor, Unary, Var};

use crate::case::{Case, Work};
use crate::inputs::normal;

/// Batch, heads, length and width of a head.
const SHAPE: [usize; 4] = [1, 8, 1024, 64];

/// Queries, keys, values, and the parameters of the mechanism.
type Run = for<'t> fn(&[Var<'t, f32>], &Seen) -> Var<'t, f32>;

/// Names, the shapes of parameters, and what is run.
fn mechanisms() -> Vec<(&'static str, Vec<Vec<usize>>, Run)> {
    let d = SHAPE[3];
    let neural = |width: usize| {
        let second = (width / 2).max(1);
        let linear = |inputs: usize, outputs: usize| [vec![outputs, inputs], vec![outputs]];
        let mut shapes: Vec<Vec<usize>> = [linear(d, width), linear(d, width)].concat();
        shapes.extend([vec![width, 2 * width], vec![width], vec![second * width + 2 * second + 1]]);
        shapes
    };
    vec![
        ("dot", vec![], |x, seen| attend_tiled(dot(), Softmax, operands(x, seen))),
        ("expressive", vec![], |x, seen| attend_tiled(dot(), Expressive { eps: 1e-6 }, operands(x, seen))),
        ("neural_d2", neural(2), self::neural),
        ("neural_d8", neural(8), self::neural),
        ("neural_d16", neural(16), self::neural),
        ("bn", vec![], |x, seen| {
            let length = x[0].shape()[2];
            let queries = &x[0] - span_mean(&x[1], seen.spans.as_ref(), length).scale(0.5);
            attend_tiled(dot(), Softmax, Operands { queries: &queries, ..operands(x, seen) })
        }),
        ("kgv", vec![vec![d, d], vec![d]], |x, seen| {
            let values = &x[2] * x[1].linear(&x[3], Some(&x[4]), Some(Unary::Sigmoid));
            attend_tiled(dot(), Softmax, Operands { values: &values, ..operands(x, seen) })
        }),
        ("sh_1_2", vec![], scaled_heads),
        ("linear", vec![], |x, seen| {
            let [q, k] = [0, 1].map(|i| x[i].unary(Unary::EluPlusOne));
            linear_attention((&q, &k, &x[2]), seen.spans.as_ref(), 1e-6)
        }),
    ]
}

fn dot() -> ScaledDot {
    ScaledDot { scale: (SHAPE[3] as f64).sqrt().recip() }
}

fn operands<'a, 't>(x: &'a [Var<'t, f32>], seen: &'a Seen) -> Operands<'a, 't, f32> {
    Operands::new(&x[0], &x[1], &x[2], seen)
}

/// Attention-SH (arXiv 2406.13781): the second half of the heads sees means of two neighbouring keys and values. For all keys only.
fn scaled_heads<'t>(x: &[Var<'t, f32>], seen: &Seen) -> Var<'t, f32> {
    let [batch, heads, length, d] = SHAPE;
    let half = |x: &Var<'t, f32>, which: usize| x.slice(1, which * heads / 2..(which + 1) * heads / 2);
    let pooled = |x: &Var<'t, f32>| {
        let pairs = half(x, 1).reshape([batch, heads / 2, length / 2, 2 * d]);
        (pairs.slice(3, 0..d) + pairs.slice(3, d..2 * d)).scale(0.5)
    };
    let raw = [0, 1, 2].map(|i| half(&x[i], 0));
    let means = [half(&x[0], 1), pooled(&x[1]), pooled(&x[2])];
    let parts = [raw, means].map(|part| attend_tiled(dot(), Softmax, operands(&part, seen)));
    x[0].tape().concat(1, &[&parts[0], &parts[1]])
}

/// The score of arXiv 2502.17206 with two hidden layers. Parameters: the two projections, the first layer, and all that follows.
fn neural<'t>(x: &[Var<'t, f32>], seen: &Seen) -> Var<'t, f32> {
    let [queries, keys, values, wq, bq, wk, bk, hidden, bias, params] = x else { unreachable!("ten inputs") };
    let width = wq.shape()[0];
    let of = |range| hidden.slice(1, range);
    let queries = queries.linear(wq, Some(bq), None).linear(&of(0..width), Some(bias), None);
    let keys = keys.linear(wk, Some(bk), None).linear(&of(width..2 * width), None, None);
    let score = Pairwise(Neural { second: Some((width / 2).max(1)), activation: ScoreActivation::Relu });
    let operands = Operands { params: Some(params), ..Operands::new(&queries, &keys, values, seen) };
    attend_tiled(score, Softmax, operands)
}

pub(super) fn cases() -> Vec<Case> {
    let both = |causal| mechanisms().into_iter().map(move |(name, shapes, run)| case(name, shapes, run, causal));
    let all = [false, true].into_iter().flat_map(both);
    // Pooling under a causal mask needs other masks than the one of the case.
    all.filter(|case| !(case.name.contains("_sh_") && case.name.ends_with("causal"))).collect()
}

fn case(name: &str, shapes: Vec<Vec<usize>>, run: Run, causal: bool) -> Case {
    let [b, h, t, d] = SHAPE;
    let name = format!("attn_fwdbwd_{name}_B{b}H{h}T{t}D{d}_{}", if causal { "causal" } else { "full" });
    Case::new(name, Work::Time, move || {
        let parameters = shapes.iter().zip(4..).map(|(shape, i)| {
            let mut parameter = normal(shape, i);
            let scale = (*shape.last().expect("a shape") as f32).sqrt().recip();
            parameter.data_mut().iter_mut().for_each(|x| *x *= scale);
            parameter
        });
        let inputs: Vec<Tensor<f32>> = (1..4).map(|i| normal(&SHAPE, i)).chain(parameters).collect();
        let seen = if causal { Mask::causal().seen(b, t, t, 0) } else { Seen::default() };
        let empty = Parameters::empty();
        let (mut gradients, cotangent) = (empty.gradients(), normal(&[b, h, t, d], 3));
        move || {
            let tape = Tape::recording(&empty);
            let inputs: Vec<_> = inputs.iter().map(|x| tape.input(x.clone())).collect();
            tape.backward(&run(&inputs, &seen), Some(cotangent.clone()), &mut gradients);
        }
    })
}
