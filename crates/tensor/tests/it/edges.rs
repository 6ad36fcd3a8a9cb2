//! What is exact by definition: masks, empty rows, ties, weights of zero, and numbers that are not finite.

use anther_tensor::{Ids, KeySpans, Parameters, Span, Tape, Tensor, Var};

/// The value of `f` at `x` and the gradient of its sum.
fn differentiate(x: Tensor<f32>, f: impl for<'t> Fn(&Var<'t, f32>) -> Var<'t, f32>) -> (Tensor<f32>, Tensor<f32>) {
    let params = Parameters::empty();
    let tape = Tape::recording(&params);
    let x = tape.input(x);
    let y = f(&x);
    let found = tape.backward(&y, Some(Tensor::ones(y.shape())), &mut params.gradients());
    (y.into_value(), found.get(&x).expect("a gradient").clone())
}

#[test]
fn a_masked_key_counts_for_nothing_whatever_its_score() {
    let spans = KeySpans::new(vec![Span::new(0, 2), Span::new(0, 0)], 2);
    for masked in [0.0, 1e30, f32::NAN, f32::INFINITY] {
        let x = Tensor::from_vec([2, 3], vec![1.0, 1.0, masked, masked, masked, masked]);
        let (y, dx) = differentiate(x.clone(), |x| x.softmax_spans(&spans));
        assert_eq!(y.data(), [0.5, 0.5, 0.0, 0.0, 0.0, 0.0], "softmax with {masked}");
        assert!(dx.data().iter().all(|&g| g == 0.0), "softmax with {masked}: {dx:?}");
        let (y, dx) = differentiate(x, |x| x.normalize(Some(&spans), 0.0));
        assert_eq!(y.data(), [0.5, 0.5, 0.0, 0.0, 0.0, 0.0], "normalize with {masked}");
        assert!(dx.data().iter().all(|&g| g == 0.0), "normalize with {masked}: {dx:?}");
    }
}

/// Padding may hold anything, also in the hidden states before the last layer.
#[test]
fn a_row_of_weight_zero_reaches_no_gradient_of_the_fused_loss() {
    let run = |padding: f32| {
        let params = Parameters::empty();
        let tape = Tape::recording(&params);
        let h = tape.input(Tensor::from_vec([3, 2], vec![1.0, -1.0, padding, padding, 0.5, 2.0]));
        let [weight, bias] = [[4, 2], [4, 1]].map(|shape| tape.input(Tensor::from_fn(shape, |i| (i as f32).sin())));
        let bias = bias.reshape([4]);
        let counted = Tensor::from_vec([3], vec![1.0, 0.0, 2.0]);
        let loss = h.linear_cross_entropy(&weight, Some(&bias), &Ids::new([3], vec![1, 0, 3]), Some(&counted), 0.1);
        let found = tape.backward(&loss, None, &mut params.gradients());
        [loss.value(), found.get(&h).unwrap(), found.get(&weight).unwrap()].map(|x| x.data().to_vec())
    };
    let expected = run(0.0);
    assert!(expected.iter().flatten().all(|x| x.is_finite()));
    for padding in [f32::NAN, f32::INFINITY] {
        assert_eq!(run(padding), expected, "{padding}");
    }
}

/// The gradient of a choice goes where its value came from: NaN wins on either side, the first written operand in a tie.
#[test]
fn the_gradient_of_a_maximum_goes_to_what_was_chosen() {
    let nan = f32::NAN;
    let (a, b) = ([nan, 1.0, 2.0, 3.0, 4.0, nan], [1.0, nan, 2.0, 4.0, 3.0, nan]);
    let chosen = [1.0, 0.0, 1.0, 0.0, 1.0, 1.0];
    // The shorter shape is the second operand, then the first one.
    for [of_a, of_b] in [[&[2, 6][..], &[6]], [&[6], &[2, 6]]] {
        for smallest in [false, true] {
            let params = Parameters::empty();
            let tape = Tape::recording(&params);
            let sign = if smallest { -1.0 } else { 1.0 };
            let [x, y] = [(of_a, a), (of_b, b)]
                .map(|(shape, of)| tape.input(Tensor::from_fn(anther_tensor::Shape::new(shape), |i| sign * of[i % 6])));
            let z = if smallest { x.minimum(&y) } else { x.maximum(&y) };
            let found = tape.backward(&z, Some(Tensor::ones([2, 6])), &mut params.gradients());
            let (dx, dy) = (found.get(&x).unwrap(), found.get(&y).unwrap());
            for (i, &chosen) in chosen.iter().enumerate() {
                let one = |shape: &[usize]| if shape.len() == 1 { 2.0 } else { 1.0 };
                let expected = (one(of_a) * chosen, one(of_b) * (1.0 - chosen));
                assert_eq!((dx.data()[i], dy.data()[i]), expected, "element {i} of {of_a:?} and {of_b:?}");
            }
        }
    }
}

#[test]
fn scores_of_any_size_have_a_softmax() {
    let (y, _) = differentiate(Tensor::from_vec([1, 3], vec![-1e30, 1e30, 1e30]), |x| x.softmax());
    assert_eq!(y.data(), [0.0, 0.5, 0.5]);
}

#[test]
fn nan_stays_visible() {
    let x = Tensor::from_vec([2, 2], vec![f32::NAN, 1.0, 2.0, 2.0]);
    let (y, _) = differentiate(x.clone(), |x| x.softmax());
    assert!(y.data()[0].is_nan() && y.data()[1].is_nan());
    assert_eq!(y.data()[2..], [0.5, 0.5], "another row is not touched");
    let (y, _) = differentiate(x, |x| x.sum());
    assert!(y.item().is_nan());
}

#[test]
fn the_gradient_of_a_tie_goes_to_the_first_operand() {
    let params = Parameters::<f32>::empty();
    for first_is_small in [false, true] {
        let tape = Tape::recording(&params);
        let large = tape.input(Tensor::ones([2, 2]));
        let small = tape.input(Tensor::ones([2]));
        let y = if first_is_small { small.maximum(&large) } else { large.maximum(&small) };
        let found = tape.backward(&y, Some(Tensor::ones([2, 2])), &mut params.gradients());
        let sum = |x: &Var<'_, f32>| found.get(x).unwrap().data().iter().sum::<f32>();
        assert_eq!((sum(&large), sum(&small)), if first_is_small { (0.0, 4.0) } else { (4.0, 0.0) });
    }
}

#[test]
fn a_target_of_weight_zero_does_not_count() {
    let targets = Ids::new([3], vec![0, 1, 2]);
    let two = Ids::new([2], vec![0, 1]);
    let logits: Vec<f32> = vec![0.1, -0.4, 2.0, 1.0, 0.3, -1.0, f32::NAN, 7.0, 1.0];
    let weights = Tensor::from_vec([3], vec![1.0, 3.0, 0.0]);
    let (loss, dx) =
        differentiate(Tensor::from_vec([3, 3], logits.clone()), |x| x.cross_entropy(&targets, Some(&weights), 0.1));
    let weights = Tensor::from_vec([2], vec![1.0, 3.0]);
    let (expected, expected_dx) =
        differentiate(Tensor::from_vec([2, 3], logits[..6].to_vec()), |x| x.cross_entropy(&two, Some(&weights), 0.1));
    assert_eq!(loss.item(), expected.item());
    assert_eq!(dx.data()[..6], *expected_dx.data());
    assert_eq!(dx.data()[6..], [0.0; 3], "though its logits are NaN");
}

#[test]
fn nothing_to_average_gives_zero() {
    let (y, dx) = differentiate(Tensor::zeros([0, 3]), |x| x.mean());
    assert_eq!((y.item(), dx.numel()), (0.0, 0));
    let (y, _) = differentiate(Tensor::zeros([2, 0]), |x| x.mean_last());
    assert_eq!(y.data(), [0.0, 0.0]);
    let (loss, dx) = differentiate(Tensor::zeros([0, 3]), |x| x.cross_entropy(&Ids::new([0], vec![]), None, 0.1));
    assert_eq!((loss.item(), dx.numel()), (0.0, 0));
}

#[test]
fn a_row_without_variance_is_the_shift() {
    let params = Parameters::<f32>::empty();
    let tape = Tape::recording(&params);
    let (gamma, beta) = (tape.input(Tensor::full([3], 2.0)), tape.input(Tensor::from_vec([3], vec![1.0, 2.0, 3.0])));
    let y = tape.constant(Tensor::full([2, 3], 5.0)).layer_norm(Some((&gamma, &beta)), 1e-5);
    assert_eq!(y.value().data(), [1.0, 2.0, 3.0, 1.0, 2.0, 3.0]);
}

#[test]
fn the_smallest_numbers_are_not_flushed_to_zero() {
    let tiny = f32::MIN_POSITIVE / 4.0;
    let (y, _) = differentiate(Tensor::full([33], tiny), |x| x.scale(2.0));
    assert!(y.data().iter().all(|&y| y == tiny * 2.0));
}
