//! Algebraic properties over random shapes and values.

use anther_tensor::{KeySpans, Parameters, Randomness, RotaryPairing, Shape, Span, Stream, Tape, Tensor, Trans, Var};
use anther_testkit::assert_close;
use proptest::prelude::*;

/// Runs `f` on the given tensors without recording.
fn run(inputs: &[&Tensor<f64>], f: impl for<'t> Fn(&'t Tape<f64>, &[Var<'t, f64>]) -> Var<'t, f64>) -> Tensor<f64> {
    let tape = Tape::inference(&Parameters::empty());
    let inputs: Vec<_> = inputs.iter().map(|&x| tape.constant(x.clone())).collect();
    f(&tape, &inputs).into_value()
}

/// Tensors of `rank` axes of up to 5, with elements in ±4.
fn tensor(rank: usize) -> impl Strategy<Value = Tensor<f64>> {
    prop::collection::vec(1usize..=5, rank).prop_flat_map(|dims| of_shape(&dims))
}

fn of_shape(dims: &[usize]) -> impl Strategy<Value = Tensor<f64>> + use<> {
    let shape = Shape::new(dims);
    prop::collection::vec(-4.0..4.0, shape.numel()).prop_map(move |values| Tensor::from_vec(shape, values))
}

/// A tensor of three axes and one of the same shape.
fn pair() -> impl Strategy<Value = (Tensor<f64>, Tensor<f64>)> {
    prop::collection::vec(1usize..=5, 3).prop_flat_map(|dims| (of_shape(&dims), of_shape(&dims)))
}

fn same(what: &str, a: &Tensor<f64>, b: &Tensor<f64>) {
    assert_eq!(a.shape(), b.shape(), "{what}");
    assert_close(what, a.data(), b.data(), 1e-12, 1e-12);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_of_a_softmax_sum_to_one_and_do_not_see_a_shift(x in tensor(3), shift in -50.0..50.0) {
        let y = run(&[&x], |_, x| x[0].softmax());
        prop_assert!(y.data().iter().all(|&y| y > 0.0 && y <= 1.0));
        let sums = run(&[&y], |_, y| y[0].sum_last());
        assert_close("sums", sums.data(), &vec![1.0; sums.numel()], 1e-12, 0.0);
        same("shifted", &run(&[&x], |_, x| x[0].affine(1.0, shift).softmax()), &y);
    }

    #[test]
    fn a_softmax_over_a_span_is_that_of_the_span_alone(x in tensor(2), start in 0usize..5, length in 0usize..5) {
        let (rows, keys) = (x.shape()[0], x.shape()[1]);
        let range = start.min(keys)..(start + length).min(keys);
        let spans = KeySpans::new(vec![Span::new(range.start as u32, range.end as u32); rows], rows);
        let whole = run(&[&x], |_, x| x[0].softmax_spans(&spans));
        same("inside", &run(&[&whole], |_, y| y[0].slice(1, range.clone())), &run(&[&x], |_, x| x[0].slice(1, range.clone()).softmax()));
        let outside = whole.data().iter().enumerate().filter(|(i, _)| !range.contains(&(i % keys)));
        prop_assert!(outside.map(|(_, &y)| y).all(|y| y == 0.0));
    }

    #[test]
    fn normalised_weights_are_those_of_a_softmax_of_their_logarithms(x in tensor(3)) {
        let ratio = run(&[&x], |_, x| x[0].exp().normalize(None, 0.0));
        same("ratio", &ratio, &run(&[&x], |_, x| x[0].softmax()));
        let less = run(&[&x], |_, x| x[0].exp().normalize(None, 0.5).sum_last());
        prop_assert!(less.data().iter().all(|&sum| sum < 1.0), "eps takes a part");
    }

    #[test]
    fn a_rotation_keeps_lengths_and_can_be_undone(rows in 1usize..6, half in 1usize..5, seed in any::<u64>(), interleaved in any::<bool>()) {
        let angle = |i: usize| (seed % 1000) as f64 * 0.01 + i as f64;
        let pairing = if interleaved { RotaryPairing::Interleaved } else { RotaryPairing::Halves };
        let x = Tensor::from_fn([2, rows, 2 * half], |i| (angle(i) * 1.7).sin());
        let cos = Tensor::from_fn([rows, half], |i| angle(i).cos());
        let sin = Tensor::from_fn([rows, half], |i| angle(i).sin());
        let back = Tensor::from_fn([rows, half], |i| -angle(i).sin());
        let y = run(&[&x], |_, x| x[0].rotary(&cos, &sin, pairing));
        let lengths = |x: &Tensor<f64>| run(&[x], |_, x| x[0].square().sum_last());
        same("lengths", &lengths(&y), &lengths(&x));
        same("back", &run(&[&y], |_, y| y[0].rotary(&cos, &back, pairing)), &x);
    }

    #[test]
    fn heads_that_are_split_and_merged_are_as_before(batch in 1usize..4, length in 1usize..6, heads in 1usize..5, d in 1usize..5) {
        let x = Tensor::from_fn([batch, length, heads * d], |i| i as f64);
        let split = run(&[&x], |_, x| x[0].split_heads(heads));
        for (i, &value) in split.data().iter().enumerate() {
            let (b, h, l, c) = (i / (heads * length * d), i / (length * d) % heads, i / d % length, i % d);
            prop_assert_eq!(value, x.data()[(b * length + l) * heads * d + h * d + c]);
        }
        let merged = run(&[&split], |_, x| x[0].merge_heads());
        prop_assert_eq!(merged.data(), x.data());
    }

    #[test]
    fn parts_of_an_axis_join_to_the_whole(x in tensor(3), axis in 0usize..3, cut in 0usize..6) {
        let n = x.shape()[axis];
        let cut = cut.min(n);
        let joined = run(&[&x], |tape, x| {
            tape.concat(axis, &[&x[0].slice(axis, 0..cut), &x[0].slice(axis, cut..n)])
        });
        prop_assert_eq!(joined.shape(), x.shape());
        prop_assert_eq!(joined.data(), x.data());
    }

    #[test]
    fn two_transpositions_are_none_and_products_need_none(x in tensor(3), n in 1usize..5) {
        let back = run(&[&x], |_, x| x[0].transpose().transpose());
        prop_assert_eq!(back.data(), x.data());
        let y = Tensor::from_fn([x.shape()[0], n, x.shape()[2]], |i| (i as f64).cos());
        same(
            "b transposed",
            &run(&[&x, &y], |_, x| x[0].matmul_with(Trans::No, &x[1], Trans::Yes)),
            &run(&[&x, &y], |_, x| x[0].matmul(&x[1].transpose())),
        );
        same(
            "a transposed",
            &run(&[&x, &x], |_, x| x[0].matmul_with(Trans::Yes, &x[1], Trans::No)),
            &run(&[&x, &x], |_, x| x[0].transpose().matmul(&x[1])),
        );
        let z = Tensor::from_fn([x.shape()[0], n, x.shape()[1]], |i| (i as f64).sin());
        same(
            "both transposed",
            &run(&[&x, &z], |_, x| x[0].matmul_with(Trans::Yes, &x[1], Trans::Yes)),
            &run(&[&x, &z], |_, x| x[0].transpose().matmul(&x[1].transpose())),
        );
    }

    #[test]
    fn products_have_a_neutral_element_and_associate(x in tensor(2), p in 1usize..5, q in 1usize..5) {
        let k = x.shape()[1];
        let one = Tensor::from_fn([k, k], |i| f64::from(u8::from(i / k == i % k)));
        let product = run(&[&x, &one], |_, x| x[0].matmul(&x[1]));
        prop_assert_eq!(product.data(), x.data());
        let y = Tensor::from_fn([k, p], |i| (i as f64 * 0.7).sin());
        let z = Tensor::from_fn([p, q], |i| (i as f64 * 1.3).cos());
        same(
            "(xy)z = x(yz)",
            &run(&[&x, &y, &z], |_, x| x[0].matmul(&x[1]).matmul(&x[2])),
            &run(&[&x, &y, &z], |_, x| x[0].matmul(&x[1].matmul(&x[2]))),
        );
    }

    #[test]
    fn arithmetic_obeys_its_laws((a, b) in pair()) {
        same("a + b = b + a", &run(&[&a, &b], |_, x| &x[0] + &x[1]), &run(&[&a, &b], |_, x| &x[1] + &x[0]));
        same("a - b = -(b - a)", &run(&[&a, &b], |_, x| &x[0] - &x[1]), &run(&[&a, &b], |_, x| (&x[1] - &x[0]).neg()));
        same(
            "max + min = a + b",
            &run(&[&a, &b], |_, x| x[0].maximum(&x[1]) + x[0].minimum(&x[1])),
            &run(&[&a, &b], |_, x| &x[0] + &x[1]),
        );
        same(
            "(a + b)(a - b) = a² - b²",
            &run(&[&a, &b], |_, x| (&x[0] + &x[1]) * (&x[0] - &x[1])),
            &run(&[&a, &b], |_, x| x[0].square() - x[1].square()),
        );
    }

    #[test]
    fn a_broadcast_is_a_repetition(x in tensor(3), seed in 0u32..100) {
        let (a, b, c) = (x.shape()[0], x.shape()[1], x.shape()[2]);
        let value = |i: usize| f64::from(seed) + i as f64;
        let repeat = |of: &dyn Fn(usize) -> usize| Tensor::from_fn(x.shape(), |i| value(of(i)));
        let bias = Tensor::from_fn([c], value);
        same("suffix", &run(&[&x, &bias], |_, x| &x[0] * &x[1]), &run(&[&x, &repeat(&|i| i % c)], |_, x| &x[0] * &x[1]));
        let row = Tensor::from_fn([a, b, 1], value);
        same("prefix", &run(&[&x, &row], |_, x| &x[0] * &x[1]), &run(&[&x, &repeat(&|i| i / c)], |_, x| &x[0] * &x[1]));
        let head = Tensor::from_fn([b, 1], value);
        same("middle", &run(&[&x, &head], |_, x| &x[0] * &x[1]), &run(&[&x, &repeat(&|i| i / c % b)], |_, x| &x[0] * &x[1]));
    }

    #[test]
    fn normalised_rows_have_mean_zero_and_variance_one(x in of_shape(&[3, 8]), scale in 0.5..20.0, shift in -20.0..20.0) {
        let y = run(&[&x], |_, x| x[0].layer_norm(None, 0.0));
        assert_close("means", run(&[&y], |_, y| y[0].mean_last()).data(), &[0.0; 3], 0.0, 1e-9);
        assert_close("variances", run(&[&y], |_, y| y[0].square().mean_last()).data(), &[1.0; 3], 1e-9, 0.0);
        let moved = run(&[&x], |_, x| x[0].affine(scale, shift).layer_norm(None, 0.0));
        assert_close("scale and shift do not matter", moved.data(), y.data(), 1e-8, 1e-8);
        let rms = run(&[&x], |_, x| x[0].rms_norm(None, 0.0).square().mean_last());
        assert_close("root mean square", rms.data(), &[1.0; 3], 1e-9, 0.0);
    }

    #[test]
    fn dropout_keeps_the_expectation_and_its_mask(p in 0.05..0.9, seed in any::<u64>(), step in 0u64..1000) {
        let mask = |seed, step, name: &str| {
            let tape = Tape::training(&Parameters::<f64>::empty(), Randomness { seed, step });
            tape.constant(Tensor::ones([20_000])).dropout(p, Stream::named(name)).into_value()
        };
        let y = mask(seed, step, "a");
        let kept = 1.0 / (1.0 - p);
        prop_assert!(y.data().iter().all(|&y| y == 0.0 || (y - kept).abs() < 1e-6));
        // Six standard deviations of the mean of 20 000 draws.
        let mean = y.data().iter().sum::<f64>() / 20_000.0;
        prop_assert!((mean - 1.0).abs() < 6.0 * (p / (1.0 - p) / 20_000.0).sqrt(), "mean {}", mean);
        let again = mask(seed, step, "a");
        prop_assert_eq!(again.data(), y.data());
        for other in [mask(seed ^ 1, step, "a"), mask(seed, step + 1, "a"), mask(seed, step, "b")] {
            prop_assert_ne!(other.data(), y.data());
        }
    }
}
