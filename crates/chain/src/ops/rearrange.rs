//! Exchange of two neighbouring axes, by the kernel that suits the sizes.

use anther_kernels::{self as kernels, Write};
use anther_tensor::{Element, Tensor};

/// `[a, b, c, d] → [a, c, b, d]`.
pub(crate) type Dims = [usize; 4];

/// Whether the exchange leaves every element where it is.
pub(super) fn is_still([_, b, c, _]: Dims) -> bool {
    b == 1 || c == 1
}

/// What the exchange costs, in multiply-adds of a product that take as long (`f32`, AVX-512, fitted to 432 measured products): 50 a number where
/// single numbers move, else 20 a number and 350 a run.
pub(crate) fn cost(dims: Dims) -> u64 {
    let numbers = dims.iter().product::<usize>() as u64;
    match dims {
        _ if is_still(dims) => 0,
        [_, _, _, 1] => 50 * numbers,
        [_, _, _, run] => 20 * numbers + 350 * numbers / run.max(1) as u64,
    }
}

/// The exchange that takes back what this one does.
pub(super) fn back([a, b, c, d]: Dims) -> Dims {
    [a, c, b, d]
}

/// `out[a, c, b, ·] = x[a, b, c, ·]`, or `+=`.
pub(super) fn swap_into<T: Element>(out: &mut [T], x: &[T], dims: Dims, write: Write) {
    let [a, b, c, d] = dims;
    if is_still(dims) {
        kernels::copy(out, x, write);
    } else if d == 1 {
        // Runs of one element: the tiled transposition reads whole cache lines.
        kernels::transpose_last(out, x, a, b, c, write);
    } else {
        kernels::swap_middle(out, x, dims, write);
    }
}

/// The exchanged tensor, as `[a, c, b, d]`; without a copy where nothing moves.
pub(super) fn swap<T: Element>(x: &Tensor<T>, dims: Dims) -> Tensor<T> {
    let [a, b, c, d] = dims;
    if is_still(dims) {
        return x.reshaped([a, c, b, d]);
    }
    Tensor::build([a, c, b, d], |out| swap_into(out, x.data(), dims, Write::Set))
}
