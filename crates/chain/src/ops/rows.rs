//! Rows of W `[out, in]` by number, from the cores: the embedding of a chain.
//!
//! Row o of W is a product of one slice of each core: with o = (o_1 … o_d) row-major, `L_1 = C_1[1, ·, o_1, ·]`, `L_k [I_1 … I_k, r_k] =
//! L_{k−1} C_k[·, ·, o_k, ·]`, and L_d is the row. Cost `Σ_k (Π_{j≤k} I_j) r_{k−1} r_k` multiply-adds an id; nothing of the size of the table is
//! ever made, forward or backward. Backward makes the L of an id again, gives `dC_k[·, ·, o_k, ·] += L_{k−1}ᵀ dL_k` and goes on with
//! `dL_{k−1} = dL_k C_k[·, ·, o_k, ·]ᵀ`. Ids are taken in blocks whose size depends on the shape alone, and each slice adds up its
//! contributions in the order of the ids.

use anther_kernels::{self as kernels, BatchedMatMul, MatMul, Trans, Write};
use anther_tensor::{Backward, Element, Ids, Op, Shape, Tensor, Var};

use super::check_cores;
use super::rearrange::{swap, swap_into};
use crate::spec::ChainSpec;

/// Numbers that a block of ids may take for one core, unless one id takes more.
const BLOCK: usize = 1 << 18;

struct Rows {
    spec: ChainSpec,
    ids: Ids,
}

/// Where the slices of a core are read.
enum Slices<T: Element> {
    /// `[O_k, r_{k−1} I_k r_k]`: for at least as many ids as slices, so that turning the core costs no more than reading them.
    Turned(Tensor<T>),
    /// From the core as it is.
    Strided(Tensor<T>),
}

/// Core `k` as `[front, O_k, right]`.
fn sides(spec: &ChainSpec, k: usize) -> (usize, usize, usize) {
    let [left, inputs, outputs, right] = spec.core_shape(k);
    (left * inputs, outputs, right)
}

impl<T: Element> Slices<T> {
    fn new(spec: &ChainSpec, k: usize, core: &Tensor<T>, ids: usize) -> Self {
        let (front, outputs, right) = sides(spec, k);
        if ids >= outputs {
            Slices::Turned(swap(core, [1, front, outputs, right]))
        } else {
            Slices::Strided(core.clone())
        }
    }

    /// One slice for each digit, `[digits, r_{k−1} I_k r_k]`.
    fn gather(&self, spec: &ChainSpec, k: usize, digits: &[u32]) -> Tensor<T> {
        let (front, outputs, right) = sides(spec, k);
        Tensor::build([digits.len(), front * right], |out| match self {
            Slices::Turned(table) => kernels::gather_rows(out, table.data(), digits, front * right),
            Slices::Strided(core) => {
                let slices = out.chunks_mut(front * right).zip(digits);
                for (slice, &digit) in slices {
                    let runs = core.data()[digit as usize * right..].chunks(outputs * right);
                    slice.chunks_mut(right).zip(runs).for_each(|(out, run)| out.copy_from_slice(&run[..right]));
                }
            }
        })
    }
}

/// A block of ids: their slices of each core, and the products of all but the last.
struct Block<T: Element> {
    slices: Vec<Tensor<T>>,
    lefts: Vec<Tensor<T>>,
}

impl<T: Element> Block<T> {
    /// With the rows of the ids written to `rows`, if they are wanted.
    fn new(spec: &ChainSpec, sources: &[Slices<T>], digits: &[Vec<u32>], rows: Option<&mut [T]>) -> Self {
        let ids = digits[0].len();
        let slices: Vec<_> = sources
            .iter()
            .zip(digits)
            .enumerate()
            .map(|(k, (source, digits))| source.gather(spec, k, digits))
            .collect();
        let mut lefts = vec![slices[0].clone()];
        let last = spec.cores() - 1;
        let multiply = |k: usize, left: &Tensor<T>, out: &mut [T]| {
            let (m, n, inner) = product(spec, k);
            let args = MatMul::new(left.data(), slices[k].data(), m, n, inner);
            let args = BatchedMatMul { batch: ids, a_shared: false, b_shared: false, args };
            kernels::matmul_batched(args, out, Write::Set);
        };
        for k in 1..last {
            let (m, n, _) = product(spec, k);
            lefts.push(Tensor::build([ids, m * n], |out| multiply(k, &lefts[k - 1], out)));
        }
        match rows {
            Some(rows) if last == 0 => rows.copy_from_slice(slices[0].data()),
            Some(rows) => multiply(last, &lefts[last - 1], rows),
            None => {}
        }
        Block { slices, lefts }
    }
}

/// Rows, columns and inner size of the product of one id with core `k`.
fn product(spec: &ChainSpec, k: usize) -> (usize, usize, usize) {
    let [left, inputs, _, right] = spec.core_shape(k);
    (spec.inputs[..k].iter().product(), inputs * right, left)
}

/// How many ids are taken together.
fn block_size(spec: &ChainSpec) -> usize {
    let largest = (0..spec.cores()).map(|k| {
        let (front, _, right) = sides(spec, k);
        let (m, n, _) = product(spec, k);
        (front * right).max(m * n)
    });
    (BLOCK / largest.max().unwrap_or(1)).max(1)
}

/// The digits of the ids, one list for each core.
fn digits(spec: &ChainSpec, ids: &[u32]) -> Vec<Vec<u32>> {
    let mut rest: Vec<usize> = ids.iter().map(|&id| id as usize).collect();
    let mut digits: Vec<Vec<u32>> = spec
        .outputs
        .iter()
        .rev()
        .map(|&outputs| {
            rest.iter_mut()
                .map(|rest| {
                    let digit = *rest % outputs;
                    *rest /= outputs;
                    digit as u32
                })
                .collect()
        })
        .collect();
    digits.reverse();
    digits
}

fn sources<T: Element>(spec: &ChainSpec, cores: &[&Tensor<T>], ids: usize) -> Vec<Slices<T>> {
    cores.iter().enumerate().map(|(k, core)| Slices::new(spec, k, core, ids)).collect()
}

/// The rows of these ids, outside of a tape: `[.., in]`.
pub(crate) fn rows<T: Element>(spec: &ChainSpec, ids: &Ids, cores: &[&Tensor<T>]) -> Tensor<T> {
    let width = spec.shape()[1];
    let mut dims = ids.shape().to_vec();
    dims.push(width);
    let sources = sources(spec, cores, ids.data().len());
    let block = block_size(spec);
    Tensor::build(Shape::new(&dims), |out| {
        for (ids, out) in ids.data().chunks(block).zip(out.chunks_mut(block * width)) {
            Block::new(spec, &sources, &digits(spec, ids), Some(out));
        }
    })
}

impl Rows {
    /// Adds the gradients of a block of ids to `tables`, one `[O_k, r_{k−1} I_k r_k]` for each core whose gradient is wanted.
    fn block_backward<T: Element>(
        &self,
        block: &Block<T>,
        digits: &[Vec<u32>],
        dy: &[T],
        tables: &mut [Option<Tensor<T>>],
    ) {
        let ids = digits[0].len();
        let mut scatter = |k: usize, slices: &[T]| {
            let (front, _, right) = sides(&self.spec, k);
            if let Some(table) = &mut tables[k] {
                kernels::scatter_add_rows(table.data_mut(), slices, &digits[k], front * right, Write::Add);
            }
        };
        let mut grad = Tensor::from_slice([dy.len()], dy);
        for k in (1..self.spec.cores()).rev() {
            let (m, n, inner) = product(&self.spec, k);
            let batch = |args| BatchedMatMul { batch: ids, a_shared: false, b_shared: false, args };
            let dslices = Tensor::build([ids, inner * n], |out| {
                let args = MatMul::new(block.lefts[k - 1].data(), grad.data(), inner, n, m);
                kernels::matmul_batched(batch(MatMul { trans_a: Trans::Yes, ..args }), out, Write::Set);
            });
            scatter(k, dslices.data());
            grad = Tensor::build([ids, m * inner], |out| {
                let args = MatMul::new(grad.data(), block.slices[k].data(), m, inner, n);
                kernels::matmul_batched(batch(MatMul { trans_b: Trans::Yes, ..args }), out, Write::Set);
            });
        }
        scatter(0, grad.data());
    }
}

impl<T: Element> Op<T> for Rows {
    type Saved = Vec<Tensor<T>>;

    fn name(&self) -> &'static str {
        "chain_rows"
    }

    fn forward(&self, cores: &[&Tensor<T>]) -> (Tensor<T>, Self::Saved) {
        (rows(&self.spec, &self.ids, cores), cores.iter().map(|&core| core.clone()).collect())
    }

    fn backward(&self, cores: &Self::Saved, grad: &Tensor<T>, into: &mut Backward<'_, T>) {
        let spec = &self.spec;
        let (ids, width, block) = (self.ids.data(), spec.shape()[1], block_size(spec));
        let mut tables: Vec<Option<Tensor<T>>> = (0..spec.cores())
            .map(|k| {
                let (front, outputs, right) = sides(spec, k);
                into.wants(k).then(|| Tensor::zeros([outputs, front * right]))
            })
            .collect();
        let sources = sources(spec, &cores.iter().collect::<Vec<_>>(), ids.len());
        for (ids, dy) in ids.chunks(block).zip(grad.data().chunks(block * width)) {
            let digits = digits(spec, ids);
            let made = Block::new(spec, &sources, &digits, None);
            self.block_backward(&made, &digits, dy, &mut tables);
        }
        for (k, table) in tables.iter().enumerate() {
            let Some(table) = table else { continue };
            let (front, outputs, right) = sides(spec, k);
            into.accumulate(k, |dcore, write| swap_into(dcore, table.data(), [1, outputs, front, right], write));
        }
    }

    fn flops(&self, _: &[&Tensor<T>]) -> u64 {
        2 * self.spec.rows_cost(self.ids.data().len()).multiply_adds
    }
}

/// The rows of W `[out, in]` that ids of shape `[..]` name, from its cores: `[.., in]`.
///
/// # Panics
/// If the cores do not fit the specification, or an id names no row.
#[track_caller]
pub fn chain_rows<'t, T: Element>(spec: &ChainSpec, ids: &Ids, cores: &[&Var<'t, T>]) -> Var<'t, T> {
    check_cores("chain_rows", spec, cores);
    check_ids(spec, ids);
    cores[0].tape().apply(Rows { spec: spec.clone(), ids: ids.clone() }, cores)
}

/// Panics with the first id that names no row.
#[track_caller]
pub(crate) fn check_ids(spec: &ChainSpec, ids: &Ids) {
    let rows = spec.shape()[0];
    if let Some(id) = ids.data().iter().find(|&&id| id as usize >= rows) {
        panic!("chain_rows: id {id} names no row of a chain of shape {:?} ([out, in])", spec.shape());
    }
}
