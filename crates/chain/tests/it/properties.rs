//! What holds for every chain, over 250 random ones of one to five cores.

use anther_chain::{Chain, ChainSpec, Order, Truncation, Way, decompose};
use anther_tensor::{Ids, Tensor};

use crate::random::{Random, distance, fading, norm, normal};

fn for_many(seed: u64, mut check: impl FnMut(u64, ChainSpec)) {
    let mut random = Random::new(seed);
    for number in 0..250 {
        let cores = 1 + number as usize % 5;
        check(number, random.spec(cores, 4));
    }
}

fn dense(chain: &Chain<f64>) -> Tensor<f64> {
    chain.to_dense()
}

#[test]
fn a_decomposition_keeps_to_its_tolerance_and_tells_its_error() {
    for_many(1, |number, spec| {
        let weight = fading(spec.shape(), number);
        let size = norm(&weight);
        for truncation in [
            Truncation::Tolerance(0.0),
            Truncation::Tolerance(0.01),
            Truncation::Tolerance(0.3),
            Truncation::Cap(1),
            Truncation::Cap(2),
            Truncation::Budget(0.5),
        ] {
            let (chain, report) = decompose(&weight, &spec.inputs, &spec.outputs, &truncation).unwrap();
            let error = distance(&dense(&chain), &weight);
            let note = format!("{spec:?} {truncation:?}: {report:?}, but {error}");
            assert!((report.norm - size).abs() <= 1e-12 * size, "{note}");
            // The identity: squared tails add up to the squared error, to rounding.
            assert!((error * error - report.error * report.error).abs() <= 1e-12 * size * size, "{note}");
            assert!(report.error <= report.bound * (1.0 + 1e-9) + 1e-12 * size, "{note}");
            match truncation {
                Truncation::Tolerance(eps) => assert!(report.relative_error() <= eps + 1e-13, "{note}"),
                Truncation::Cap(rank) => assert!(chain.spec().ranks.iter().all(|&r| r <= rank), "{note}"),
                Truncation::Budget(ratio) => {
                    assert!(chain.spec().ratio() <= ratio || chain.spec().ranks.iter().all(|&r| r == 1), "{note}");
                }
                Truncation::Ranks(_) => unreachable!("not among these"),
            }
            assert_eq!(report.tails.len(), spec.cores() - 1);
        }
    });
}

#[test]
fn the_bound_is_that_of_the_unfoldings_and_no_chain_is_nearer_than_the_largest_tail() {
    for_many(2, |number, spec| {
        let weight = fading(spec.shape(), number);
        let (whole, _) = decompose(&weight, &spec.inputs, &spec.outputs, &Truncation::Tolerance(0.0)).unwrap();
        // Singular values at the bonds of an exact chain are those of the unfoldings, found by another way.
        let spectra = whole.spectra().unwrap();
        let (chain, report) = decompose(&weight, &spec.inputs, &spec.outputs, &Truncation::Cap(2)).unwrap();
        let tail =
            |(values, &rank): (&Vec<f64>, &usize)| values[rank.min(values.len())..].iter().map(|s| s * s).sum::<f64>();
        let squares: Vec<f64> = spectra.iter().zip(&chain.spec().ranks).map(tail).collect();
        let size = report.norm;
        assert!((report.bound - squares.iter().sum::<f64>().sqrt()).abs() <= 1e-10 * size, "{spec:?} {report:?}");
        let largest = squares.iter().fold(0.0f64, |m, x| m.max(*x)).sqrt();
        assert!(report.error >= largest - 1e-10 * size, "{spec:?} {report:?} {largest}");
    });
}

#[test]
fn decomposed_cores_are_orthonormal_with_fixed_signs() {
    for_many(3, |number, spec| {
        let weight = fading(spec.shape(), number);
        let decomposed = || decompose(&weight, &spec.inputs, &spec.outputs, &Truncation::Cap(3)).unwrap().0;
        let chain = decomposed();
        for core in &chain.cores()[..spec.cores() - 1] {
            let [left, inputs, outputs, right] = *core.shape() else { panic!() };
            let rows = left * inputs * outputs;
            let column = |j: usize| (0..rows).map(move |i| core.data()[i * right + j]).collect::<Vec<_>>();
            for j in 0..right {
                let largest = column(j).into_iter().fold(0.0f64, |m, x| if x.abs() > m.abs() { x } else { m });
                assert!(largest > 0.0, "{spec:?}");
                for k in 0..right {
                    let dot: f64 = column(j).iter().zip(column(k)).map(|(a, b)| a * b).sum();
                    assert!((dot - f64::from(u8::from(j == k))).abs() < 1e-12, "{spec:?} {j} {k} {dot}");
                }
            }
        }
        assert!(chain.cores().iter().zip(decomposed().cores()).all(|(a, b)| a.data() == b.data()), "the same again");
    });
}

#[test]
fn rounding_recovers_the_bonds_of_a_doubled_chain() {
    for_many(4, |number, spec| {
        let ranks = spec.ranks.iter().zip(spec.max_ranks()).map(|(&r, max)| r.min(max)).collect();
        let chain = Chain::<f64>::normal(ChainSpec { ranks, ..spec }, 1.0, number);
        // A chain of random cores may hold less than its bonds allow; what it holds is what must come back.
        let (chain, _) = chain.round(&Truncation::Tolerance(1e-10)).unwrap();
        let twice = chain.add(&chain).unwrap();
        let doubled: Vec<usize> = chain.spec().ranks.iter().map(|r| 2 * r).collect();
        assert_eq!(twice.spec().ranks, doubled);
        let expected = Tensor::from_fn(chain.spec().shape(), {
            let dense = dense(&chain);
            move |i| 2.0 * dense.data()[i]
        });
        let size = norm(&expected);
        assert!(distance(&dense(&twice), &expected) <= 1e-12 * size);
        assert!((twice.norm() - size).abs() <= 1e-12 * size);

        let (back, report) = twice.round(&Truncation::Tolerance(1e-10)).unwrap();
        assert_eq!(back.spec(), chain.spec());
        assert!(distance(&dense(&back), &expected) <= 1e-10 * size + 1e-13, "{report:?}");
        let (rough, report) = twice.round(&Truncation::Tolerance(0.2)).unwrap();
        let error = distance(&dense(&rough), &expected);
        assert!(error <= 0.2 * size * (1.0 + 1e-12), "{report:?}");
        assert!((error * error - report.error * report.error).abs() <= 1e-11 * size * size, "{report:?} {error}");
        assert!(report.error <= report.bound * (1.0 + 1e-9) + 1e-11 * size, "{report:?}");
    });
}

#[test]
fn every_way_to_use_a_chain_agrees_with_its_matrix() {
    for_many(5, |number, spec| {
        let chain = Chain::<f64>::normal(spec.clone(), 1.0, number);
        let [out, inputs] = spec.shape();
        let weight = dense(&chain);
        let x = normal([3, inputs], number);
        let expected = Tensor::from_fn([3, out], |at| {
            let (row, column) = (at / out, at % out);
            (0..inputs).map(|i| x.data()[row * inputs + i] * weight.data()[column * inputs + i]).sum()
        });
        let contract = [Order::FirstToLast, Order::LastToFirst].map(|order| Some(Way::Contract(order)));
        for way in [None, Some(Way::Reconstruct)].into_iter().chain(contract) {
            assert!(distance(&chain.apply(&x, way), &expected) <= 1e-12 * norm(&expected).max(1.0), "{spec:?} {way:?}");
        }
        let ids: Vec<u32> = (0..out as u32).rev().collect();
        let rows = chain.rows(&Ids::new([out], ids));
        let flipped =
            Tensor::from_fn([out, inputs], |at| weight.data()[(out - 1 - at / inputs) * inputs + at % inputs]);
        assert!(distance(&rows, &flipped) <= 1e-12 * norm(&weight).max(1.0), "{spec:?}");
    });
}

#[test]
fn balanced_cores_have_equal_size_and_the_same_product() {
    for_many(6, |number, spec| {
        let weight = fading(spec.shape(), number);
        let (mut chain, _) = decompose(&weight, &spec.inputs, &spec.outputs, &Truncation::Cap(3)).unwrap();
        let before = dense(&chain);
        chain.balance_norms();
        assert!(distance(&dense(&chain), &before) <= 1e-12 * norm(&before));
        let sizes: Vec<f64> = chain.cores().iter().map(|core| norm(core) / (core.numel() as f64).sqrt()).collect();
        assert!(sizes.iter().all(|size| (size / sizes[0] - 1.0).abs() < 1e-12), "{sizes:?}");
    });
}

#[test]
fn entries_of_a_new_chain_have_the_variance_that_was_asked_for() {
    let mean_square = |spec: &ChainSpec, std: f64, draws: u64| {
        let total: f64 = (0..draws).map(|seed| norm(&dense(&Chain::normal(spec.clone(), std, seed))).powi(2)).sum();
        total / (draws as f64 * spec.dense_params() as f64)
    };
    // An entry is a sum of Π r_k products of d independent numbers: by hand, 16 products of two numbers of variance 1/4 have the variance 1.
    for (ranks, std, expected) in [
        (vec![], 0.3, 0.3),
        (vec![16], 1.0, 0.5),
        (vec![4], 0.5, 0.5),
        (vec![8, 8], 8.0, 1.0),
        (vec![2, 4], 1.0, 0.5f64.sqrt()),
        (vec![2, 3, 4], 24f64.sqrt() / 16.0, 0.5),
    ] {
        let legs = vec![4; ranks.len() + 1];
        let spec = ChainSpec { inputs: legs.clone(), outputs: legs, ranks };
        assert!((spec.core_std(std) - expected).abs() < 1e-12, "{spec:?}: {}", spec.core_std(std));
    }
    // Measured, over all that have enough entries for it.
    let (mut found, mut expected) = (0.0f64, 0.0f64);
    for_many(8, |_, spec| {
        let entries = spec.dense_params() as f64;
        if entries >= 100.0 {
            found += entries * mean_square(&spec, 0.3, 60);
            expected += entries * 0.09;
        }
    });
    let ratio = (found / expected).sqrt();
    assert!((ratio - 1.0).abs() < 0.05, "{ratio}");

    for (inputs, outputs, rank) in
        [(vec![64], vec![32], 1), (vec![8, 8], vec![8, 8], 5), (vec![4; 3], vec![4; 3], 6), (vec![3; 4], vec![3; 4], 8)]
    {
        let spec = ChainSpec::with_rank(inputs, outputs, rank).unwrap();
        let ratio = mean_square(&spec, 0.1, 200).sqrt() / 0.1;
        assert!((ratio - 1.0).abs() < 0.05, "{spec:?}: {ratio}");
    }
}

#[test]
fn the_number_of_threads_changes_no_bit_of_a_decomposition() {
    let weight = fading([150, 140], 1);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| decompose(&weight, &[10, 14], &[15, 10], &Truncation::Cap(20)).unwrap())
    };
    let (alone, report) = run(1);
    assert!((distance(&dense(&alone), &weight) - report.error).abs() < 1e-12 * report.norm);
    for threads in [2, 3] {
        let (chain, other) = run(threads);
        assert_eq!(other, report);
        assert!(chain.cores().iter().zip(alone.cores()).all(|(a, b)| a.data() == b.data()), "{threads} threads");
    }
}
