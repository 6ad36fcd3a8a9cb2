//! Matrix products, single and in batches. `NN`, `NT` and `TN` say which operand is stored transposed.

use anther_kernels::{AlignedVec, BatchedMatMul, MatMul, Trans, Write, matmul, matmul_batched};
use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2};

use crate::case::{Case, Work};
use crate::inputs::normal;

/// The three forms: the forward pass of a product, that of a linear layer, and the gradient of its weight.
const FORMS: [(&str, Trans, Trans); 3] =
    [("NN", Trans::No, Trans::No), ("NT", Trans::No, Trans::Yes), ("TN", Trans::Yes, Trans::No)];

const SHAPES: [[usize; 3]; 8] = [
    [512, 512, 512],
    [1024, 1024, 1024],
    [2048, 2048, 2048],
    [4096, 768, 768],
    [4096, 3072, 768],
    [4096, 768, 3072],
    [4096, 32000, 256],
    [1, 768, 768],
];

/// Batch, then the three sizes of one product.
const BATCHED: [[usize; 4]; 2] = [[96, 256, 256, 64], [256, 128, 128, 32]];

const QUICK: [&str; 5] = [
    "gemm_NN_512x512x512",
    "gemm_NT_4096x768x768",
    "gemm_TN_4096x768x768",
    "gemm_NT_1x768x768",
    "bgemm_NT_96x256x256x64",
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for shape in SHAPES {
        cases.extend(FORMS.map(|form| single(form, shape)));
        cases.extend(FORMS.map(|form| yardstick(form, shape)));
    }
    for [batch, m, n, k] in BATCHED {
        cases.extend(FORMS.map(|form| batched(form, batch, [m, n, k])));
        // The other product of attention: weights times values.
        cases.push(batched(("PV", Trans::No, Trans::No), batch, [m, k, n]));
    }
    for case in &mut cases {
        case.quick = case.peer.is_none() && QUICK.contains(&case.name.as_str());
    }
    cases
}

fn flops([m, n, k]: [usize; 3]) -> f64 {
    2.0 * m as f64 * n as f64 * k as f64
}

fn single((form, trans_a, trans_b): (&str, Trans, Trans), [m, n, k]: [usize; 3]) -> Case {
    Case::new(format!("gemm_{form}_{m}x{n}x{k}"), Work::Flops(flops([m, n, k])), move || {
        let (a, b) = (normal(&[m * k], 1), normal(&[k * n], 2));
        let mut c = AlignedVec::zeroed(m * n);
        move || {
            let args = MatMul { trans_a, trans_b, ..MatMul::new(a.data(), b.data(), m, n, k) };
            matmul(args, &mut c, Write::Set);
        }
    })
}

/// The same product by the crate `matrixmultiply`, on one thread, through the interface that `ndarray` has to it.
fn yardstick((form, trans_a, trans_b): (&str, Trans, Trans), [m, n, k]: [usize; 3]) -> Case {
    Case::new(format!("gemm_{form}_{m}x{n}x{k}"), Work::Flops(flops([m, n, k])), move || {
        let (a, b) = (normal(&[m * k], 1), normal(&[k * n], 2));
        let mut c = Array2::<f32>::zeros((m, n));
        move || {
            let (a, b) = (stored(a.data(), trans_a, [m, k]), stored(b.data(), trans_b, [k, n]));
            general_mat_mul(1.0, &a, &b, 0.0, &mut c);
        }
    })
    .by("matrixmultiply")
}

/// A matrix of `rows x cols`, stored that way or as its transpose.
fn stored(data: &[f32], trans: Trans, [rows, cols]: [usize; 2]) -> ArrayView2<'_, f32> {
    let shape = if trans == Trans::No { (rows, cols) } else { (cols, rows) };
    let matrix = ArrayView2::from_shape(shape, data).expect("the data have the size of the matrix");
    if trans == Trans::No { matrix } else { matrix.reversed_axes() }
}

fn batched((form, trans_a, trans_b): (&str, Trans, Trans), batch: usize, [m, n, k]: [usize; 3]) -> Case {
    let work = Work::Flops(batch as f64 * flops([m, n, k]));
    Case::new(format!("bgemm_{form}_{batch}x{m}x{n}x{k}"), work, move || {
        let (a, b) = (normal(&[batch * m * k], 1), normal(&[batch * k * n], 2));
        let mut c = AlignedVec::zeroed(batch * m * n);
        move || {
            let args = MatMul { trans_a, trans_b, ..MatMul::new(a.data(), b.data(), m, n, k) };
            matmul_batched(BatchedMatMul { batch, a_shared: false, b_shared: false, args }, &mut c, Write::Set);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_yardstick_computes_the_same_product() {
        for (_, trans_a, trans_b) in FORMS {
            let (m, n, k) = (5, 7, 3);
            let (a, b) = (normal(&[m * k], 1), normal(&[k * n], 2));
            let mut ours = vec![0.0; m * n];
            let args = MatMul { trans_a, trans_b, ..MatMul::new(a.data(), b.data(), m, n, k) };
            matmul(args, &mut ours, Write::Set);
            let theirs = stored(a.data(), trans_a, [m, k]).dot(&stored(b.data(), trans_b, [k, n]));
            assert!(ours.iter().zip(&theirs).all(|(x, y)| (x - y).abs() < 1e-5), "{trans_a:?} {trans_b:?}");
        }
    }

    #[test]
    fn every_quick_name_is_a_case() {
        assert_eq!(cases().iter().filter(|case| case.quick).count(), QUICK.len());
    }
}
