//! The dense weight W `[out, in]` of a chain.
//!
//! Cores are multiplied from the first to the last: `T_1 = C_1`, `T_k = T_{k−1} C_k`, with the legs kept sorted as `T_k [O_1 … O_k, I_1 … I_k,
//! r_k]`, so the last one is W. Cost `Σ_k n_1 … n_{k−1} r_{k−1} n_k r_k` multiply-adds with `n_k = I_k O_k`, which for two cores is r·in·out,
//! and a pass over each `T_k` to sort the legs. Backward goes the same way back: `dC_k = T_{k−1}ᵀ dT_k`, `dT_{k−1} = dT_k C_kᵀ`.

use anther_kernels::{self as kernels, MatMul, Trans, Write};
use anther_tensor::{Backward, Element, Op, Tensor, Var};

use super::check_cores;
use super::rearrange::{back, swap, swap_into};
use crate::cost::Cost;
use crate::spec::ChainSpec;

struct Dense {
    spec: ChainSpec,
}

/// What the backward pass reads.
struct Saved<T: Element> {
    /// `T_1 … T_{d−1}`, the products of the first cores.
    partials: Vec<Tensor<T>>,
    /// `C_2 … C_d` as `[r_{k−1}, O_k, I_k, r_k]`.
    cores: Vec<Tensor<T>>,
}

/// Sizes of the product number `k` of the chain.
struct Sizes {
    /// Outputs and inputs of the cores before.
    before: [usize; 2],
    left: usize,
    outputs: usize,
    inputs: usize,
    right: usize,
}

impl Sizes {
    fn of(spec: &ChainSpec, k: usize) -> Self {
        let [left, inputs, outputs, right] = spec.core_shape(k);
        let before = [&spec.outputs, &spec.inputs].map(|legs| legs[..k].iter().product());
        Sizes { before, left, outputs, inputs, right }
    }

    /// Rows, columns and inner size of the product.
    fn product(&self) -> (usize, usize, usize) {
        (self.before[0] * self.before[1], self.outputs * self.inputs * self.right, self.left)
    }

    /// The exchange that sorts the legs after the product.
    fn sort(&self) -> [usize; 4] {
        [self.before[0], self.before[1], self.outputs, self.inputs * self.right]
    }

    /// The exchange that brings a core into the order of the product.
    fn core(&self) -> [usize; 4] {
        [self.left, self.inputs, self.outputs, self.right]
    }
}

/// What making W costs.
pub(crate) fn cost(spec: &ChainSpec) -> Cost {
    (1..spec.cores()).map(|k| Sizes::of(spec, k)).fold(Cost::exchanges([Sizes::of(spec, 0).core()]), |sum, sizes| {
        let (m, n, inner) = sizes.product();
        sum + Cost::product(m, n, inner) + Cost::exchanges([sizes.core(), sizes.sort()])
    })
}

fn forward<T: Element>(spec: &ChainSpec, cores: &[&Tensor<T>]) -> (Tensor<T>, Saved<T>) {
    let first = swap(cores[0], Sizes::of(spec, 0).core());
    let (mut partials, mut turned) = (vec![first], Vec::new());
    for (k, core) in cores.iter().enumerate().skip(1) {
        let sizes = Sizes::of(spec, k);
        let core = swap(core, sizes.core());
        let (m, n, inner) = sizes.product();
        let product = Tensor::build([m, n], |out| {
            kernels::matmul(MatMul::new(partials[k - 1].data(), core.data(), m, n, inner), out, Write::Set);
        });
        partials.push(swap(&product, sizes.sort()));
        turned.push(core);
    }
    let weight = partials.pop().expect("a chain has a core").reshaped(spec.shape());
    (weight, Saved { partials, cores: turned })
}

/// W `[out, in]` of these cores, outside of a tape.
pub(crate) fn dense<T: Element>(spec: &ChainSpec, cores: &[&Tensor<T>]) -> Tensor<T> {
    forward(spec, cores).0
}

impl<T: Element> Op<T> for Dense {
    type Saved = Saved<T>;

    fn name(&self) -> &'static str {
        "chain_dense"
    }

    fn forward(&self, inputs: &[&Tensor<T>]) -> (Tensor<T>, Self::Saved) {
        forward(&self.spec, inputs)
    }

    fn backward(&self, saved: &Self::Saved, grad: &Tensor<T>, into: &mut Backward<'_, T>) {
        let mut grad = grad.clone();
        for k in (1..self.spec.cores()).rev() {
            let sizes = Sizes::of(&self.spec, k);
            let (m, n, inner) = sizes.product();
            let (partial, core) = (&saved.partials[k - 1], &saved.cores[k - 1]);
            let product = swap(&grad, back(sizes.sort()));
            into.accumulate(k, |dcore, write| {
                let turned = Tensor::build([inner, n], |out| {
                    let args = MatMul::new(partial.data(), product.data(), inner, n, m);
                    kernels::matmul(MatMul { trans_a: Trans::Yes, ..args }, out, Write::Set);
                });
                swap_into(dcore, turned.data(), back(sizes.core()), write);
            });
            grad = Tensor::build([m, inner], |out| {
                let args = MatMul::new(product.data(), core.data(), m, inner, n);
                kernels::matmul(MatMul { trans_b: Trans::Yes, ..args }, out, Write::Set);
            });
        }
        let first = Sizes::of(&self.spec, 0).core();
        into.accumulate(0, |dcore, write| swap_into(dcore, grad.data(), back(first), write));
    }

    fn flops(&self, _: &[&Tensor<T>]) -> u64 {
        2 * self.spec.dense_cost().multiply_adds
    }
}

/// W `[out, in]` of the cores of a chain.
///
/// # Panics
/// If the cores do not fit the specification.
#[track_caller]
pub fn chain_dense<'t, T: Element>(spec: &ChainSpec, cores: &[&Var<'t, T>]) -> Var<'t, T> {
    check_cores("chain_dense", spec, cores);
    cores[0].tape().apply(Dense { spec: spec.clone() }, cores)
}
