//! What is special about expressive attention (arXiv 2407.18601 and its specification).

use anther_attention::{Expressive, Mask, Operands, ScaledDot, Score, Seen, Softmax, Weigh, attend, attend_tiled};
use anther_tensor::{Element, KeySpans, Parameters, Tape, Tensor, Var};
use anther_testkit::assert_close;

/// Deterministic numbers that look random, of variance 1/12.
fn noise(shape: [usize; 4], salt: u64) -> Tensor<f64> {
    let key = anther_tensor::RandomKey::new(9, salt, 0);
    Tensor::from_fn(shape, |i| 2.0 * key.uniform(i as u64) - 1.0)
}

fn on_tape<R>(f: impl FnOnce(&Tape<f64>) -> R) -> R {
    let empty = Parameters::empty();
    f(&Tape::inference(&empty))
}

fn weights(q: &Tensor<f64>, k: &Tensor<f64>, weigh: &impl Weigh, spans: Option<&KeySpans>) -> Vec<f64> {
    on_tape(|tape| {
        let scores = ScaledDot { scale: 1.0 }.score(&tape.constant(q.clone()), &tape.constant(k.clone()), None);
        weigh.weigh(&scores, None, None, &Seen::from(spans.cloned())).value().data().to_vec()
    })
}

#[test]
fn the_weights_are_a_softmax_in_log_space() {
    let (q, k) = (noise([1, 2, 5, 4], 1), noise([1, 2, 5, 4], 2));
    let spans = Mask::causal().spans(1, 5, 5, 0).unwrap();
    let squared = weights(&q, &k, &Expressive { eps: 0.0 }, Some(&spans));
    let logged = on_tape(|tape| {
        let s = ScaledDot { scale: 1.0 }.score(&tape.constant(q.clone()), &tape.constant(k.clone()), None);
        let s2 = s.square();
        (s2.ln() - s2.affine(1.0, 1.0).ln()).softmax_spans(&spans).value().data().to_vec()
    });
    assert_close("weights", &logged, &squared, 1e-12, 1e-13);
}

#[test]
fn parallel_and_antiparallel_keys_attract_and_orthogonal_ones_do_not() {
    let unit = |rows: &[[f64; 4]]| Tensor::from_vec([1, 1, rows.len(), 4], rows.concat());
    let q = unit(&[[1.0, 0.0, 0.0, 0.0]]);
    let k = unit(&[[3.0, 0.0, 0.0, 0.0], [-3.0, 0.0, 0.0, 0.0], [0.0, 3.0, 0.0, 0.0]]);
    assert_close("weights", &weights(&q, &k, &Expressive { eps: 0.0 }, None), &[0.5, 0.5, 0.0], 1e-15, 1e-15);
}

#[test]
fn the_sign_of_a_query_does_not_matter() {
    let (q, k) = (noise([1, 1, 3, 4], 1), noise([1, 1, 3, 4], 2));
    let mut negative = q.clone();
    negative.data_mut().iter_mut().for_each(|x| *x = -*x);
    let weigh = Expressive { eps: 1e-12 };
    assert_eq!(weights(&q, &k, &weigh, None), weights(&negative, &k, &weigh, None));
}

#[test]
fn small_scores_keep_their_ratios() {
    let scaled = |factor: f64| {
        let mut q = noise([1, 1, 3, 4], 1);
        q.data_mut().iter_mut().for_each(|x| *x *= factor);
        weights(&q, &noise([1, 1, 3, 4], 2), &Expressive { eps: 0.0 }, None)
    };
    assert_close("weights", &scaled(1e-7), &scaled(1e-6), 1e-9, 1e-11);
}

#[test]
fn a_query_of_zeros_gives_zeros_and_finite_gradients() {
    let empty = Parameters::<f64>::empty();
    let tape = Tape::recording(&empty);
    let q = tape.input(Tensor::zeros([1, 1, 2, 4]));
    let [k, v] = [3, 4].map(|salt| tape.input(noise([1, 1, 2, 4], salt)));
    let y = core(&Expressive { eps: 1e-12 }, &q, &k, &v, None);
    assert!(y.value().data().iter().all(|&y| y == 0.0));
    let gradients = tape.backward(&y, Some(Tensor::ones(y.shape())), &mut empty.gradients());
    for input in [&q, &k, &v] {
        assert!(gradients.get(input).unwrap().data().iter().all(|g| *g == 0.0));
    }
}

#[test]
fn a_query_that_sees_no_key_gives_zeros_and_finite_gradients() {
    let spans = Mask::causal().padded(vec![0]).spans(1, 2, 2, 0).unwrap();
    fn check<T: Element>(weigh: &impl Weigh, spans: &KeySpans) {
        let empty = Parameters::<T>::empty();
        let tape = Tape::recording(&empty);
        let [q, k, v] = [1, 2, 3].map(|salt| tape.input(noise([1, 1, 2, 4], salt).cast::<T>()));
        let y = core(weigh, &q, &k, &v, Some(spans));
        assert!(y.value().data().iter().all(|&y| y == T::ZERO));
        let gradients = tape.backward(&y, Some(Tensor::ones(y.shape())), &mut empty.gradients());
        for input in [&q, &k, &v] {
            assert!(gradients.get(input).unwrap().data().iter().all(|g| *g == T::ZERO));
        }
    }
    check::<f32>(&Softmax, &spans);
    check::<f64>(&Expressive { eps: 0.0 }, &spans);
    check::<f32>(&Expressive { eps: 1e-6 }, &spans);
}

#[test]
fn huge_scores_neither_overflow_nor_poison() {
    // Scores of 1e30, whose squares are infinite in f32. The composed form scales queries, so its dot products may be larger.
    for (size, scale, tiled) in [(1e30f32, 1e-30, false), (1e15, 1.0, false), (1e15, 1.0, true)] {
        let empty = Parameters::<f32>::empty();
        let tape = Tape::recording(&empty);
        let q = tape.input(Tensor::full([1, 1, 1, 1], size));
        let k = tape.input(Tensor::from_vec([1, 1, 3, 1], vec![size, -size, 0.0]));
        let v = tape.input(Tensor::from_vec([1, 1, 3, 1], vec![1.0, 3.0, 5.0]));
        let (score, weigh, seen) = (ScaledDot { scale }, Expressive { eps: 1e-6 }, Seen::default());
        let operands = Operands::new(&q, &k, &v, &seen);
        let y = if tiled { attend_tiled(score, weigh, operands) } else { attend(&score, &weigh, operands) };
        assert!((y.value().item() - 2.0).abs() < 1e-5, "{size}, {tiled}: {y:?}");
        let gradients = tape.backward(&y, Some(Tensor::ones(y.shape())), &mut empty.gradients());
        for input in [&q, &k, &v] {
            assert!(gradients.get(input).unwrap().data().iter().all(|g| g.is_finite()), "{size}, {tiled}");
        }
    }
}

fn core<'t, T: Element>(
    weigh: &impl Weigh,
    q: &Var<'t, T>,
    k: &Var<'t, T>,
    v: &Var<'t, T>,
    spans: Option<&KeySpans>,
) -> Var<'t, T> {
    attend(&ScaledDot { scale: 1.0 }, weigh, Operands::new(q, k, v, &Seen::from(spans.cloned())))
}
