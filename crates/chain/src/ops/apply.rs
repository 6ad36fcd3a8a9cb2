//! `y = x Wᵀ` from the cores of W, without W.
//!
//! Each step contracts one core with what the steps before have left of x. From the first core on, a row is `[I_{k+1} … I_d, O_1 … O_k, r_k]`
//! after step k, at a cost of `Σ_k N (Π_{j≥k} I_j)(Π_{j<k} O_j) r_{k−1} O_k r_k` multiply-adds; from the last one on, `[I_1 … I_{k−1}, O_k … O_d,
//! r_{k−1}]` at `Σ_k N (Π_{j≤k} I_j)(Π_{j>k} O_j) r_k O_k r_{k−1}`. A step is one product of matrices, with exchanges of axes around it. Backward
//! keeps the left operand of each step: with `P = A M`, `dM = Aᵀ dP` and `dA = dP Mᵀ`, never dW.

use anther_kernels::{self as kernels, MatMul, Trans, Write};
use anther_tensor::{Backward, Element, Op, Tensor, Var};
use serde::{Deserialize, Serialize};

use super::check_cores;
use super::rearrange::{Dims, back, is_still, swap, swap_into};
use crate::cost::Cost;
use crate::spec::ChainSpec;

/// In which order an input meets the cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// The most significant leg first.
    FirstToLast,
    /// The least significant leg first.
    LastToFirst,
}

/// One core and the product that it takes part in.
struct Step {
    core: usize,
    /// Exchange of axes before the product, and after it.
    before: Dims,
    after: Dims,
    rows: usize,
    inner: usize,
    columns: usize,
}

const STILL: Dims = [1; 4];

fn steps(spec: &ChainSpec, rows: usize, order: Order) -> Vec<Step> {
    let product = |legs: &[usize]| legs.iter().product::<usize>();
    let step = |core: usize| {
        let [left, inputs, outputs, right] = spec.core_shape(core);
        match order {
            Order::FirstToLast => {
                let rest = product(&spec.inputs[core + 1..]) * product(&spec.outputs[..core]);
                Step {
                    core,
                    before: [rows, inputs, rest * left, 1],
                    after: STILL,
                    rows: rows * rest,
                    inner: left * inputs,
                    columns: outputs * right,
                }
            }
            Order::LastToFirst => {
                let (front, done) = (rows * product(&spec.inputs[..core]), product(&spec.outputs[core + 1..]));
                Step {
                    core,
                    before: [front, inputs, done, right],
                    after: [front, done, outputs, left],
                    rows: front * done,
                    inner: inputs * right,
                    columns: outputs * left,
                }
            }
        }
    };
    match order {
        Order::FirstToLast => (0..spec.cores()).map(step).collect(),
        Order::LastToFirst => (0..spec.cores()).rev().map(step).collect(),
    }
}

/// What the contraction of `rows` rows costs.
pub(crate) fn cost(spec: &ChainSpec, rows: usize, order: Order) -> Cost {
    steps(spec, rows, order).iter().fold(Cost::default(), |sum, step| {
        let turns = matrix_turns(spec, order, step.core);
        let exchanges = [step.before, step.after].into_iter().chain(turns.into_iter().flatten());
        sum + Cost::product(step.rows, step.columns, step.inner) + Cost::exchanges(exchanges)
    })
}

/// The exchanges that make the matrix of a step of a core, `[r, I, O, r'] → [I, r', O, r]`, if there are any.
fn matrix_turns(spec: &ChainSpec, order: Order, k: usize) -> Option<[Dims; 2]> {
    let [left, inputs, outputs, right] = spec.core_shape(k);
    let turns = [[1, left, inputs * outputs * right, 1], [inputs, outputs, right, left]];
    (order == Order::LastToFirst).then_some(turns)
}

/// The core as the matrix `[inner, columns]` of its step.
fn matrix<T: Element>(spec: &ChainSpec, order: Order, k: usize, core: &Tensor<T>) -> Tensor<T> {
    let turns = matrix_turns(spec, order, k).into_iter().flatten();
    turns.fold(core.clone(), |matrix, turn| swap(&matrix, turn))
}

/// Adds the gradient of a step's matrix to the gradient of its core.
fn core_gradient<T: Element>(
    spec: &ChainSpec,
    step: &Step,
    order: Order,
    (a, dp): (&Tensor<T>, &Tensor<T>),
    dcore: &mut [T],
    write: Write,
) {
    let args = MatMul::new(a.data(), dp.data(), step.inner, step.columns, step.rows);
    let args = MatMul { trans_a: Trans::Yes, ..args };
    match matrix_turns(spec, order, step.core) {
        None => kernels::matmul(args, dcore, write),
        Some([first, second]) => {
            let matrix = Tensor::build([step.inner, step.columns], |out| kernels::matmul(args, out, Write::Set));
            swap_into(dcore, swap(&matrix, back(second)).data(), back(first), write);
        }
    }
}

/// What the backward pass reads of a step.
struct Kept<T: Element> {
    step: Step,
    a: Tensor<T>,
    matrix: Tensor<T>,
}

fn forward<T: Element>(
    spec: &ChainSpec,
    order: Order,
    x: &Tensor<T>,
    cores: &[&Tensor<T>],
) -> (Tensor<T>, Vec<Kept<T>>) {
    let mut state = x.clone();
    let mut kept = Vec::with_capacity(cores.len());
    for step in steps(spec, x.shape().rows(), order) {
        let a = swap(&state, step.before);
        let matrix = matrix(spec, order, step.core, cores[step.core]);
        let product = Tensor::build([step.rows, step.columns], |out| {
            let args = MatMul::new(a.data(), matrix.data(), step.rows, step.columns, step.inner);
            kernels::matmul(args, out, Write::Set);
        });
        state = if is_still(step.after) { product } else { swap(&product, step.after) };
        kept.push(Kept { step, a, matrix });
    }
    (state.reshaped(x.shape().with_last(spec.shape()[0])), kept)
}

/// `y = x Wᵀ` with a dense W.
pub(crate) fn product<T: Element>(x: &Tensor<T>, weight: &Tensor<T>, y: &mut [T]) {
    let [out, inputs] = *weight.shape() else { unreachable!("a weight is a matrix") };
    let args = MatMul::new(x.data(), weight.data(), x.shape().rows(), out, inputs);
    kernels::matmul(MatMul { trans_b: Trans::Yes, ..args }, y, Write::Set);
}

/// `x Wᵀ`, outside of a tape.
pub(crate) fn apply<T: Element>(spec: &ChainSpec, order: Order, x: &Tensor<T>, cores: &[&Tensor<T>]) -> Tensor<T> {
    forward(spec, order, x, cores).0
}

struct Apply {
    spec: ChainSpec,
    order: Order,
}

impl<T: Element> Op<T> for Apply {
    type Saved = Vec<Kept<T>>;

    fn name(&self) -> &'static str {
        "chain_apply"
    }

    fn forward(&self, inputs: &[&Tensor<T>]) -> (Tensor<T>, Self::Saved) {
        forward(&self.spec, self.order, inputs[0], &inputs[1..])
    }

    fn backward(&self, saved: &Self::Saved, grad: &Tensor<T>, into: &mut Backward<'_, T>) {
        let mut grad = grad.clone();
        for (number, Kept { step, a, matrix }) in saved.iter().enumerate().rev() {
            let dp = if is_still(step.after) { grad } else { swap(&grad, back(step.after)) };
            into.accumulate(1 + step.core, |dcore, write| {
                core_gradient(&self.spec, step, self.order, (a, &dp), dcore, write);
            });
            if number == 0 && !into.wants(0) {
                return;
            }
            let da = Tensor::build([step.rows, step.inner], |out| {
                let args = MatMul::new(dp.data(), matrix.data(), step.rows, step.inner, step.columns);
                kernels::matmul(MatMul { trans_b: Trans::Yes, ..args }, out, Write::Set);
            });
            grad = swap(&da, back(step.before));
        }
        into.pass(0, || grad);
    }

    fn flops(&self, inputs: &[&Tensor<T>]) -> u64 {
        2 * cost(&self.spec, inputs[0].shape().rows(), self.order).multiply_adds
    }
}

/// `x Wᵀ` for x `[.., in]`, from the cores of W `[out, in]`: `[.., out]`.
///
/// # Panics
/// If x or the cores do not fit the specification.
#[track_caller]
pub fn chain_apply<'t, T: Element>(
    spec: &ChainSpec,
    order: Order,
    x: &Var<'t, T>,
    cores: &[&Var<'t, T>],
) -> Var<'t, T> {
    check_cores("chain_apply", spec, cores);
    let [out, inputs] = spec.shape();
    let shape = x.shape();
    assert!(
        !shape.is_empty() && shape.last_dim() == inputs,
        "chain_apply: an input of shape {shape:?} does not fit a chain of shape {:?} ([out, in])",
        [out, inputs]
    );
    let operands: Vec<&Var<'t, T>> = std::iter::once(x).chain(cores.iter().copied()).collect();
    x.tape().apply(Apply { spec: spec.clone(), order }, &operands)
}
