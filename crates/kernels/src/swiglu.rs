//! The gate of a gated feed-forward block, SwiGLU (Shazeer 2020).

use crate::check;
use crate::real::Real;
use crate::table::table;
use crate::threads::{BLOCK, FUNCTION_WORK, blocks, blocks2, part};

/// `out = silu(gate) · up` with `silu(g) = g / (1 + e⁻ᵍ)`, element by element.
///
/// # Panics
/// When the lengths differ.
#[track_caller]
pub fn swiglu<T: Real>(out: &mut [T], gate: &[T], up: &[T]) {
    check::length("swiglu", "gate", gate.len(), out.len());
    check::length("swiglu", "up", up.len(), out.len());
    let run = table::<T>().swiglu;
    blocks(out.len() * FUNCTION_WORK, out, BLOCK, |i, out| run(out, part(gate, i, BLOCK), part(up, i, BLOCK)));
}

/// The gradients of [`swiglu`] in one pass, with one exponential an element: `dgate = dy · up · silu′(gate)` and
/// `dup = dy · silu(gate)`, where `silu′ = σ (1 + g (1 − σ))`.
///
/// # Panics
/// When the lengths differ.
#[track_caller]
pub fn swiglu_backward<T: Real>(dgate: &mut [T], dup: &mut [T], dy: &[T], gate: &[T], up: &[T]) {
    for (what, len) in [("dup", dup.len()), ("dy", dy.len()), ("gate", gate.len()), ("up", up.len())] {
        check::length("swiglu_backward", what, len, dgate.len());
    }
    let run = table::<T>().swiglu_backward;
    blocks2(dgate.len() * FUNCTION_WORK, (dgate, BLOCK), (dup, BLOCK), |i, dgate, dup| {
        run(dgate, dup, part(dy, i, BLOCK), part(gate, i, BLOCK), part(up, i, BLOCK));
    });
}
