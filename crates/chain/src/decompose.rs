//! Dense → chain, by singular values bond after bond (TT-SVD, Oseledets 2011, algorithm 1).
//!
//! W `[out, in]` is seen as a tensor of legs `(I_1 O_1)(I_2 O_2)…`. For k = 1 … d − 1 it is unfolded to `[r_{k−1} n_k, rest]`, the first r_k left
//! singular vectors become core k, and what they leave, `Uᵀ M`, goes on. For two cores this is the best sum of r Kronecker products (Van Loan and
//! Pitsianis).

use anther_kernels::{self as kernels, MatMul, Trans, Write};
use anther_tensor::Tensor;

use crate::chain::Chain;
use crate::error::ChainError;
use crate::linear_algebra::{left_singular, singular_values};
use crate::spec::ChainSpec;
use crate::truncation::{Report, Truncation, tail};

/// The chain of these legs that comes near a dense weight `[out, in]`, and how near.
///
/// Bonds can turn out smaller than asked where the weight has no more to give. All of the norm ends up in the last core:
/// [`Chain::balance_norms`] spreads it before training. The result is the same, bit for bit, for any number of threads.
///
/// Cost: that of the singular vectors of each unfolding; about a second for 512 × 512 and two cores, and for three cores or more once more
/// the singular values of all unfoldings but the first, for the bound.
///
/// # Errors
/// If the legs do not multiply up to the shape of the weight, a number is not finite, or the truncation makes no sense.
///
/// ```
/// use anther_chain::{Truncation, decompose};
/// use anther_tensor::Tensor;
///
/// let weight = Tensor::<f64>::from_fn([6, 8], |i| (i as f64).sin());
/// let (chain, report) = decompose(&weight, &[2, 4], &[3, 2], &Truncation::Tolerance(0.1))?;
/// assert!(report.relative_error() <= 0.1 && chain.spec().params() < 48);
/// # Ok::<(), anther_chain::ChainError>(())
/// ```
pub fn decompose(
    weight: &Tensor<f64>,
    inputs: &[usize],
    outputs: &[usize],
    truncation: &Truncation,
) -> Result<(Chain<f64>, Report), ChainError> {
    let legs = check_weight(weight, inputs, outputs)?;
    let norm = norm(weight.data());
    let cut = truncation.cut(inputs, outputs, norm)?;
    let unfolded = to_modes(weight, &legs);
    let modes: Vec<usize> = inputs.iter().zip(outputs).map(|(i, o)| i * o).collect();

    let mut rest = unfolded.clone();
    let (mut left, mut tails, mut ranks, mut cores) = (1, Vec::new(), Vec::new(), Vec::new());
    for (k, mode) in modes[..modes.len() - 1].iter().enumerate() {
        let rows = left * mode;
        let columns = rest.len() / rows;
        let found = left_singular(&rest, rows, columns);
        let kept = cut.keep(k, &found.values).min(found.vectors.len()).max(1);
        tails.push(tail(&found.values, kept));
        let core = matrix_of(&found.vectors, rows, kept);
        let mut carried = vec![0.0; kept * columns];
        let args = MatMul { trans_a: Trans::Yes, ..MatMul::new(&core, &rest, kept, columns, rows) };
        kernels::matmul(args, &mut carried, Write::Set);
        cores.push(Tensor::from_vec([left, inputs[k], outputs[k], kept], core));
        ranks.push(kept);
        (rest, left) = (carried, kept);
    }
    let last = modes.len() - 1;
    cores.push(Tensor::from_vec([left, inputs[last], outputs[last], 1], rest));

    // The first unfolding is the one whose tail is known already.
    let unfolded_tails: Vec<f64> = (0..last)
        .map(|k| {
            let rows: usize = modes[..=k].iter().product();
            let values = || singular_values(&unfolded, rows, unfolded.len() / rows);
            if k == 0 { tails[0] } else { tail(&values(), ranks[k]) }
        })
        .collect();
    let chain = Chain::new(ChainSpec { ranks, ..legs }, cores)?;
    Ok((chain, Report::new(tails, &unfolded_tails, norm)))
}

/// The legs as a chain of bonds 1, if they fit the weight and its numbers are finite.
pub(crate) fn check_weight(weight: &Tensor<f64>, inputs: &[usize], outputs: &[usize]) -> Result<ChainSpec, ChainError> {
    let legs = ChainSpec::with_rank(inputs.to_vec(), outputs.to_vec(), 1)?;
    match *weight.shape() {
        [out, input] if [out, input] == legs.shape() => {}
        [out, input] => return Err(ChainError::Shape { weight: [out, input], chain: legs.shape() }),
        _ => return Err(ChainError::Spec(format!("a weight is a matrix [out, in], not {:?}", weight.shape()))),
    }
    check_finite("weight", weight.data())?;
    Ok(legs)
}

/// An error that names the first number that is not finite.
pub(crate) fn check_finite(what: &'static str, numbers: &[f64]) -> Result<(), ChainError> {
    match numbers.iter().position(|x| !x.is_finite()) {
        Some(index) => Err(ChainError::NotFinite { what, index, value: numbers[index] }),
        None => Ok(()),
    }
}

/// The Frobenius norm, also of numbers whose squares are out of range.
pub(crate) fn norm(x: &[f64]) -> f64 {
    let scale = x.iter().fold(0.0f64, |m, x| m.max(x.abs()));
    if scale == 0.0 { 0.0 } else { scale * x.iter().map(|x| (x / scale).powi(2)).sum::<f64>().sqrt() }
}

/// The first `kept` vectors as the columns of a row-major matrix; for a matrix of zeros, which has none, the first unit vector.
pub(crate) fn matrix_of(vectors: &[Vec<f64>], rows: usize, kept: usize) -> Vec<f64> {
    if vectors.is_empty() {
        return (0..rows * kept).map(|at| f64::from(u8::from(at == 0))).collect();
    }
    (0..rows * kept).map(|at| vectors[at % kept][at / kept]).collect()
}

/// W `[(O_1 … O_d), (I_1 … I_d)]` with its legs in pairs, `[I_1, O_1, I_2, O_2, …]`.
pub(crate) fn to_modes(weight: &Tensor<f64>, legs: &ChainSpec) -> Vec<f64> {
    let (of_outputs, of_inputs) = offsets(legs);
    let mut modes = vec![0.0; weight.numel()];
    for (row, output) in weight.data().chunks(of_inputs.len()).zip(&of_outputs) {
        row.iter().zip(&of_inputs).for_each(|(x, input)| modes[output + input] = *x);
    }
    modes
}

/// Where the entry of each output and each input lies among paired legs; the two add up.
fn offsets(legs: &ChainSpec) -> (Vec<usize>, Vec<usize>) {
    let places = |own: &[usize], first_of_pair: bool| {
        let mut offsets = vec![0];
        for (k, &leg) in own.iter().enumerate() {
            let after: usize = (k + 1..legs.cores()).map(|j| legs.inputs[j] * legs.outputs[j]).product();
            let stride = if first_of_pair { after * legs.outputs[k] } else { after };
            offsets = offsets.iter().flat_map(|offset| (0..leg).map(move |i| offset + i * stride)).collect();
        }
        offsets
    };
    (places(&legs.outputs, false), places(&legs.inputs, true))
}
