//! Functions of one number, and their derivatives.

use crate::check;
use crate::real::Real;
use crate::table::table;
use crate::threads::{BLOCK, FUNCTION_WORK, blocks, part};
use crate::write::Write;

/// A function f of one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unary {
    /// eˣ
    Exp,
    /// ln x
    Ln,
    /// √x
    Sqrt,
    /// 1 / x
    Reciprocal,
    /// x²
    Square,
    /// −x
    Neg,
    /// |x|, with derivative 0 at 0
    Abs,
    /// sin x
    Sin,
    /// cos x
    Cos,
    /// tanh x
    Tanh,
    /// 1 / (1 + e⁻ˣ)
    Sigmoid,
    /// 2/√π · ∫₀ˣ e^(−t²) dt
    Erf,
    /// max(x, 0), with derivative 0 at 0
    Relu,
    /// x · sigmoid(x)
    Silu,
    /// x · Φ(x) = x/2 · (1 + erf(x/√2))
    Gelu,
    /// x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³))), the usual approximation of [`Unary::Gelu`]
    GeluTanh,
    /// ln(1 + eˣ)
    Softplus,
    /// x + 1 above 0, eˣ elsewhere: a positive feature map of linear attention
    EluPlusOne,
    /// x² / (1 + x²), in [0, 1]; no overflow for large |x|
    Squash,
}

/// What the derivative of a [`Unary`] is computed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saves {
    /// The argument x.
    Input,
    /// The value y = f(x).
    Output,
    /// Nothing: the derivative is constant.
    Neither,
}

impl Unary {
    /// Every function.
    pub const ALL: [Unary; 19] = [
        Unary::Exp,
        Unary::Ln,
        Unary::Sqrt,
        Unary::Reciprocal,
        Unary::Square,
        Unary::Neg,
        Unary::Abs,
        Unary::Sin,
        Unary::Cos,
        Unary::Tanh,
        Unary::Sigmoid,
        Unary::Erf,
        Unary::Relu,
        Unary::Silu,
        Unary::Gelu,
        Unary::GeluTanh,
        Unary::Softplus,
        Unary::EluPlusOne,
        Unary::Squash,
    ];

    /// What [`unary_backward`] reads: `Output` for `Exp`, `Sqrt`, `Reciprocal`, `Tanh`, `Sigmoid`, `Relu` and `EluPlusOne`,
    /// `Neither` for `Neg`, `Input` for the others.
    #[must_use]
    pub const fn saves(self) -> Saves {
        match self {
            Unary::Exp
            | Unary::Sqrt
            | Unary::Reciprocal
            | Unary::Tanh
            | Unary::Sigmoid
            | Unary::Relu
            | Unary::EluPlusOne => Saves::Output,
            Unary::Neg => Saves::Neither,
            Unary::Ln
            | Unary::Square
            | Unary::Abs
            | Unary::Sin
            | Unary::Cos
            | Unary::Erf
            | Unary::Silu
            | Unary::Gelu
            | Unary::GeluTanh
            | Unary::Softplus
            | Unary::Squash => Saves::Input,
        }
    }

    /// The cost of one element, in memory-bound element operations.
    pub(crate) const fn work(self) -> usize {
        match self {
            Unary::Square | Unary::Neg | Unary::Abs | Unary::Relu => 1,
            _ => FUNCTION_WORK,
        }
    }
}

/// `out = f(x)`
///
/// # Panics
/// When the lengths differ.
#[track_caller]
pub fn unary<T: Real>(op: Unary, out: &mut [T], x: &[T], write: Write) {
    check::length("unary", "x", x.len(), out.len());
    by_blocks(table::<T>().unary, op, out, x, write);
}

/// [`unary`] by the kernel of a table that the caller has read.
pub(crate) fn by_blocks<T: Real>(
    run: fn(Unary, &mut [T], &[T], Write),
    op: Unary,
    out: &mut [T],
    x: &[T],
    write: Write,
) {
    blocks(out.len() * op.work(), out, BLOCK, |i, out| run(op, out, part(x, i, BLOCK), write));
}

/// `d = d · f′(x)`, where `y = f(x)`: [`unary_backward`] in the memory of the gradient.
///
/// # Panics
/// When the slice that is read has another length than `d`.
#[track_caller]
pub fn unary_backward_in_place<T: Real>(op: Unary, d: &mut [T], x: &[T], y: &[T]) {
    const KERNEL: &str = "unary_backward_in_place";
    let saved = match op.saves() {
        Saves::Input => {
            check::length(KERNEL, "x", x.len(), d.len());
            x
        }
        Saves::Output => {
            check::length(KERNEL, "y", y.len(), d.len());
            y
        }
        Saves::Neither => &[],
    };
    let run = table::<T>().unary_backward;
    blocks(d.len() * op.work(), d, BLOCK, |i, d| {
        let saved = part(saved, i, BLOCK);
        let mut copy = [T::ZERO; 512];
        let size = copy.len();
        for (j, d) in d.chunks_mut(size).enumerate() {
            let copy = &mut copy[..d.len()];
            copy.copy_from_slice(d);
            // The kernel walks this slice without using it where nothing was saved.
            let saved = if saved.is_empty() { &*copy } else { part(saved, j, size) };
            run(op, d, copy, saved, Write::Set);
        }
    });
}

/// Applies a function to a piece through a small copy, so that the kernels need not know of aliasing.
pub(crate) fn in_place<T: Real>(run: fn(Unary, &mut [T], &[T], Write), op: Unary, x: &mut [T]) {
    let mut copy = [T::ZERO; 512];
    for x in x.chunks_mut(copy.len()) {
        let copy = &mut copy[..x.len()];
        copy.copy_from_slice(x);
        run(op, x, copy, Write::Set);
    }
}

/// `dx = dy · f′(x)`, where `y = f(x)`.
///
/// Only the slice that [`Unary::saves`] names is read; the other one may be empty.
///
/// # Panics
/// When the slice that is read, or `dy`, has another length than `dx`.
#[track_caller]
pub fn unary_backward<T: Real>(op: Unary, dx: &mut [T], dy: &[T], x: &[T], y: &[T], write: Write) {
    check::length("unary_backward", "dy", dy.len(), dx.len());
    let saved = saved("unary_backward", op, dx.len(), dy, x, y, "x");
    let run = table::<T>().unary_backward;
    blocks(dx.len() * op.work(), dx, BLOCK, |i, dx| run(op, dx, part(dy, i, BLOCK), part(saved, i, BLOCK), write));
}

/// The slice that the derivative reads, of `len` elements as the destination; `argument` is the name of `x` in messages.
#[track_caller]
pub(crate) fn saved<'a, T>(
    kernel: &str,
    op: Unary,
    len: usize,
    dy: &'a [T],
    x: &'a [T],
    y: &'a [T],
    argument: &str,
) -> &'a [T] {
    let (what, saved) = match op.saves() {
        Saves::Input => (argument, x),
        Saves::Output => ("y", y),
        // The kernel walks this slice without using it.
        Saves::Neither => ("dy", dy),
    };
    check::length(kernel, what, saved.len(), len);
    saved
}
