//! Rotary position embedding: pairs of features turned by an angle that grows with the position.

use crate::check;
use crate::real::Real;
use crate::table::table;
use crate::threads::{block_rows, blocks, part};
use crate::write::Write;

/// Which features form a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RotaryPairing {
    /// Features `2j` and `2j + 1`.
    Interleaved,
    /// Features `j` and `j + dim/2`.
    Halves,
}

/// Turns pair `j` of each row by the angle whose cosine and sine are `cos[p, j]` and `sin[p, j]`:
/// `(u, v) → (u·cos − v·sin, u·sin + v·cos)`.
///
/// `x` and `out` are `[blocks, positions, dim]`, `cos` and `sin` are `[positions, dim/2]`. `inverse` turns back, which is the gradient.
///
/// # Panics
/// When `dim` is odd or a length does not fit.
#[track_caller]
#[expect(clippy::too_many_arguments, reason = "the operands of the formula")]
pub fn rotary<T: Real>(
    out: &mut [T],
    x: &[T],
    cos: &[T],
    sin: &[T],
    positions: usize,
    dim: usize,
    pairing: RotaryPairing,
    inverse: bool,
    write: Write,
) {
    const KERNEL: &str = "rotary";
    assert!(dim.is_multiple_of(2), "kernels::{KERNEL}: dim is {dim}, but features come in pairs; use an even number");
    let table_len = check::product(KERNEL, &[positions, dim / 2]);
    check::length(KERNEL, "cos", cos.len(), table_len);
    check::length(KERNEL, "sin", sin.len(), table_len);
    check::length(KERNEL, "out", out.len(), x.len());
    check::rows(KERNEL, "x", x.len(), check::product(KERNEL, &[positions, dim]));
    if x.is_empty() {
        return;
    }
    let run = table::<T>().rotary;
    let (rows, size) = (block_rows(dim), block_rows(dim) * dim);
    blocks(x.len() * 2, out, size, |i, out| {
        run(out, part(x, i, size), cos, sin, i * rows, positions, dim, pairing, inverse, write);
    });
}
