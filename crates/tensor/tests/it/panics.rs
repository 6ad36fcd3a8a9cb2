//! Shapes that do not fit: every op panics with its name and the shapes.

use anther_tensor::{Ids, KeySpans, Parameters, RotaryPairing, Span, Stream, Tape, Tensor, Trans, Var};

/// Runs `f` with the zeros of the given shapes on a tape.
fn with(shapes: &[&[usize]], f: impl for<'t> Fn(&'t Tape<f32>, &[Var<'t, f32>])) {
    let tape = Tape::recording(&Parameters::empty());
    let inputs: Vec<_> = shapes.iter().map(|&shape| tape.input(Tensor::zeros(shape))).collect();
    f(&tape, &inputs);
}

macro_rules! refuses {
    ($($name:ident: $expected:literal, [$($shape:expr),*], |$x:ident, $tape:pat_param| $body:expr;)*) => {$(
        #[test]
        #[should_panic(expected = $expected)]
        fn $name() {
            with(&[$(&$shape[..]),*], |$tape, $x| {
                let _ = $body;
            });
        }
    )*};
}

const NONE: [usize; 0] = [];

refuses! {
    add: "add: the shapes [2, 3] and [2] do not broadcast", [[2, 3], [2]], |x, _| &x[0] + &x[1];
    sub: "sub: the shapes [2, 3, 4] and [2, 1, 4] do not broadcast", [[2, 3, 4], [2, 1, 4]], |x, _| &x[0] - &x[1];
    mul: "mul: the shapes [3] and [4] do not broadcast", [[3], [4]], |x, _| &x[0] * &x[1];
    div: "div: the shapes [2] and [3, 4] do not broadcast", [[2], [3, 4]], |x, _| &x[0] / &x[1];
    maximum: "maximum: the shapes [3] and [4] do not broadcast", [[3], [4]], |x, _| x[0].maximum(&x[1]);
    minimum: "minimum: the shapes [3] and [4] do not broadcast", [[3], [4]], |x, _| x[0].minimum(&x[1]);

    matmul_of_vectors: "matmul: both operands need two axes: [3] (No) times [3, 2] (No)", [[3], [3, 2]], |x, _| x[0].matmul(&x[1]);
    matmul_sizes: "matmul: the inner sizes differ: [2, 3] (No) times [2, 3] (No)", [[2, 3], [2, 3]], |x, _| x[0].matmul(&x[1]);
    matmul_transposed: "matmul: the inner sizes differ: [2, 3] (Yes) times [3, 2] (No)", [[2, 3], [3, 2]],
        |x, _| x[0].matmul_with(Trans::Yes, &x[1], Trans::No);
    matmul_batches: "matmul: the batches differ: [2, 3, 4] (No) times [3, 4, 2] (No)", [[2, 3, 4], [3, 4, 2]], |x, _| x[0].matmul(&x[1]);
    linear: "linear: an input of shape [2, 3] does not fit a weight of shape [3, 4] ([out, in])", [[2, 3], [3, 4]],
        |x, _| x[0].linear(&x[1], None, None);
    linear_bias: "linear: a bias of shape [3] does not fit a weight of shape [4, 3]", [[2, 3], [4, 3], [3]],
        |x, _| x[0].linear(&x[1], Some(&x[2]), None);

    softmax: "softmax: a scalar has no rows", [NONE], |x, _| x[0].softmax();
    softmax_queries: "softmax: 2 spans over 2 queries do not fit scores of shape [3, 4]", [[3, 4]],
        |x, _| x[0].softmax_spans(&KeySpans::new(vec![Span::new(0, 1); 2], 2));
    softmax_keys: "reaches past the 4 keys of scores of shape [2, 4]", [[2, 4]],
        |x, _| x[0].softmax_spans(&KeySpans::new(vec![Span::new(0, 5); 2], 2));
    softmax_rank: "softmax: scores of shape [4] have no queries and keys", [[4]],
        |x, _| x[0].softmax_spans(&KeySpans::new(vec![Span::new(0, 1)], 1));
    spans: "5 spans are no multiple of 2 queries", [], |_x, _| KeySpans::new(vec![Span::new(0, 1); 5], 2);
    normalize: "normalize: a scalar has no rows", [NONE], |x, _| x[0].normalize(None, 0.0);
    normalize_queries: "normalize: 2 spans over 2 queries do not fit scores of shape [3, 4]", [[3, 4]],
        |x, _| x[0].normalize(Some(&KeySpans::new(vec![Span::new(0, 1); 2], 2)), 0.0);
    rotary: "rotary: tables of shapes [2, 2] and [3, 2] do not fit an input of shape [3, 4]", [[3, 4], [2, 2], [3, 2]],
        |x, _| x[0].rotary(x[1].value(), x[2].value(), RotaryPairing::Halves);
    rotary_odd: "do not fit an input of shape [3, 5]", [[3, 5], [3, 2]],
        |x, _| x[0].rotary(x[1].value(), x[1].value(), RotaryPairing::Halves);

    layer_norm: "layer_norm: a scalar has no rows", [NONE], |x, _| x[0].layer_norm(None, 1e-5);
    layer_norm_affine: "layer_norm: a scale or shift of shape [2] does not fit rows of [2, 3]", [[2, 3], [3], [2]],
        |x, _| x[0].layer_norm(Some((&x[1], &x[2])), 1e-5);
    rms_norm: "rms_norm: a scalar has no rows", [NONE], |x, _| x[0].rms_norm(None, 1e-5);
    rms_norm_scale: "rms_norm: a scale of shape [2] does not fit rows of [2, 3]", [[2, 3], [2]], |x, _| x[0].rms_norm(Some(&x[1]), 1e-5);

    sum_last: "sum_last: a scalar has no rows", [NONE], |x, _| x[0].sum_last();
    reshape: "reshape: [2, 3] has not as many elements as [4]", [[2, 3]], |x, _| x[0].reshape([4]);
    transpose: "transpose: [3] has fewer than two axes", [[3]], |x, _| x[0].transpose();
    split_heads: "split_heads: [2, 3, 5] cannot be split into 2 heads", [[2, 3, 5]], |x, _| x[0].split_heads(2);
    split_no_heads: "split_heads: [2, 3, 5] cannot be split into 0 heads", [[2, 3, 5]], |x, _| x[0].split_heads(0);
    merge_heads: "merge_heads: [2, 3, 5] is not [batch, heads, length, d]", [[2, 3, 5]], |x, _| x[0].merge_heads();
    slice: "slice: 2..4 does not lie within axis 1 of [2, 3]", [[2, 3]], |x, _| x[0].slice(1, 2..4);
    slice_axis: "the shape [2, 3] has no axis 2", [[2, 3]], |x, _| x[0].slice(2, 0..1);
    concat: "concat: [2, 4] cannot follow [3, 4] along axis 1", [[3, 4], [2, 4]], |x, tape| tape.concat(1, &[&x[0], &x[1]]);
    concat_nothing: "concat: nothing to join", [], |_x, tape| tape.concat(0, &[]);

    cross_entropy: "cross_entropy: logits of shape [2, 3] do not fit targets of shape [3]", [[2, 3]],
        |x, _| x[0].cross_entropy(&Ids::new([3], vec![0; 3]), None, 0.0);
    cross_entropy_target: "cross_entropy: the target 3 is none of the 3 classes", [[2, 3]],
        |x, _| x[0].cross_entropy(&Ids::new([2], vec![0, 3]), None, 0.0);
    cross_entropy_weights: "cross_entropy: one weight for each target is needed", [[2, 3], [3]],
        |x, _| x[0].cross_entropy(&Ids::new([2], vec![0, 1]), Some(x[1].value()), 0.0);
    cross_entropy_smoothing: "cross_entropy: the smoothing 1 is not in [0, 1)", [[2, 3]],
        |x, _| x[0].cross_entropy(&Ids::new([2], vec![0, 1]), None, 1.0);
    linear_cross_entropy: "linear_cross_entropy: an input of shape [2, 3] does not fit a weight of shape [5, 2] ([classes, width])",
        [[2, 3], [5, 2]], |x, _| x[0].linear_cross_entropy(&x[1], None, &Ids::new([2], vec![0; 2]), None, 0.0);
    linear_cross_entropy_target: "linear_cross_entropy: the target 5 is none of the 5 classes", [[2, 3], [5, 3]],
        |x, _| x[0].linear_cross_entropy(&x[1], None, &Ids::new([2], vec![0, 5]), None, 0.0);
    linear_cross_entropy_rows: "linear_cross_entropy: logits of shape [2, 5] do not fit targets of shape [3]", [[2, 3], [5, 3]],
        |x, _| x[0].linear_cross_entropy(&x[1], None, &Ids::new([3], vec![0; 3]), None, 0.0);
    linear_cross_entropy_bias: "linear_cross_entropy: a bias of shape [3] does not fit a weight of shape [5, 3]", [[2, 3], [5, 3], [3]],
        |x, _| x[0].linear_cross_entropy(&x[1], Some(&x[2]), &Ids::new([2], vec![0; 2]), None, 0.0);
    linear_residual: "linear_residual: a residual of shape [2, 3] does not fit an output of shape [2, 5]", [[2, 3], [5, 3]],
        |x, _| x[0].linear_residual(&x[1], None, &x[0]);
    linear_residual_bias: "linear_residual: a bias of shape [3] does not fit a weight of shape [5, 3]", [[2, 3], [5, 3], [3], [2, 5]],
        |x, _| x[0].linear_residual(&x[1], Some(&x[2]), &x[3]);
    swiglu: "swiglu: a gate of shape [2, 3] does not fit a factor of shape [3]", [[2, 3], [3]], |x, _| x[0].swiglu(&x[1]);
    add_layer_norm: "add_layer_norm: summands of shapes [2, 3] and [3] do not fit", [[2, 3], [3]],
        |x, _| x[0].add_layer_norm(&x[1], None, 1e-5);
    add_rms_norm: "add_rms_norm: a scale or shift of shape [2] does not fit rows of [2, 3]", [[2, 3], [2]],
        |x, _| x[0].add_rms_norm(&x[0], Some(&x[1]), 1e-5);
    embedding: "embedding: id 4 names no row of a table of shape [4, 2]", [[4, 2]], |x, _| x[0].embedding(&Ids::new([2], vec![0, 4]));
    embedding_rank: "embedding: a table of shape [4] is not [rows, width]", [[4]], |x, _| x[0].embedding(&Ids::new([1], vec![0]));
    ids: "ids of shape [2, 2] must be 4 in number", [], |_x, _| Ids::new([2, 2], vec![0; 3]);
    dropout: "dropout: the probability 1 is not in [0, 1)", [[3]], |x, _| x[0].dropout(1.0, Stream::named("a"));
    dropout_nan: "dropout: the probability NaN is not in [0, 1)", [[3]], |x, _| x[0].dropout(f64::NAN, Stream::named("a"));

    item: "item: the tensor of shape [2] has not exactly one element", [[2]], |x, _| x[0].value().item();
    too_many_axes: "a shape has at most 6 dimensions", [], |_x, _| Tensor::<f32>::zeros([1; 7]);
    too_many_elements: "has more elements than memory can address", [], |_x, _| Tensor::<f32>::zeros([usize::MAX, 2]);
    wrong_number: "a tensor of shape [2, 2] needs 4 elements", [], |_x, _| Tensor::from_vec([2, 2], vec![0.0f32; 3]);
}
