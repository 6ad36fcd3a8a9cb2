//! Decomposition weighted by the inputs.

use anther_chain::{Chain, ChainError, LowRankWeight, Truncation, decompose, decompose_weighted};
use anther_tensor::Tensor;

use crate::random::{Random, distance, norm, normal};

/// `Σ s² x xᵀ` over some random directions of falling size, and a little of all.
fn covariance(width: usize, seed: u64) -> Tensor<f64> {
    let x = normal([width, width], seed);
    Tensor::from_fn([width, width], |at| {
        let (i, j) = (at / width, at % width);
        let of = |k: usize| 0.5f64.powi(k as i32) * x.data()[k * width + i] * x.data()[k * width + j];
        (0..width).map(of).sum::<f64>() + if i == j { 0.01 } else { 0.0 }
    })
}

/// `√tr(D C Dᵀ)`, written down as it is said.
fn weighted(d: &Tensor<f64>, c: &Tensor<f64>) -> f64 {
    let width = c.shape()[0];
    let rows = d.data().chunks(width).map(|row| {
        let image = (0..width).map(|j| (0..width).map(|i| row[i] * c.data()[i * width + j]).sum::<f64>());
        image.zip(row).map(|(a, b)| a * b).sum::<f64>()
    });
    rows.sum::<f64>().sqrt()
}

fn difference(weight: &Tensor<f64>, chain: &Chain<f64>) -> Tensor<f64> {
    let dense = chain.to_dense();
    Tensor::from_fn(weight.shape(), |i| weight.data()[i] - dense.data()[i])
}

#[test]
fn the_weighted_error_falls_and_is_what_the_report_says() {
    let mut random = Random::new(11);
    let mut gains = 0.0;
    for number in 0..60 {
        let spec = random.spec(1 + number as usize % 5, 3);
        let [out, width] = spec.shape();
        let (weight, c) = (normal([out, width], number), covariance(width, number + 100));
        let cap = Truncation::Cap(2);
        let (plain, _) = decompose(&weight, &spec.inputs, &spec.outputs, &cap).unwrap();
        let (chain, report) = decompose_weighted(&weight, &c, &spec.inputs, &spec.outputs, &cap, 4).unwrap();
        let note = format!("{spec:?} {report:?}");
        assert!(report.left_alone.is_empty(), "{note}");
        // The report has the damping in its covariance.
        let size = weighted(&weight, &c);
        let close = |found: f64, told: f64| (found - told).abs() <= 1e-4 * size;
        assert!(close(weighted(&difference(&weight, &plain), &c), report.plain), "{note}");
        assert!(close(weighted(&difference(&weight, &chain), &c), *report.sweeps.last().unwrap()), "{note}");
        let all: Vec<f64> = std::iter::once(report.plain).chain(report.sweeps.iter().copied()).collect();
        assert!(all.windows(2).all(|pair| pair[1] <= pair[0]), "{note}");
        if report.plain > 1e-6 * size {
            gains += report.sweeps.last().unwrap() / report.plain - 1.0;
        }
    }
    assert!(gains / 60.0 < -0.1, "{gains}");
}

#[test]
fn with_white_inputs_two_cores_have_nothing_to_gain() {
    let (weight, width) = (normal([12, 15], 1), 15);
    let white = Tensor::from_fn([width, width], |at| if at % (width + 1) == 0 { 2.0 } else { 0.0 });
    let cap = Truncation::Cap(3);
    let (plain, report) = decompose(&weight, &[3, 5], &[4, 3], &cap).unwrap();
    let (chain, weighted) = decompose_weighted(&weight, &white, &[3, 5], &[4, 3], &cap, 2).unwrap();
    assert!((weighted.plain - 2f64.sqrt() * report.error).abs() < 1e-5 * report.norm);
    assert!(distance(&chain.to_dense(), &plain.to_dense()) < 1e-6 * norm(&weight));
}

#[test]
fn low_rank_is_the_best_there_is() {
    for seed in 0..5 {
        let (weight, c) = (normal([10, 14], seed), covariance(14, seed + 50));
        let (inputs, outputs) = LowRankWeight::legs([10, 14]);
        let cap = Truncation::Cap(3);
        let (chain, report) = decompose_weighted(&weight, &c, &inputs, &outputs, &cap, 0).unwrap();
        assert_eq!(chain.spec().ranks, [3]);
        // Sweeps from there, and from many random starts, find nothing better: the same legs as three cores are not taken for low rank.
        let (_, swept) =
            decompose_weighted(&weight, &c, &[1, 14, 1], &[10, 1, 1], &Truncation::Ranks(vec![3, 1]), 40).unwrap();
        assert!(report.sweeps[0] < report.plain);
        assert!(*swept.sweeps.last().unwrap() >= report.sweeps[0] * (1.0 - 1e-9), "{report:?} {swept:?}");
        assert!(*swept.sweeps.last().unwrap() <= report.sweeps[0] * 1.001, "{report:?} {swept:?}");
    }
}

#[test]
fn what_is_no_covariance_is_refused() {
    let weight = normal([6, 8], 0);
    let attempt = |c: Tensor<f64>| {
        decompose_weighted(&weight, &c, &[2, 4], &[3, 2], &Truncation::Cap(2), 1).unwrap_err().to_string()
    };
    let unit = |scale: f64| Tensor::from_fn([8, 8], |at| if at % 9 == 0 { scale } else { 0.0 });
    assert!(attempt(Tensor::zeros([8, 7])).contains("but the weight has 8 inputs"));
    assert!(attempt(Tensor::zeros([8, 8])).contains("has seen no inputs"));
    let mut crooked = unit(1.0);
    crooked.data_mut()[1] = 0.5;
    assert!(attempt(crooked).contains("not symmetric at [0, 1]"));
    let mut negative = unit(1.0);
    negative.data_mut()[63] = -0.5;
    assert!(attempt(negative).contains("negative direction, found at input 7"));
    let mut broken = unit(1.0);
    broken.data_mut()[5] = f64::NAN;
    assert!(attempt(broken).contains("covariance holds NaN at element 5"));
    let result = decompose_weighted(&weight, &unit(1.0), &[2, 4], &[3, 2], &Truncation::Cap(0), 1);
    assert_eq!(result.map(|_| ()), Err(ChainError::Rank));
}
