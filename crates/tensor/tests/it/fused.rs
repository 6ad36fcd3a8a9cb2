//! A fused op equals the ops that it stands for, forward and backward.

use anther_tensor::{Ids, Parameters, Randomness, Residual, Stream, Tape, Tensor, Unary, Var};
use anther_testkit::assert_close;

/// The output, and the gradients of all inputs, under a fixed cotangent.
fn run(inputs: &[Tensor<f64>], f: impl for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64>) -> Vec<Tensor<f64>> {
    let params = Parameters::empty();
    let tape = Tape::training(&params, Randomness { seed: 5, step: 3 });
    let vars: Vec<_> = inputs.iter().map(|x| tape.input(x.clone())).collect();
    let y = f(&vars);
    let cotangent = Tensor::from_fn(y.shape(), |i| (1.7 * i as f64 + 0.4).cos());
    let found = tape.backward(&y, Some(cotangent), &mut params.gradients());
    let gradients = vars.iter().map(|x| found.get(x).expect("every input has a gradient").clone());
    std::iter::once(y.value().clone()).chain(gradients).collect()
}

#[track_caller]
fn assert_twins(
    what: &str,
    inputs: &[Tensor<f64>],
    fused: impl for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64>,
    composed: impl for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64>,
) {
    for (i, (a, b)) in run(inputs, fused).iter().zip(run(inputs, composed)).enumerate() {
        assert_eq!(a.shape(), b.shape(), "{what}");
        assert_close(&format!("{what}, array {i}"), a.data(), b.data(), 1e-11, 1e-12);
    }
}

/// A tensor of numbers in ±1, another one for each phase.
fn numbers(shape: &[usize], phase: f64) -> Tensor<f64> {
    Tensor::from_fn(anther_tensor::Shape::new(shape), |i| (0.7 * i as f64 + phase).sin() * 0.9 + 0.1 * phase.cos())
}

#[test]
fn swiglu_is_a_gated_silu() {
    for shape in [&[1][..], &[3, 5], &[2, 3, 17], &[0, 4], &[9000]] {
        let inputs = [numbers(shape, 1.0), numbers(shape, 2.0)];
        assert_twins("swiglu", &inputs, |x| x[0].swiglu(&x[1]), |x| x[0].silu() * &x[1]);
    }
}

#[test]
fn linear_residual_is_a_sum() {
    for (x, outputs) in [(&[1, 1][..], 1), (&[3, 5], 2), (&[2, 3, 7], 4), (&[70, 33], 65), (&[0, 3], 2), (&[3, 0], 2)] {
        let (mut y, k) = (x.to_vec(), x[x.len() - 1]);
        *y.last_mut().unwrap() = outputs;
        let inputs = [numbers(x, 1.0), numbers(&[outputs, k], 2.0), numbers(&y, 3.0), numbers(&[outputs], 4.0)];
        assert_twins(
            "with a bias",
            &inputs,
            |x| x[0].linear_residual(&x[1], Some(&x[3]), &x[2]),
            |x| &x[2] + x[0].linear(&x[1], Some(&x[3]), None),
        );
        assert_twins(
            "without",
            &inputs[..3],
            |x| x[0].linear_residual(&x[1], None, &x[2]),
            |x| &x[2] + x[0].linear(&x[1], None, None),
        );
        let (p, stream) = (0.4, Stream::named("residual"));
        assert_twins(
            "with dropout",
            &inputs,
            |x| x[0].linear_residual(&x[1], Some(&x[3]), Residual { to: &x[2], dropout: Some((p, stream)) }),
            |x| &x[2] + x[0].linear(&x[1], Some(&x[3]), None).dropout(p, stream),
        );
        assert_twins(
            "with dropout behind a function",
            &inputs,
            |x| {
                let residual = Residual { to: &x[2], dropout: Some((p, stream)) };
                x[0].activated_linear(Unary::Gelu, &x[1], Some(&x[3]), Some(residual))
            },
            |x| &x[2] + x[0].gelu().linear(&x[1], Some(&x[3]), None).dropout(p, stream),
        );
    }
}

/// A chain of residual blocks: the gradient of the stream passes through all of them and is added to on its way.
#[test]
fn a_residual_stream_collects_its_gradients() {
    let inputs = [numbers(&[5, 4], 1.0), numbers(&[4, 4], 2.0), numbers(&[4, 4], 3.0)];
    assert_twins(
        "two blocks",
        &inputs,
        |x| {
            let y = x[0].tanh().linear_residual(&x[1], None, &x[0]);
            y.tanh().linear_residual(&x[2], None, &y) * &y
        },
        |x| {
            let y = &x[0] + x[0].tanh().linear(&x[1], None, None);
            (&y + y.tanh().linear(&x[2], None, None)) * &y
        },
    );
}

#[test]
fn a_norm_of_a_sum_is_the_norm_of_the_sum() {
    for shape in [&[5][..], &[3, 7], &[2, 3, 4], &[70, 300], &[0, 5]] {
        let width = [shape[shape.len() - 1]];
        let inputs = [numbers(shape, 1.0), numbers(shape, 2.5), numbers(&width, 3.0), numbers(&width, 4.0)];
        assert_twins(
            "layer norm",
            &inputs,
            |x| x[0].add_layer_norm(&x[1], Some((&x[2], &x[3])), 1e-5),
            |x| (&x[0] + &x[1]).layer_norm(Some((&x[2], &x[3])), 1e-5),
        );
        assert_twins(
            "plain layer norm",
            &inputs[..2],
            |x| x[0].add_layer_norm(&x[1], None, 1e-5),
            |x| (&x[0] + &x[1]).layer_norm(None, 1e-5),
        );
        assert_twins(
            "root mean square",
            &inputs[..3],
            |x| x[0].add_rms_norm(&x[1], Some(&x[2]), 1e-5),
            |x| (&x[0] + &x[1]).rms_norm(Some(&x[2]), 1e-5),
        );
    }
}

#[test]
fn linear_cross_entropy_is_a_linear_layer_and_its_loss() {
    let sizes = [
        ([1, 3], 5),
        ([4, 3], 1),
        ([7, 17], 11),
        ([0, 3], 5),
        ([3, 0], 4),
        // One row short of a block, a block, one row more, and several.
        ([511, 5], 7),
        ([512, 5], 7),
        ([513, 5], 7),
        ([1200, 5], 7),
        ([25, 2], 20_011),
    ];
    for ([rows, width], classes) in sizes {
        let inputs = [numbers(&[rows, width], 1.0), numbers(&[classes, width], 2.0), numbers(&[classes], 3.0)];
        let targets = Ids::new([rows], (0..rows).map(|row| (row * 5 % classes) as u32).collect());
        let some = Tensor::from_fn([rows], |row| [2.0, 0.0, 0.5][row % 3]);
        for weights in [None, Some(&some), Some(&Tensor::zeros([rows]))] {
            for smoothing in [0.0, 0.3] {
                let what = format!("{rows} rows of {width} to {classes} classes, smoothing {smoothing}");
                assert_twins(
                    &format!("{what}, with a bias"),
                    &inputs,
                    |x| x[0].linear_cross_entropy(&x[1], Some(&x[2]), &targets, weights, smoothing),
                    |x| x[0].linear(&x[1], Some(&x[2]), None).cross_entropy(&targets, weights, smoothing),
                );
                assert_twins(
                    &what,
                    &inputs[..2],
                    |x| x[0].linear_cross_entropy(&x[1], None, &targets, weights, smoothing),
                    |x| x[0].linear(&x[1], None, None).cross_entropy(&targets, weights, smoothing),
                );
            }
        }
    }
}

/// By this an op knows what it need not compute; `tests/pool.rs` measures that it does not.
#[test]
fn a_gradient_is_wanted_of_what_depends_on_an_input_of_a_recording_tape() {
    let params = Parameters::<f64>::empty();
    let recording = Tape::recording(&params);
    let h = numbers(&[3, 4], 1.0);
    for tape in [Tape::inference(&params), Tape::recording(&params)] {
        assert!(!tape.constant(h.clone()).wants_gradient());
    }
    assert!(recording.input(h.clone()).wants_gradient());
    assert!(recording.input(h.clone()).tanh().wants_gradient());
    assert!(!recording.constant(h.clone()).tanh().wants_gradient());
    assert!(!Tape::inference(&params).input(h).wants_gradient());
}
