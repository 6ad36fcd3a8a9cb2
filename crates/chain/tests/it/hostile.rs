//! What cannot be factorised is an error of one sentence.

use anther_chain::{Chain, ChainError, ChainSpec, Truncation, decompose};
use anther_tensor::Tensor;

fn weight() -> Tensor<f64> {
    Tensor::from_fn([6, 8], |i| (i as f64).sin())
}

#[test]
fn truncations_out_of_range_are_refused() {
    let attempt = |truncation| decompose(&weight(), &[2, 4], &[3, 2], &truncation).unwrap_err();
    assert_eq!(attempt(Truncation::Cap(0)), ChainError::Rank);
    assert_eq!(attempt(Truncation::Ranks(vec![0])), ChainError::Rank);
    assert!(attempt(Truncation::Ranks(vec![2, 2])).to_string().contains("2 ranks were given for its 1 bonds"));
    for eps in [-0.1, 1.0, f64::INFINITY, f64::NAN] {
        assert!(matches!(attempt(Truncation::Tolerance(eps)), ChainError::Tolerance(_)));
    }
    for ratio in [0.0, 1.1, f64::NAN] {
        assert!(matches!(attempt(Truncation::Budget(ratio)), ChainError::Ratio(_)));
    }
}

#[test]
fn weights_that_are_not_finite_or_do_not_fit_are_refused() {
    for bad in [f64::NAN, f64::INFINITY] {
        let mut weight = weight();
        weight.data_mut()[17] = bad;
        let error = decompose(&weight, &[2, 4], &[3, 2], &Truncation::Cap(1)).unwrap_err().to_string();
        assert!(error.contains("at element 17"), "{error}");
    }
    let error = decompose(&weight(), &[2, 3], &[3, 2], &Truncation::Cap(1)).unwrap_err().to_string();
    assert!(error.contains("[out = 6, in = 8] does not fit a chain of [out = 6, in = 6]"), "{error}");
    assert!(decompose(&Tensor::zeros([6]), &[2, 3], &[1, 1], &Truncation::Cap(1)).is_err());
    assert!(decompose(&weight(), &[8], &[], &Truncation::Cap(1)).is_err());
}

#[test]
fn a_weight_of_zeros_is_a_chain_of_bond_one() {
    let (chain, report) = decompose(&Tensor::zeros([6, 8]), &[2, 4], &[3, 2], &Truncation::Tolerance(0.1)).unwrap();
    assert_eq!(chain.spec().ranks, [1]);
    assert!(chain.to_dense().data().iter().all(|&x| x == 0.0));
    assert_eq!((report.error, report.bound, report.relative_error()), (0.0, 0.0, 0.0));
    assert_eq!(chain.round(&Truncation::Cap(1)).unwrap().1.error, 0.0);
}

#[test]
fn chains_that_do_not_fit_are_refused() {
    let spec = |inputs: Vec<usize>| ChainSpec { inputs, outputs: vec![3, 2], ranks: vec![2] };
    let chain = Chain::<f64>::normal(spec(vec![2, 4]), 1.0, 0);
    let other = Chain::<f64>::normal(spec(vec![4, 2]), 1.0, 0);
    assert!(chain.add(&other).unwrap_err().to_string().contains("different legs"));
    assert!(Chain::new(spec(vec![2, 4]), other.cores().to_vec()).unwrap_err().to_string().contains("shapes"));
    let mut cores = chain.cores().to_vec();
    cores[1].data_mut()[0] = f64::NAN;
    let broken = Chain::new(chain.spec().clone(), cores).unwrap();
    assert!(matches!(broken.round(&Truncation::Cap(1)), Err(ChainError::NotFinite { what: "chain", .. })));
    assert!(broken.spectra().is_err());
}
