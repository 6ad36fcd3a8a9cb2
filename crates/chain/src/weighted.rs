//! Decomposition that knows its inputs: the error is weighted by their second moments.
//!
//! What a layer gets wrong is `‖(W − Ŵ) x‖` on its own inputs, whose mean square is `tr((W − Ŵ) C (W − Ŵ)ᵀ)` with `C = E[x xᵀ]`. For low rank the best Ŵ
//! is known: with `C = L Lᵀ` and U the leading left singular vectors of W L it is `U Uᵀ W`. For other chains `W L` has the form of a chain, but its
//! inverse has not, so the plain chain is improved core by core: with all others fixed the error is quadratic in one core, and its minimum solves a
//! linear system that is the same for every output leg. A small pull to the core as it was keeps the system solvable and the error from growing.

use anther_kernels::{self as kernels, MatMul, Trans, Write};
use anther_tensor::Tensor;

use crate::chain::Chain;
use crate::decompose::{check_finite, check_weight, decompose, matrix_of, norm};
use crate::error::ChainError;
use crate::linear_algebra::{cholesky, cholesky_solve, left_singular};
use crate::spec::ChainSpec;
use crate::truncation::Truncation;

/// What is added to the covariance's diagonal, relative to its mean: inputs that never vary must not make it singular.
const DAMPING: f64 = 1e-6;

/// The pull of each core to what it was, relative to the mean of the diagonal of its system.
const PULL: f64 = 1e-9;

/// The largest system that is solved; its memory is the square of this.
const LARGEST_SYSTEM: usize = 2048;

/// How a weighted decomposition went. All errors are `‖(W − Ŵ) C^½‖_F`.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightedReport {
    /// The error of the plain decomposition with the same bonds, where the sweeps start.
    pub plain: f64,
    /// The error after each sweep over all cores; it never grows.
    pub sweeps: Vec<f64>,
    /// `‖W C^½‖_F`.
    pub norm: f64,
    /// Cores that were left as they were, because `r_{k−1} I_k r_k` is above 2048.
    pub left_alone: Vec<usize>,
}

impl WeightedReport {
    /// The error of the result as a part of the norm; 0 for a weight of zeros.
    pub fn relative_error(&self) -> f64 {
        if self.norm > 0.0 { self.sweeps.last().unwrap_or(&self.plain) / self.norm } else { 0.0 }
    }
}

/// The chain of these legs that comes near a dense weight `[out, in]` on inputs with the second moments `covariance` `[in, in]`, after so many sweeps
/// over its cores; three do most of what can be done. Bonds are those of [`decompose`]: a tolerance is one of the plain error. For low rank
/// ([`LowRankWeight::legs`](crate::LowRankWeight::legs)) the result is exact and takes no sweeps.
///
/// Cost of a sweep: `in² · out` multiply-adds and, for core k with n = r_{k−1} I_k r_k, about n² · out·in / (I_k O_k I_k) + n³/3.
///
/// # Errors
/// As [`decompose`], or if the covariance has another shape, numbers that are not finite, is not symmetric, or has a negative direction.
///
/// ```
/// use anther_chain::{Truncation, decompose_weighted};
/// use anther_tensor::Tensor;
///
/// let weight = Tensor::<f64>::from_fn([6, 8], |i| ((i * i) as f64).sin());
/// // Later inputs hardly vary, so what W does to them matters little.
/// let covariance = Tensor::from_fn([8, 8], |i| if i % 9 == 0 { 0.1f64.powi(i as i32 / 9) } else { 0.0 });
/// let (chain, report) = decompose_weighted(&weight, &covariance, &[2, 4], &[3, 2], &Truncation::Cap(2), 3)?;
/// assert!(report.sweeps[2] < 0.9 * report.plain && chain.spec().ranks == [2]);
/// # Ok::<(), anther_chain::ChainError>(())
/// ```
pub fn decompose_weighted(
    weight: &Tensor<f64>,
    covariance: &Tensor<f64>,
    inputs: &[usize],
    outputs: &[usize],
    truncation: &Truncation,
    sweeps: usize,
) -> Result<(Chain<f64>, WeightedReport), ChainError> {
    let legs = check_weight(weight, inputs, outputs)?;
    let [out, width] = legs.shape();
    let moments = damped(covariance, width)?;
    let triangle = cholesky(&moments, width).map_err(|row| {
        ChainError::Covariance(format!(
            "it has a negative direction, found at input {row}; give sums of x xᵀ over inputs x"
        ))
    })?;
    let problem = Problem { weight, moments, triangle, out, width };
    let (mut chain, _) = decompose(weight, inputs, outputs, truncation)?;
    let plain = problem.error(&chain);
    let mut report =
        WeightedReport { plain, sweeps: Vec::new(), norm: problem.size(weight.data()), left_alone: Vec::new() };
    if inputs.len() == 2 && inputs[0] == 1 && outputs[1] == 1 {
        chain = problem.low_rank(&chain)?;
        report.sweeps.push(problem.error(&chain).min(plain));
        return Ok((chain, report));
    }
    let target = problem.times_moments();
    let mut error = plain;
    for sweep in 0..sweeps {
        for k in 0..chain.spec().cores() {
            let system = System::new(&chain, k);
            if system.unknowns() > LARGEST_SYSTEM {
                if sweep == 0 {
                    report.left_alone.push(k);
                }
                continue;
            }
            let Some(better) = system.solve(&problem, &target) else { continue };
            let mut cores = chain.cores().to_vec();
            cores[k] = better;
            let candidate = Chain::new(chain.spec().clone(), cores)?;
            let found = problem.error(&candidate);
            // Near the minimum rounding may point upwards.
            if found < error {
                (chain, error) = (candidate, found);
            }
        }
        report.sweeps.push(error);
    }
    Ok((chain, report))
}

/// The covariance with a little on its diagonal.
fn damped(covariance: &Tensor<f64>, width: usize) -> Result<Vec<f64>, ChainError> {
    if covariance.shape()[..] != [width, width] {
        let message = format!("its shape is {:?}, but the weight has {width} inputs", covariance.shape());
        return Err(ChainError::Covariance(message));
    }
    check_finite("covariance", covariance.data())?;
    let mut moments = covariance.data().to_vec();
    let mean = (0..width).map(|i| moments[i * width + i]).sum::<f64>() / width as f64;
    if mean <= 0.0 {
        return Err(ChainError::Covariance("its diagonal is not positive: it has seen no inputs".to_owned()));
    }
    let apart = |at: usize| (moments[at] - moments[at % width * width + at / width]).abs();
    if let Some(at) = (0..moments.len()).find(|&at| apart(at) > 1e-6 * mean) {
        let message = format!("it is not symmetric at [{}, {}]", at / width, at % width);
        return Err(ChainError::Covariance(message));
    }
    (0..width).for_each(|i| moments[i * width + i] += DAMPING * mean);
    Ok(moments)
}

/// A weight `[out, width]` and the second moments `[width, width]` of its inputs, with their Cholesky factor.
struct Problem<'a> {
    weight: &'a Tensor<f64>,
    moments: Vec<f64>,
    triangle: Vec<f64>,
    out: usize,
    width: usize,
}

impl Problem<'_> {
    /// `D L` for a matrix D `[out, width]`.
    fn whitened(&self, d: &[f64]) -> Vec<f64> {
        let mut white = vec![0.0; d.len()];
        kernels::matmul(MatMul::new(d, &self.triangle, self.out, self.width, self.width), &mut white, Write::Set);
        white
    }

    /// `‖D C^½‖_F`
    fn size(&self, d: &[f64]) -> f64 {
        norm(&self.whitened(d))
    }

    fn error(&self, chain: &Chain<f64>) -> f64 {
        let dense = chain.to_dense();
        let difference: Vec<f64> = self.weight.data().iter().zip(dense.data()).map(|(w, v)| w - v).collect();
        self.size(&difference)
    }

    /// `W C`
    fn times_moments(&self) -> Vec<f64> {
        let mut product = vec![0.0; self.out * self.width];
        let args = MatMul::new(self.weight.data(), &self.moments, self.out, self.width, self.width);
        kernels::matmul(args, &mut product, Write::Set);
        product
    }

    /// The best chain of the legs `(1, in)` and `(out, 1)` and the bond of `plain`.
    fn low_rank(&self, plain: &Chain<f64>) -> Result<Chain<f64>, ChainError> {
        let (rank, out, width) = (plain.spec().ranks[0], self.out, self.width);
        let found = left_singular(&self.whitened(self.weight.data()), out, width);
        let rank = rank.min(found.vectors.len()).max(1);
        let up = matrix_of(&found.vectors, out, rank);
        let mut down = vec![0.0; rank * width];
        let args = MatMul { trans_a: Trans::Yes, ..MatMul::new(&up, self.weight.data(), rank, width, out) };
        kernels::matmul(args, &mut down, Write::Set);
        let cores = vec![Tensor::from_vec([1, 1, out, rank], up), Tensor::from_vec([rank, width, 1, 1], down)];
        Chain::new(ChainSpec { ranks: vec![rank], ..plain.spec().clone() }, cores)
    }
}

/// All of a chain but core `k`: `Ŵ[(o_<, o, o_>), (i_<, i, i_>)] = Σ_ab core[a, i, o, b] F[(a, b), (o_<, o_>, i_<, i_>)]`.
struct System<'a> {
    chain: &'a Chain<f64>,
    k: usize,
    /// F, with `F = left[o_<, i_<, a] · right[b, o_>, i_>]`.
    others: Vec<f64>,
    /// Products of the legs before and after: outputs, then inputs.
    outputs: [usize; 2],
    inputs: [usize; 2],
}

impl<'a> System<'a> {
    fn new(chain: &'a Chain<f64>, k: usize) -> Self {
        let spec = chain.spec();
        let around = |legs: &[usize]| [legs[..k].iter().product::<usize>(), legs[k + 1..].iter().product()];
        let (outputs, inputs) = (around(&spec.outputs), around(&spec.inputs));
        let [a, _, _, b] = spec.core_shape(k);
        let (left, right) = (left_of(chain, k), right_of(chain, k));
        let mut others = Vec::with_capacity(a * b * outputs[0] * outputs[1] * inputs[0] * inputs[1]);
        for (a_at, b_at) in (0..a).flat_map(|a| (0..b).map(move |b| (a, b))) {
            for (o_left, o_right) in (0..outputs[0]).flat_map(|l| (0..outputs[1]).map(move |r| (l, r))) {
                let right = &right[(b_at * outputs[1] + o_right) * inputs[1]..][..inputs[1]];
                for i_left in 0..inputs[0] {
                    let factor = left[(o_left * inputs[0] + i_left) * a + a_at];
                    others.extend(right.iter().map(|r| factor * r));
                }
            }
        }
        System { chain, k, others, outputs, inputs }
    }

    fn unknowns(&self) -> usize {
        let [a, i, _, b] = self.chain.spec().core_shape(self.k);
        a * b * i
    }

    /// Where the input `(i_<, i, i_>)` lies, for `i` and the number of `(i_<, i_>)`.
    fn input(&self, i: usize, others: usize) -> usize {
        let own = self.chain.spec().inputs[self.k];
        ((others / self.inputs[1]) * own + i) * self.inputs[1] + others % self.inputs[1]
    }

    /// The core that makes the error least, or `None` if the system cannot be solved.
    fn solve(&self, problem: &Problem<'_>, target: &[f64]) -> Option<Tensor<f64>> {
        let [a, own, out, b] = self.chain.spec().core_shape(self.k);
        let (bonds, n) = (a * b, self.unknowns());
        let (pairs, free) = (self.outputs[0] * self.outputs[1], self.inputs[0] * self.inputs[1]);
        // N[(ab, i), (ab', i')] = Σ F C_{ii'} Fᵀ over the other outputs.
        let mut matrix = vec![0.0; n * n];
        let mut weighted = vec![0.0; bonds * pairs * free];
        let mut block = vec![0.0; bonds * bonds];
        for i in 0..own {
            for j in 0..=i {
                let part: Vec<f64> = (0..free * free)
                    .map(|at| problem.moments[self.input(i, at / free) * problem.width + self.input(j, at % free)])
                    .collect();
                kernels::matmul(MatMul::new(&self.others, &part, bonds * pairs, free, free), &mut weighted, Write::Set);
                let args = MatMul::new(&weighted, &self.others, bonds, bonds, pairs * free);
                kernels::matmul(MatMul { trans_b: Trans::Yes, ..args }, &mut block, Write::Set);
                for (at, &value) in block.iter().enumerate() {
                    let (row, column) = (at / bonds * own + i, at % bonds * own + j);
                    matrix[row * n + column] = value;
                    matrix[column * n + row] = value;
                }
            }
        }
        // The right-hand side, one column for each own output.
        let per_output = |o: usize| -> Vec<f64> {
            let places = (0..own).flat_map(|i| (0..pairs * free).map(move |at| (i, at / free, at % free)));
            let value = |(i, pair, other): (usize, usize, usize)| {
                let output = ((pair / self.outputs[1]) * out + o) * self.outputs[1] + pair % self.outputs[1];
                target[output * problem.width + self.input(i, other)]
            };
            places.map(value).collect()
        };
        let pull = PULL * (0..n).map(|i| matrix[i * n + i]).sum::<f64>() / n as f64;
        (0..n).for_each(|i| matrix[i * n + i] += pull);
        let triangle = cholesky(&matrix, n).ok()?;
        let old = &self.chain.cores()[self.k];
        let mut core = old.clone();
        for o in 0..out {
            let mut column = vec![0.0; n];
            let seen = per_output(o);
            let args = MatMul::new(&self.others, &seen, bonds, own, pairs * free);
            kernels::matmul(MatMul { trans_b: Trans::Yes, ..args }, &mut column, Write::Set);
            let place = |at: usize| {
                let (bond, i) = (at / own, at % own);
                ((bond / b * own + i) * out + o) * b + bond % b
            };
            column.iter_mut().enumerate().for_each(|(at, x)| *x += pull * old.data()[place(at)]);
            cholesky_solve(&triangle, n, &mut column);
            let new = core.data_mut();
            column.iter().enumerate().for_each(|(at, x)| new[place(at)] = *x);
        }
        Some(core)
    }
}

/// The product of the cores before `k`, `[O_<, I_<, r]`: a chain whose last core has the bond among its inputs.
fn left_of(chain: &Chain<f64>, k: usize) -> Vec<f64> {
    let Some(last) = k.checked_sub(1) else { return vec![1.0] };
    let mut spec = ChainSpec {
        inputs: chain.spec().inputs[..k].to_vec(),
        outputs: chain.spec().outputs[..k].to_vec(),
        ranks: chain.spec().ranks[..last].to_vec(),
    };
    let [left, inputs, outputs, right] = chain.spec().core_shape(last);
    spec.inputs[last] *= right;
    let turned = moved(&chain.cores()[last], left * inputs, outputs, right);
    let mut cores = chain.cores()[..last].to_vec();
    cores.push(turned.reshaped([left, inputs * right, outputs, 1]));
    Chain::new(spec, cores).expect("a part of a chain is a chain").to_dense().data().to_vec()
}

/// The product of the cores after `k`, `[r, O_>, I_>]`: a chain whose first core has the bond among its outputs.
fn right_of(chain: &Chain<f64>, k: usize) -> Vec<f64> {
    let first = k + 1;
    if first == chain.spec().cores() {
        return vec![1.0];
    }
    let mut spec = ChainSpec {
        inputs: chain.spec().inputs[first..].to_vec(),
        outputs: chain.spec().outputs[first..].to_vec(),
        ranks: chain.spec().ranks[first..].to_vec(),
    };
    let [left, inputs, outputs, right] = chain.spec().core_shape(first);
    spec.outputs[0] *= left;
    let core = &chain.cores()[first];
    // [r, I, O, r'] → [I, r, O, r']
    let turned = Tensor::from_fn([1, inputs, left * outputs, right], |at| {
        let (run, i, r) = (at % (outputs * right), at / (left * outputs * right), at / (outputs * right) % left);
        core.data()[(r * inputs + i) * outputs * right + run]
    });
    let cores = std::iter::once(turned).chain(chain.cores()[first + 1..].iter().cloned()).collect();
    Chain::new(spec, cores).expect("a part of a chain is a chain").to_dense().data().to_vec()
}

/// `[a, b, c] → [a, c, b]`
fn moved(x: &Tensor<f64>, a: usize, b: usize, c: usize) -> Tensor<f64> {
    Tensor::from_fn([a, c, b], |at| x.data()[(at / (b * c) * b + at % b) * c + at / b % c])
}
